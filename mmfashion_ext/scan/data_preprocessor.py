# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""From a list of clips to the tensors that the network reads."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from ..errors import UserError
from ..registry import MODELS


@MODELS.register_module()
class ClipDataPreprocessor(BaseDataPreprocessor):
    """Stack clips, to 0-1, and normalise frames and flow maps alike.

    Args:
        mean (Sequence[float]): Of each channel (RGB), of values 0-1. Those of
            ImageNet, as published, for flow maps too.
        std (Sequence[float]): Of the same.
        non_blocking (bool): Copy to the device without waiting.
    """

    def __init__(
        self,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        non_blocking: bool = False,
    ) -> None:
        super().__init__(non_blocking)
        for name, values in (('mean', mean), ('std', std)):
            self.register_buffer(
                name, torch.tensor(values).view(-1, 1, 1), persistent=False
            )

    def forward(self, data: dict, training: bool = False) -> dict:
        """Make a batch.

        Args:
            data (dict): ``inputs`` with ``img`` and perhaps ``flow``: each a
                list of B clips, (T, 3, H, W) uint8, or those stacked. Other
                entries (``data_samples``) are passed on.
            training (bool): Of no effect.

        Returns:
            dict: The same with ``inputs`` of (B, T, 3, H, W) float32.
        """
        data = self.cast_data(data)
        data['inputs'] = {
            kind: self._normalise(_stack(kind, clips))
            for kind, clips in data['inputs'].items()
        }
        return data

    def _normalise(self, clips: Tensor) -> Tensor:
        return clips.float().div_(255).sub_(self.mean).div_(self.std)


def _stack(kind: str, clips: Tensor | Sequence[Tensor]) -> Tensor:
    if isinstance(clips, Tensor):
        return clips
    sizes = {tuple(clip.shape) for clip in clips}
    if len(sizes) > 1:
        raise UserError(
            f'{kind} of clips in a batch must have one size (frames, '
            f'channels, height, width), got {sorted(sizes)}: add ResizeClip '
            'to the pipeline, or take batch_size=1 for clips of any length'
        )
    return torch.stack(tuple(clips))
