# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Wrapper that keeps a frozen network out of its owner's state dict."""

from collections.abc import Callable
from typing import Any

from torch import nn


class Frozen(nn.Module):
    """Wrapper of a network that is not trained: a teacher, or a loss's VGG.

    The network follows its owner to another device or dtype and into copies.
    It is not in the owner's ``state_dict``, ``parameters`` or ``modules``, so
    checkpoints do not contain it, optimizers and data parallel wrappers do not
    see it, ``train()`` leaves it in evaluation mode and its batch
    normalisations are not converted to SyncBN. A gradient reaches the inputs,
    but not its weights.

    Args:
        module (nn.Module): Changed in place: evaluation mode, no gradients
            for its parameters.

    Attributes:
        module (nn.Module): The network.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        # setattr would register it
        self.__dict__['module'] = module.eval().requires_grad_(False)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the network."""
        return self.module(*args, **kwargs)

    def _apply(self, fn: Callable, recurse: bool = True) -> 'Frozen':
        # .to(), .cuda(), .half() and the like all call this
        super()._apply(fn, recurse)
        if recurse:
            self.module._apply(fn)
        return self

    def extra_repr(self) -> str:
        """Return the network's class alone, without its layers."""
        return type(self.module).__name__
