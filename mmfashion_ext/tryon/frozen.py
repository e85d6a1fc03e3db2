# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A network that helps another one to train, without being part of it."""

from collections.abc import Callable
from typing import Any

from torch import nn


class Frozen(nn.Module):
    """Holds a network that never learns: a teacher, or features for a loss.

    The network follows its owner to another device or type and into copies.
    Otherwise the owner does not know of it: it is not in the owner's
    ``state_dict``, ``parameters`` or ``modules``, so checkpoints do not carry
    it, no optimizer or data parallel wrapper sees it, ``train()`` leaves it in
    evaluation mode and SyncBN is not put into it. A gradient passes through to
    the inputs, but not to its weights.

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
        """What the network returns."""
        return self.module(*args, **kwargs)

    def _apply(self, fn: Callable, recurse: bool = True) -> 'Frozen':
        # what all of .to(), .cuda(), .half() and the like come down to
        super()._apply(fn, recurse)
        if recurse:
            self.module._apply(fn)
        return self

    def extra_repr(self) -> str:
        """Name of the network only; a teacher is as long as the student."""
        return type(self.module).__name__
