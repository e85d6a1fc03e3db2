# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The student's first stage starts with a part of it."""

from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.optim import Optimizer

from ..registry import HOOKS


@HOOKS.register_module()
class PartialStartHook(Hook):
    """Step only some parameters at first, then all with a fresh optimizer.

    The student's cloth side comes from the tutor; its condition side is new.
    As published, epochs 1 ... ``switch_epoch - 1`` step the new part only; at
    the start of epoch ``switch_epoch`` (from 1) all parameters follow, with an
    optimizer whose moments are empty. Batch statistics of the waiting part
    move from the start, since the whole network is in training mode.

    Works under DDP: every gradient is computed and shared, and those of the
    waiting part are dropped just before the step. In one process they are not
    computed at all.

    Args:
        parts (Sequence[str]): A parameter starts at once if its name contains
            one of these.
        switch_epoch (int): From 1.

    Raises:
        ValueError: No parameter's name contains any of ``parts``.
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
        self._handle = None

    def before_train_epoch(self, runner: Runner) -> None:
        """Hold back, or let go."""
        epoch = runner.epoch + 1
        optimizer = runner.optim_wrapper.optimizer
        if epoch < self.switch_epoch and self._handle is None:
            self._hold(runner.model, optimizer)
        if epoch == self.switch_epoch:
            optimizer.state.clear()
        if epoch >= self.switch_epoch and self._handle is not None:
            self._release()

    def _hold(self, model: nn.Module, optimizer: Optimizer) -> None:
        self._waiting = self._find_waiting(model)
        if not is_model_wrapper(model):
            for parameter in self._waiting:
                parameter.requires_grad_(False)

        def drop(*_: object) -> None:
            for parameter in self._waiting:
                parameter.grad = None

        self._handle = optimizer.register_step_pre_hook(drop)

    def _release(self) -> None:
        self._handle.remove()
        self._handle = None
        for parameter in self._waiting:
            parameter.requires_grad_(True)

    def _find_waiting(self, model: nn.Module) -> list[nn.Parameter]:
        named = [
            (n, p) for n, p in model.named_parameters() if p.requires_grad
        ]
        waiting = [
            parameter
            for name, parameter in named
            if not any(part in name for part in self.parts)
        ]
        if len(waiting) == len(named):
            raise ValueError(
                f'PartialStartHook: no parameter has one of {self.parts} in '
                f'its name; names are such as {named[0][0]!r}'
            )
        return waiting
