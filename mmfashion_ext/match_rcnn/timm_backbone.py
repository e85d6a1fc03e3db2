# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Backbone of timm for detectors, batch norm folded into its convolutions."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights

from ..errors import UserError
from ..plugins import require_package
from ..registry import MODELS


@MODELS.register_module()
class TimmBackbone(BaseModule):
    """Feature pyramid of any timm model: ``timm.create_model(features_only)``.

    Detectors keep the statistics of batch norm as they are; then it is a
    factor and a summand of the convolution before it. With ``fold_norm`` they
    are folded into it, which saves about a fifth of the time on a CPU.
    ``tools/model_converters/timm_backbone.py`` makes checkpoints of this form
    from those of timm. Nothing is downloaded. Images (B, 3, h, w) become maps
    (B, C_i, h_i, w_i), finest first.

    Args:
        model_name (str): A name of ``timm.list_models()``.
        out_indices (Sequence[int]): Levels to return; level i has stride
            ``2 ** (i + 1)`` in most models.
        frozen_stages (int): Parts of the network, counted from the input,
            that do not learn: 1 is the stem, 2 the stem and the first of
            ``blocks``, and so on. 0: all learn.
        fold_norm (bool): Fold batch norm into the convolutions. False: batch
            norm as timm builds it, learning.
        channels_last (bool): Compute in the memory format ``channels_last``,
            which is faster for these models, on a CPU too. The feature maps
            are contiguous again: mmcv's RoIAlign reads others wrongly.
        init_cfg (dict, optional): Initialisation.
        **kwargs: Further arguments of ``timm.create_model``.

    Raises:
        ImportError: timm is not installed.
        UserError: timm has no such model, or the model no ``blocks`` to
            freeze.
    """

    def __init__(
        self,
        model_name: str,
        out_indices: Sequence[int] = (1, 2, 3, 4),
        frozen_stages: int = 0,
        fold_norm: bool = True,
        channels_last: bool = True,
        init_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(init_cfg)
        require_package('timm', 'TimmBackbone')
        import timm

        try:
            self.timm_model = timm.create_model(
                model_name,
                pretrained=False,
                features_only=True,
                out_indices=tuple(out_indices),
                **kwargs,
            )
        except RuntimeError as error:
            raise UserError(
                f'TimmBackbone: timm has no model {model_name!r} ({error}); '
                'timm.list_models() lists all names'
            ) from None
        if fold_norm:
            fold_batch_norm(self.timm_model)
        self.channels_last = channels_last
        self._frozen = _first_parts(self.timm_model, frozen_stages)
        for part in self._frozen:
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> 'TimmBackbone':
        """Set the mode; what is frozen stays in evaluation mode."""
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute feature maps.

        Args:
            x (Tensor): (B, 3, H, W) normalised images.

        Returns:
            tuple[Tensor, ...]: (B, C_i, H / s_i, W / s_i) of each level.
        """
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        return tuple(feature.contiguous() for feature in self.timm_model(x))


def fold_batch_norm(model: nn.Module) -> None:
    """Fold each batch norm into the convolution before it, in place.

    The output (B, C, H, W) of a model in evaluation mode stays the same. A
    pair are two neighbours in the order of the modules, as in timm's
    EfficientNet and MobileNet; timm's activation after the norm stays.

    Args:
        model (nn.Module): Convolutions without bias before batch norm.
    """
    modules = dict(model.named_modules())
    conv: nn.Conv2d | None = None
    for name, module in modules.items():
        if isinstance(module, nn.Conv2d):
            conv = module
        elif isinstance(module, _BatchNorm) and conv is not None:
            assert module.running_mean is not None
            assert module.running_var is not None
            conv.weight, conv.bias = fuse_conv_bn_weights(
                conv.weight,
                conv.bias,
                module.running_mean,
                module.running_var,
                module.eps,
                module.weight,
                module.bias,
            )
            conv.requires_grad_(True)
            parent, _, attribute = name.rpartition('.')
            activation = getattr(module, 'act', nn.Identity())
            setattr(modules[parent], attribute, activation)
            conv = None


def _first_parts(model: nn.Module, count: int) -> list[nn.Module]:
    """Return the stem and the first ``count - 1`` stages of a model."""
    if count <= 0:
        return []
    blocks = getattr(model, 'blocks', None)
    if blocks is None:
        raise UserError(
            'frozen_stages of TimmBackbone needs a model with `blocks` '
            f'(EfficientNet, MobileNet ...), got {type(model).__name__}; set '
            'frozen_stages=0'
        )
    return [model.conv_stem, model.bn1, *list(blocks)[: count - 1]]
