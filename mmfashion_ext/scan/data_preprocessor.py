# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Data preprocessor of clips: stack, scale to 0-1, normalise."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from ..errors import UserError
from ..registry import MODELS


@MODELS.register_module()
class ClipDataPreprocessor(BaseDataPreprocessor):
    """Stack clips, scale them to 0-1, and normalise frames and flow maps.

    B clips (T, 3, H, W) uint8 RGB become (B, T, 3, H, W) float32.

    Args:
        mean (Sequence[float]): Mean of each channel (RGB) of values 0-1.
            Defaults to ImageNet's, as published, for flow maps too.
        std (Sequence[float]): Standard deviation of each channel.
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
        """Build a normalised batch on the model's device.

        Args:
            data (dict): ``inputs`` with ``img`` and optionally ``flow``: each
                a list of B clips, (T, 3, H, W) uint8 RGB, or one stacked
                tensor. Other entries (``data_samples``) are passed on.
            training (bool): Not used.

        Returns:
            dict: The same with ``inputs`` of (B, T, 3, H, W) float32.

        Raises:
            UserError: Clips of the batch differ in size.
        """
        data = self.cast_data(data)
        data['inputs'] = {
            modality: self._normalise(_stack(modality, clips))
            for modality, clips in data['inputs'].items()
        }
        return data

    def _normalise(self, clips: Tensor) -> Tensor:
        # a copy, which alone is changed in place
        clips = clips.to(torch.float32, copy=True)
        return clips.div_(255).sub_(self.mean).div_(self.std)


def _stack(modality: str, clips: Tensor | Sequence[Tensor]) -> Tensor:
    """Stack B clips (T, 3, H, W) to (B, T, 3, H, W)."""
    if isinstance(clips, Tensor):
        return clips
    sizes = {tuple(clip.shape) for clip in clips}
    if len(sizes) > 1:
        raise UserError(
            f'{modality} of clips in a batch must have one size (frames, '
            f'channels, height, width), got {sorted(sizes)}: add ResizeClip '
            'to the pipeline, or set batch_size=1 for clips of any length'
        )
    return torch.stack(tuple(clips))
