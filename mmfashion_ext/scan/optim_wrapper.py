# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Two optimizers, one loss: the CNN and what stands on it."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.optim import (
    AmpOptimWrapper,
    DefaultOptimWrapperConstructor,
    OptimWrapper,
    OptimWrapperDict,
)
from torch import Tensor, nn

from ..registry import OPTIM_WRAPPER_CONSTRUCTORS


class JointOptimWrapper(OptimWrapperDict):
    """Several optimizers that step after one common backward pass.

    Gradient accumulation and mixed precision are those of the first wrapper;
    all share its gradient scaler, which is updated once after all steps.

    Args:
        **wrappers (OptimWrapper): All of one type.
    """

    def __init__(self, **wrappers: OptimWrapper) -> None:
        super().__init__(**wrappers)
        self.first, *others = wrappers.values()
        for other in others:
            if isinstance(other, AmpOptimWrapper):
                other.loss_scaler = self.first.loss_scaler

    def initialize_count_status(
        self, model: nn.Module, cur_iter: int, max_iters: int
    ) -> None:
        """Of gradient accumulation, see :class:`OptimWrapper`."""
        self.first.initialize_count_status(model, cur_iter, max_iters)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Mixed precision and accumulation around the forward pass."""
        with self.first.optim_context(model):
            yield

    def update_params(
        self,
        loss: Tensor,
        step_kwargs: dict | None = None,
        zero_kwargs: dict | None = None,
    ) -> None:
        """Go backward once; step all optimizers unless gradients pile up."""
        self.backward(self.first.scale_loss(loss))
        if self.first.should_update():
            self.step(**(step_kwargs or {}))
            self.zero_grad(**(zero_kwargs or {}))

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        """Add up the gradients of all parameters."""
        self.first.backward(loss, **kwargs)

    def step(self, **kwargs: Any) -> None:
        """Step all optimizers."""
        if not isinstance(self.first, AmpOptimWrapper):
            for wrapper in self.values():
                wrapper.step(**kwargs)
            return
        # AmpOptimWrapper.step would change the scale between two optimizers
        scaler = self.first.loss_scaler
        for wrapper in self.values():
            if wrapper.clip_grad_kwargs:
                scaler.unscale_(wrapper.optimizer)
                wrapper._clip_grad()
            scaler.step(wrapper.optimizer, **kwargs)
        scaler.update(self.first._scale_update_param)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class SCANOptimWrapperConstructor:
    """An optimizer for the frame CNN and one for the matcher.

    Both are made from ``optimizer``; ``cnn`` and ``attention`` change it for
    one of them. The published training, 30 epochs::

        optim_wrapper = dict(
            type='OptimWrapper',  # or AmpOptimWrapper
            constructor='SCANOptimWrapperConstructor',
            optimizer=dict(
                type='SGD',
                lr=1e-3,
                momentum=0.9,
                nesterov=True,
                weight_decay=5e-4,  # of everything, biases included
            ),
            attention=dict(lr=1e-3),
        )
        param_scheduler = dict(
            # lr 0.1^(epoch / 20), a little less every epoch
            cnn=dict(type='ExponentialLR', gamma=0.1 ** (1 / 20)),
            # lr 0.01^floor(epoch / 10)
            attention=dict(type='StepLR', step_size=10, gamma=0.01),
        )

    MMEngine ends schedules with ``max_epochs``. A finished training that is
    to go on with more epochs needs an ``end`` of its own in each.

    Args:
        optim_wrapper_cfg (dict): ``type``, ``optimizer``, and further
            arguments of the wrapper (``clip_grad``, of each optimizer by
            itself, ``accumulative_counts`` ...), besides ``cnn`` and
            ``attention`` (dict, optional).
        paramwise_cfg (dict, optional): MMEngine's, names as in the part.
    """

    #: Name of the optimizer -> the part of the model that it trains.
    PARTS = {'cnn': 'frame_cnn', 'attention': 'matcher'}

    def __init__(
        self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None
    ) -> None:
        shared = dict(optim_wrapper_cfg)
        changes = {name: shared.pop(name, None) or {} for name in self.PARTS}
        self.constructors = {}
        for name, change in changes.items():
            # a copy for each: the wrappers take their arguments apart
            cfg = copy.deepcopy(shared)
            cfg['optimizer'].update(change)
            self.constructors[name] = DefaultOptimWrapperConstructor(
                cfg, paramwise_cfg
            )

    def __call__(self, model: nn.Module) -> JointOptimWrapper:
        """Make the optimizers of a :class:`SCANRecognizer`."""
        if is_model_wrapper(model):
            model = model.module
        parts = {name: getattr(model, p) for name, p in self.PARTS.items()}
        known = {id(p) for m in parts.values() for p in m.parameters()}
        lost = [n for n, p in model.named_parameters() if id(p) not in known]
        if lost:
            raise ValueError(
                f'no optimizer for {", ".join(lost)}: only parameters of '
                f'{" and ".join(self.PARTS.values())} are trained'
            )
        return JointOptimWrapper(
            **{
                name: self.constructors[name](part)
                for name, part in parts.items()
            }
        )
