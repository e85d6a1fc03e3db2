# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Frame CNN: two-stream ResNet (image and optical flow) and embedding."""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..errors import UserError
from ..registry import MODELS
from .backbone import TwoStreamConv


@MODELS.register_module()
class FrameCNN(BaseModule):
    """Compute raw and embedded features of frames, with or without flow.

    Frames (B, T, 3, H, W) give raw features (B, T, R) and embeddings
    (B, T, D). The responses to image and flow are added right after their
    first convolutions, before normalisation. The global average of the
    backbone's last map is the raw feature. A linear layer, batch
    normalisation and L2 normalisation turn it into the embedding x.

    Args:
        backbone (dict): Config of a ResNet, ``mmpretrain.ResNet`` or
            ``TorchvisionResNet``; its first convolution must be ``conv1``.
        raw_channels (int): R, channels of its last map.
        channels (int): D.
        flow (bool): True: image and flow; False: images only.
        flow_channels (int): F, the last channels of a flow map (of 3) that
            are used: 3 as published, 2 leaves out the first.
        dropout (float): Dropout rate before the L2 normalisation, 0-1.
        eps (float): Lower bound of the length in the L2 normalisation. 0 as
            published: an embedding of zero becomes NaN.

    Raises:
        UserError: ``raw_channels`` differs from the backbone's, the backbone
            has no ``conv1``, or ``flow_channels`` is less than 1.
    """

    def __init__(
        self,
        backbone: dict,
        raw_channels: int = 2048,
        channels: int = 128,
        flow: bool = True,
        flow_channels: int = 3,
        dropout: float = 0.0,
        eps: float = 0.0,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.backbone = MODELS.build(backbone)
        found = getattr(self.backbone, 'feat_dim', raw_channels)
        if found != raw_channels:
            raise UserError(
                f'raw_channels is {raw_channels}, but the backbone gives '
                f'{found}: set frame_cnn.raw_channels and '
                f'matcher.raw_channels to {found}'
            )
        self.flow = flow
        self.flow_channels = flow_channels
        if flow:
            if not isinstance(
                getattr(self.backbone, 'conv1', None), nn.Conv2d
            ):
                raise UserError(
                    f'{type(self.backbone).__name__} has no first '
                    'convolution conv1 to extend to optical flow: use '
                    'another backbone (without a deep stem), or flow=False'
                )
            if flow_channels < 1:
                raise UserError(
                    f'flow_channels must be 1 or more, got {flow_channels}; '
                    'flow=False leaves out optical flow'
                )
            self.backbone.conv1 = TwoStreamConv(
                self.backbone.conv1, flow_channels
            )
        self.feat = nn.Linear(raw_channels, channels)
        nn.init.kaiming_normal_(self.feat.weight, mode='fan_out')
        nn.init.zeros_(self.feat.bias)
        self.feat_bn = nn.BatchNorm1d(channels)
        self.dropout = nn.Dropout(dropout)
        self.eps = eps

    def forward(
        self, img: Tensor, flow: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute the features of all frames.

        Under autocast only the backbone runs in half precision.

        Args:
            img (Tensor): (B, T, 3, H, W) normalised RGB.
            flow (Tensor, optional): (B, T, 3, H, W) normalised, of which the
                last F channels are used; ignored with ``flow=False``.

        Returns:
            tuple[Tensor, Tensor]: x (B, T, D) of length 1, and raw
            (B, T, R), both at least float32.

        Raises:
            UserError: The network needs flow, but there is none.
        """
        frames = img.flatten(0, 1)
        if self.flow:
            if flow is None:
                raise UserError(
                    'the network needs optical flow, but the clips have '
                    'none: load it (dataset with flow=True), or set '
                    'model.frame_cnn.flow=False'
                )
            if flow.shape[2] < self.flow_channels:
                raise UserError(
                    f'flow_channels is {self.flow_channels}, but flow maps '
                    f'have {flow.shape[2]} channels; set '
                    f'model.frame_cnn.flow_channels={flow.shape[2]}'
                )
            used = flow[:, :, flow.shape[2] - self.flow_channels :]
            frames = torch.cat((frames, used.flatten(0, 1)), dim=1)
        maps = self.backbone(frames)[-1]
        exact = torch.promote_types(maps.dtype, torch.float32)
        raw = maps.mean(dim=(2, 3), dtype=exact)
        with torch.autocast(raw.device.type, enabled=False):
            x = self.dropout(self.feat_bn(self.feat(raw)))
            x = F.normalize(x, dim=1, eps=self.eps)
        clips = img.shape[:2]
        return x.view(*clips, -1), raw.view(*clips, -1)
