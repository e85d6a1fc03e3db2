# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Optimizer wrapper with separate optimizers for CNN and attention head."""

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
        **wrappers (OptimWrapper): Wrapper of each optimizer, all of one type.
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
        """Set up gradient accumulation, see :class:`OptimWrapper`."""
        self.first.initialize_count_status(model, cur_iter, max_iters)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Apply mixed precision and accumulation to the forward pass."""
        with self.first.optim_context(model):
            yield

    def update_params(
        self,
        loss: Tensor,
        step_kwargs: dict | None = None,
        zero_kwargs: dict | None = None,
    ) -> None:
        """Run one backward pass; step all optimizers unless accumulating."""
        self.backward(self.first.scale_loss(loss))
        if self.first.should_update():
            self.step(**(step_kwargs or {}))
            self.zero_grad(**(zero_kwargs or {}))

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        """Accumulate the gradients of all parameters for the loss ()."""
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
    """Construct one optimizer for the frame CNN and one for the matcher.

    Both are built from ``optimizer``; ``cnn`` and ``attention`` override it
    for one of them. The published training, 30 epochs::

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

    MMEngine ends schedules with ``max_epochs``. To continue a finished
    training with more epochs, set ``end`` in each scheduler.

    Args:
        optim_wrapper_cfg (dict): ``type``, ``optimizer``, and further
            arguments of the wrapper (``clip_grad``, applied to each optimizer
            separately, ``accumulative_counts`` ...), besides ``cnn`` and
            ``attention`` (dict, optional).
        paramwise_cfg (dict, optional): MMEngine's ``paramwise_cfg``, with
            parameter names relative to the part.
    """

    #: Name of the optimizer -> part of the model that it trains.
    PARTS = {'cnn': 'frame_cnn', 'attention': 'matcher'}

    def __init__(
        self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None
    ) -> None:
        shared = dict(optim_wrapper_cfg)
        changes = {name: shared.pop(name, None) or {} for name in self.PARTS}
        self.constructors = {}
        for name, change in changes.items():
            # a copy for each: building a wrapper changes its config
            cfg = copy.deepcopy(shared)
            cfg['optimizer'].update(change)
            self.constructors[name] = DefaultOptimWrapperConstructor(
                cfg, paramwise_cfg
            )

    def __call__(self, model: nn.Module) -> JointOptimWrapper:
        """Build the optimizers of a model.

        Args:
            model (nn.Module): A :class:`.SCANRecognizer`, or any model with
                the same parts.

        Raises:
            ValueError: A parameter belongs to neither part.
        """
        if is_model_wrapper(model):
            model = model.module
        parts = {name: getattr(model, p) for name, p in self.PARTS.items()}
        known = {id(p) for m in parts.values() for p in m.parameters()}
        unassigned = [
            n for n, p in model.named_parameters() if id(p) not in known
        ]
        if unassigned:
            raise ValueError(
                f'no optimizer for {", ".join(unassigned)}: only parameters '
                f'of {" and ".join(self.PARTS.values())} are trained. Move '
                'them into one of these parts'
            )
        return JointOptimWrapper(
            **{
                name: self.constructors[name](part)
                for name, part in parts.items()
            }
        )
