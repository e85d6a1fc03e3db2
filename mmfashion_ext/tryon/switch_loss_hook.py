# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Hook that changes the weights of one loss from an epoch on."""

from collections.abc import Mapping
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from ..errors import UserError
from ..registry import HOOKS


@HOOKS.register_module()
class SwitchLossHook(Hook):
    """Hook that sets attributes of one of the losses from an epoch on.

    As published, the student's skin terms double from epoch 50 of 100 on::

        dict(type='mmfashion_ext.SwitchLossHook', loss='skin_loss',
             switch_epoch=50, values=dict(weights=(60.0, 4.0)))

    Nothing is stored in checkpoints: a training that is resumed after the
    switch sets the same values.

    Args:
        loss (str): Name of the loss in the model.
        switch_epoch (int): First epoch with the new values, from 1.
        values (dict): Attribute of the loss -> its new value.
    """

    def __init__(
        self, loss: str, switch_epoch: int, values: Mapping[str, Any]
    ) -> None:
        self.loss = loss
        self.switch_epoch = switch_epoch
        self.values = dict(values)

    def before_train(self, runner: Runner) -> None:
        """Check that the loss and its attributes exist.

        Raises:
            UserError: One of them does not.
        """
        self._find_loss(runner.model)

    def before_train_epoch(self, runner: Runner) -> None:
        """Set the values if epoch ``switch_epoch`` has come."""
        if runner.epoch + 1 >= self.switch_epoch:
            loss = self._find_loss(runner.model)
            for name, value in self.values.items():
                setattr(loss, name, value)

    def _find_loss(self, model: nn.Module) -> nn.Module:
        if is_model_wrapper(model):
            model = model.module
        loss = getattr(model, self.loss, None)
        if not isinstance(loss, nn.Module):
            raise UserError(
                f'SwitchLossHook.loss: {type(model).__name__} has no loss '
                f'{self.loss!r}. Set it in the model, or remove the hook from '
                'custom_hooks'
            )
        unknown = [name for name in self.values if not hasattr(loss, name)]
        if unknown:
            raise UserError(
                f'SwitchLossHook.values: {type(loss).__name__} has no '
                f'attribute {", ".join(unknown)}'
            )
        return loss
