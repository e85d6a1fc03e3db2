# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""ResNet backbones: a two-stream first convolution, and a plain ResNet."""

from mmengine.model import BaseModule
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from ..errors import UserError
from ..registry import MODELS


class TwoStreamConv(nn.Conv2d):
    """Two-stream convolution: conv(image) + conv(flow).

    Replaces a network's first convolution. The image weight keeps its name,
    so that pretrained weights are found; the weight of ``flow`` starts from
    He's normal distribution (fan out). The input is (B, 3 + F, H, W).

    Args:
        conv (nn.Conv2d): The convolution of images; its weight is shared.
        flow_channels (int): F, channels of a flow map.
    """

    def __init__(self, conv: nn.Conv2d, flow_channels: int = 3) -> None:
        geometry = {
            'kernel_size': conv.kernel_size,
            'stride': conv.stride,
            'padding': conv.padding,
            'bias': False,
        }
        super().__init__(conv.in_channels, conv.out_channels, **geometry)
        self.weight = conv.weight
        self.flow = nn.Conv2d(flow_channels, conv.out_channels, **geometry)
        nn.init.kaiming_normal_(self.flow.weight, mode='fan_out')

    def forward(self, frames: Tensor) -> Tensor:
        """Add the responses to image and flow.

        Args:
            frames (Tensor): (B, 3 + F, H, W) normalised, RGB first.

        Returns:
            Tensor: (B, C, H / stride, W / stride).
        """
        sizes = self.in_channels, self.flow.in_channels
        image, flow = frames.split(sizes, dim=1)
        return super().forward(image) + self.flow(flow)


@MODELS.register_module()
class TorchvisionResNet(BaseModule):
    """ResNet built from torchvision's blocks; does not need mmpretrain.

    Parameters have torchvision's (and mmpretrain's) names, so that
    ``init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')``
    works. Use depth 10 and fewer base channels for a small network. Images
    (B, 3, H, W) give one map (B, feat_dim, H / 32, W / 32).

    Args:
        depth (int): 10, 18, 34, 50, 101 or 152.
        base_channels (int): Channels of the stem.
        init_cfg (dict, optional): Defaults to torchvision's initialisation:
            He's normal distribution (fan out), normalisation weights of 1.

    Raises:
        UserError: The depth is not one of these.
    """

    BLOCKS = {
        10: (BasicBlock, (1, 1, 1, 1)),
        18: (BasicBlock, (2, 2, 2, 2)),
        34: (BasicBlock, (3, 4, 6, 3)),
        50: (Bottleneck, (3, 4, 6, 3)),
        101: (Bottleneck, (3, 4, 23, 3)),
        152: (Bottleneck, (3, 8, 36, 3)),
    }

    def __init__(
        self,
        depth: int = 50,
        base_channels: int = 64,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        if depth not in self.BLOCKS:
            raise UserError(
                f'depth must be one of {list(self.BLOCKS)}, got {depth}'
            )
        super().__init__(
            init_cfg
            or [
                {'type': 'Kaiming', 'layer': 'Conv2d'},
                {'type': 'Constant', 'val': 1, 'layer': '_BatchNorm'},
            ]
        )
        block, counts = self.BLOCKS[depth]
        self.conv1 = nn.Conv2d(3, base_channels, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(base_channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = base_channels
        stages = []
        for number, count in enumerate(counts):
            planes, stride = base_channels * 2**number, min(number + 1, 2)
            stages.append(_stage(block, channels, planes, count, stride))
            channels = planes * block.expansion
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        #: Channels of the output.
        self.feat_dim = channels

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Compute the last feature map.

        Args:
            x (Tensor): (B, 3, H, W) normalised RGB.

        Returns:
            tuple[Tensor]: One map (B, C, H / 32, W / 32), sizes rounded up.
        """
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return (self.layer4(self.layer3(self.layer2(self.layer1(x)))),)


def _stage(
    block: type[nn.Module],
    channels: int,
    planes: int,
    count: int,
    stride: int,
) -> nn.Sequential:
    """Build ``count`` blocks; the first one changes size and channels."""
    out, downsample = planes * block.expansion, None
    if stride != 1 or channels != out:
        downsample = nn.Sequential(
            nn.Conv2d(channels, out, 1, stride, bias=False),
            nn.BatchNorm2d(out),
        )
    return nn.Sequential(
        block(channels, planes, stride, downsample),
        *(block(out, planes) for _ in range(count - 1)),
    )
