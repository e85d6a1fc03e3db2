# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Data preprocessor: images, masks and label maps to normalised tensors."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor
from torch.nn import functional

from ..errors import UserError
from ..formats.viton.constants import NOISE, UPPER_CLOTHES
from ..registry import MODELS
from .transforms import TRUTH_MAPS

#: The networks halve the size five times.
DIVISOR = 32


@MODELS.register_module()
class TryOnDataPreprocessor(BaseDataPreprocessor):
    """Stack and normalise a batch, mask the cloth, pad to multiples of 32.

    B tensors (C, h, w) become one batch (B, C, H, W):

    - images: x / 255, then (x - 0.5) / 0.5: RGB in [-1, 1];
    - cloth masks, and the maps of the truth: 1 where the file's value is 128
      or more, else 0;
    - cloth = cloth * mask: 0 (mid-grey) outside the mask;
    - parse: label 7 ("noise") becomes 4 (upper clothes);
    - cloth_class: B indices become (B,) long.

    Padding is added at the right and the bottom: the person's border is
    repeated, cloth and labels are padded by 0, pose maps by -1 (no joint), the
    flow by NaN, ``kept`` by 1. Predictions are cropped back to ``ori_shape``.
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """Build a batch.

        Args:
            data (dict): ``inputs``: for each key of :class:`PackTryOn` a list
                of B tensors (C, h, w), or those stacked. Other entries
                (``data_samples``) are passed on.
            training (bool): Has no effect.

        Returns:
            dict: The same; tensors of ``inputs`` are (B, C, H, W), float32,
            ``parse`` and ``densepose`` long; ``cloth_class`` is (B,) long.

        Raises:
            UserError: Images of a batch have different sizes.
        """
        data = self.cast_data(data)
        classes = data['inputs'].get('cloth_class')
        data['inputs'] = {
            kind: _pad(kind, self._convert(kind, _stack(kind, values)))
            for kind, values in data['inputs'].items()
            if kind != 'cloth_class'
        }
        _mask_cloths(data['inputs'])
        if classes is not None:
            data['inputs']['cloth_class'] = (
                classes
                if isinstance(classes, Tensor)
                else torch.stack(tuple(classes))
            )
        return data

    def _convert(self, kind: str, batch: Tensor) -> Tensor:
        if kind in ('person', 'truth', 'cloth', 'unpaired_cloth'):
            # a copy, which alone is changed in place
            batch = batch.to(torch.float32, copy=True)
            return batch.div_(255).sub_(0.5).div_(0.5)
        if kind.endswith('cloth_mask') or kind in TRUTH_MAPS:
            return (batch >= 128).float()
        if kind in ('parse', 'true_parse'):
            return batch.long().masked_fill(batch == NOISE, UPPER_CLOTHES)
        return batch.long() if kind == 'densepose' else batch.float()


def _stack(kind: str, values: Tensor | Sequence[Tensor]) -> Tensor:
    if isinstance(values, Tensor):
        return values
    sizes = {tuple(value.shape[-2:]) for value in values}
    if len(sizes) > 1:
        raise UserError(
            f'{kind} of a batch must have one size (h, w), got '
            f'{sorted(sizes)}: add ResizeTryOn to the pipeline, or set '
            'batch_size=1'
        )
    return torch.stack(tuple(values))


def _pad(kind: str, batch: Tensor) -> Tensor:
    """Pad (B, C, h, w) to multiples of 32 at the right and the bottom."""
    h, w = batch.shape[-2:]
    sides = (0, -w % DIVISOR, 0, -h % DIVISOR)
    if not any(sides):
        return batch
    if kind in ('person', 'truth'):
        return functional.pad(batch, sides, mode='replicate')
    value = {'pose_map': -1.0, 'flow': torch.nan, 'kept': 1.0}.get(kind, 0)
    return functional.pad(batch, sides, value=value)


def _mask_cloths(inputs: dict[str, Tensor]) -> None:
    """Set every cloth to 0 outside its mask."""
    for kind in ('cloth', 'unpaired_cloth'):
        if kind in inputs:
            inputs[kind] = inputs[kind] * inputs[f'{kind}_mask']
