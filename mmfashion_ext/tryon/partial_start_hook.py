# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Hook that trains only the new layers for the first epochs."""

from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from ..errors import UserError
from ..registry import HOOKS


@HOOKS.register_module()
class PartialStartHook(Hook):
    """Hook: train some parameters at first, then all with a fresh optimizer.

    The student's cloth branch is copied from the tutor, its condition branch
    is new. As published, epochs 1 ... ``switch_epoch - 1`` train the new part
    only; from epoch ``switch_epoch`` on all parameters are trained, with an
    optimizer whose moments are empty. Batch statistics of the frozen part are
    updated from the start, since the whole network is in training mode.

    Works under DDP: every gradient is computed and reduced, and those of the
    frozen part are dropped just before the step. In one process they are not
    computed.

    Args:
        parts (Sequence[str]): A parameter is trained from the start if its
            name contains one of these.
        switch_epoch (int): First epoch that trains all parameters, from 1.
    """

    # before the parameter schedulers and the checkpoint
    priority = 'HIGH'

    def __init__(
        self,
        parts: Sequence[str] = ('condition_', 'refine'),
        switch_epoch: int = 100,
    ) -> None:
        self.parts = tuple(parts)
        self.switch_epoch = switch_epoch
        self._handle: RemovableHandle | None = None
        self._frozen: list[nn.Parameter] = []

    def before_train_epoch(self, runner: Runner) -> None:
        """Freeze the part before ``switch_epoch``, unfreeze it then.

        Raises:
            UserError: No parameter's name contains any of ``parts``.
        """
        epoch = runner.epoch + 1
        optimizer = runner.optim_wrapper.optimizer
        if epoch < self.switch_epoch and self._handle is None:
            self._freeze(runner.model, optimizer)
        if epoch == self.switch_epoch:
            optimizer.state.clear()
        if epoch >= self.switch_epoch and self._handle is not None:
            self._unfreeze(self._handle)

    def _freeze(self, model: nn.Module, optimizer: Optimizer) -> None:
        self._frozen = self._find_frozen(model)
        if not is_model_wrapper(model):
            for parameter in self._frozen:
                parameter.requires_grad_(False)

        def drop_gradients(*_: object) -> None:
            for parameter in self._frozen:
                parameter.grad = None

        self._handle = optimizer.register_step_pre_hook(drop_gradients)

    def _unfreeze(self, handle: RemovableHandle) -> None:
        handle.remove()
        self._handle = None
        for parameter in self._frozen:
            parameter.requires_grad_(True)

    def _find_frozen(self, model: nn.Module) -> list[nn.Parameter]:
        named = [
            (n, p) for n, p in model.named_parameters() if p.requires_grad
        ]
        frozen = [
            parameter
            for name, parameter in named
            if not any(part in name for part in self.parts)
        ]
        if len(frozen) == len(named):
            raise UserError(
                f'PartialStartHook.parts: no parameter has one of '
                f'{self.parts} in its name; the first name is {named[0][0]!r}'
            )
        return frozen
