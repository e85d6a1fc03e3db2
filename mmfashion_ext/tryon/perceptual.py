# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Perceptual loss: L1 distance of VGG19 features."""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers

from ..errors import UserError
from ..registry import MODELS
from ..utils.checkpoint import (
    CheckpointError,
    extract_state_dict,
    load_checkpoint_file,
)
from .frozen import Frozen

#: torchvision's VGG19 without batch normalisation, trained on ImageNet.
VGG19_URL = 'https://download.pytorch.org/models/vgg19-dcbb9e9d.pth'


class VGG19Features(nn.Module):
    """Features relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1 of VGG19.

    Images are (B, 3, h, w), the last map is (B, 512, h / 16, w / 16). A side
    of one pixel stays one pixel in a pooling, as in PyTorch 1.0 and
    1.1 (today's raises an error); a side of three still becomes one.
    """

    TAPS = (1, 6, 11, 20, 29)

    def __init__(self) -> None:
        super().__init__()
        # not initialised: all weights come from a file, or from a seed
        with torch.device('meta'):
            self.features = make_layers(cfgs['E'])[: self.TAPS[-1] + 1]
        self.features.to_empty(device='cpu')

    def forward(self, x: Tensor) -> list[Tensor]:
        """Compute five maps of (B, 3, h, w).

        Returns:
            list[Tensor]: (B, 64, h, w) ... (B, 512, h / 16, w / 16).
        """
        maps = []
        for index, layer in enumerate(self.features):
            x = _pool(x) if isinstance(layer, nn.MaxPool2d) else layer(x)
            if index in self.TAPS:
                maps.append(x)
        return maps


def _pool(x: Tensor) -> Tensor:
    """Max-pool 2 x 2; a side of one pixel keeps its size."""
    kernel = [min(side, 2) for side in x.shape[2:]]
    return F.max_pool2d(x, kernel, stride=2)


@MODELS.register_module()
class PerceptualLoss(BaseModule):
    """Perceptual loss: L1 distance of two images' VGG19 features.

    loss(x, y) = sum_i weights_i * mean |F_i(x) - F_i(y)|, F_i = relu{i}_1.
    VGG19 gets images in [-1, 1], without ImageNet's normalisation, as
    published. Only x receives a gradient.

    VGG19 is frozen and not part of the checkpoints of the model that holds
    this loss. Its file is read when training starts and is never downloaded;
    tests and inference do not need it. Under autocast VGG19 computes in the
    lower precision, as every network; features are compared in float32.

    Args:
        checkpoint (str, optional): torchvision's ``vgg19-dcbb9e9d.pth``.
        weights (Sequence[float]): Weights of the five maps.
        seed (int, optional): Without a checkpoint: random weights, the same
            for the same seed. For tests.

    Raises:
        UserError: There are not five weights.
    """

    def __init__(
        self,
        checkpoint: str | None = None,
        weights: Sequence[float] = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0),
        seed: int | None = None,
    ) -> None:
        super().__init__()
        if len(weights) != len(VGG19Features.TAPS):
            raise UserError(
                f'PerceptualLoss.weights: expected {len(VGG19Features.TAPS)} '
                f'numbers, one per map, got {len(weights)}'
            )
        self.checkpoint = checkpoint
        self.weights = tuple(weights)
        self.vgg = Frozen(VGG19Features())
        if checkpoint is None and seed is not None:
            _draw_weights(self.vgg.module, seed)
            self._is_init = True

    def init_weights(self) -> None:
        """Read the weights of VGG19, once.

        Raises:
            UserError: The file does not exist.
            CheckpointError: The file has other weights.
        """
        if self._is_init:  # several losses may share this one
            return
        path = Path(self.checkpoint or '').expanduser()
        if not path.is_file():
            raise UserError(
                f'model.perceptual.checkpoint: {self.checkpoint!r} is not a '
                'file; the perceptual losses need VGG19. Download '
                f'{VGG19_URL} to that path, or pass another path by '
                '--cfg-options model.perceptual.checkpoint=PATH'
            )
        _read_weights(self.vgg.module, path)
        self._is_init = True

    def features(self, x: Tensor) -> list[Tensor]:
        """Compute five maps of images (B, 3, h, w), RGB in [-1, 1].

        Returns:
            list[Tensor]: (B, 64, h, w) ... (B, 512, h / 16, w / 16).

        Raises:
            RuntimeError: VGG19 has no weights yet.
        """
        if not self._is_init:
            raise RuntimeError(
                'PerceptualLoss has no weights yet: call init_weights() of '
                'the model before its losses'
            )
        return self.vgg(x)

    @torch.no_grad()
    def target_features(self, y: Tensor) -> list[Tensor]:
        """Compute the features of a target, without a gradient.

        For a target that several images are compared with.

        Args:
            y (Tensor): (B, 3, h, w), RGB in [-1, 1].

        Returns:
            list[Tensor]: See :meth:`features`.
        """
        return self.features(y)

    def forward(
        self,
        x: Tensor,
        target: Tensor | None = None,
        target_features: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Compute the loss.

        Args:
            x (Tensor): (B, 3, h, w), RGB in [-1, 1].
            target (Tensor, optional): (B, 3, h, w), RGB in [-1, 1].
            target_features (Sequence[Tensor], optional): Instead of
                ``target``: its :meth:`target_features`.

        Returns:
            Tensor: (), at least float32.
        """
        if target_features is None:
            target_features = self.target_features(target)
        return sum(
            weight * l1(feature, target_feature.detach())
            for weight, feature, target_feature in zip(
                self.weights, self.features(x), target_features, strict=True
            )
        )


def exact(x: Tensor) -> Tensor:
    """Cast to float32 unless it is wider; autocast's dtypes are too coarse."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def l1(x: Tensor, y: Tensor) -> Tensor:
    """Compute the mean absolute difference over all elements, ()."""
    return F.l1_loss(exact(x), exact(y))


def _draw_weights(vgg: VGG19Features, seed: int) -> None:
    """Draw weights from He's normal distribution; biases are 0."""
    generator = torch.Generator().manual_seed(seed)
    for layer in vgg.features:
        if isinstance(layer, nn.Conv2d):
            std = (2 / layer.weight[0].numel()) ** 0.5
            layer.weight.data.normal_(0, std, generator=generator)
            layer.bias.data.zero_()


def _read_weights(vgg: VGG19Features, path: Path) -> None:
    """Load the needed weights of torchvision's file; ignore the others."""
    weights = extract_state_dict(load_checkpoint_file(path), path)
    expected = vgg.state_dict()
    wrong = [
        f'{name} {tuple(weights[name].shape)}' if name in weights else name
        for name in expected
        if name not in weights or weights[name].shape != expected[name].shape
    ]
    if wrong:
        raise CheckpointError(
            f"{path}: not torchvision's VGG19 without batch normalisation. "
            f'Missing or of another shape are {len(wrong)} of '
            f'{len(expected)} weights: {", ".join(wrong[:4])}'
            f'{" ..." if len(wrong) > 4 else ""}. Download {VGG19_URL}'
        )
    vgg.load_state_dict({name: weights[name] for name in expected})
