# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Start-up lines of training and test: model, device, results, data, plan."""

import os
import time
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop

from ..errors import UserError
from .checks import dataset_name
from .progress import duration


class StartUpHook(Hook):
    """Hook that says what runs, on which data, and what came of it."""

    # before CheckpointHook, so that an error leaves no checkpoint
    priority = 'LOW'

    def __init__(self) -> None:
        self._began = 0.0  # seconds
        self._step = -1  # number of steps before this epoch

    def begin(self, runner: Any) -> None:
        """Log the model and the device, before the data are read."""
        runner.logger.info(f'model: {describe_model(runner)}')
        runner.logger.info(f'device: {_device()}; the data are read next')

    def before_run(self, runner: Any) -> None:
        """Log the data, the plan and where results go, a line each."""
        for line in describe_run(runner):
            runner.logger.info(line)

    def before_train(self, runner: Any) -> None:
        """Say if a resumed training has already ended."""
        self._began = time.monotonic()
        loop = runner.train_loop
        if loop.iter >= loop.max_iters:
            key = 'max_epochs' if _by_epoch(loop) else 'max_iters'
            runner.logger.warning(
                f'nothing is left to train: step {loop.iter:,} of '
                f'{loop.max_iters:,} is done; to go on, raise train_cfg.{key} '
                f'(now {getattr(loop, key)})'
            )

    def before_train_epoch(self, runner: Any) -> None:
        """Note how many steps were trained before this epoch."""
        self._step = runner.train_loop.iter

    def after_train_epoch(self, runner: Any) -> None:
        """Check that the epoch had a step, before a checkpoint is saved.

        Raises:
            UserError: The sampler promised batches and gave none.
        """
        loop = runner.train_loop
        if loop.iter == self._step < loop.max_iters:
            sampler = type(loop.dataloader.batch_sampler).__name__
            raise UserError(
                f'train_dataloader: {sampler} gave no batch of '
                f'{len(loop.dataloader.dataset)} items, nothing was trained; '
                'use more data, a smaller train_dataloader.batch_size or '
                'drop_last=False'
            )

    def after_train(self, runner: Any) -> None:
        """Log how long it took and where the last checkpoint is."""
        spent = duration(time.monotonic() - self._began)
        checkpoint = runner.message_hub.runtime_info.get('last_ckpt')
        text = f'trained {runner.train_loop.iter:,} steps in {spent}'
        if checkpoint:
            text += f'; last checkpoint: {checkpoint}'
        runner.logger.info(text)


def describe_run(runner: Any) -> list[str]:
    """Describe a runner whose loops are built: data, plan, results.

    Args:
        runner (Runner): Before its run.

    Returns:
        list[str]: Data, plan, and where results go.
    """
    loops = {
        mode: loop
        for mode in ('train', 'val', 'test')
        if isinstance(loop := getattr(runner, f'_{mode}_loop'), BaseLoop)
    }
    data = []
    for mode, loop in loops.items():
        dataset: Any = loop.dataloader.dataset
        data.append(f'{mode} {len(dataset):,} items ({dataset_name(dataset)})')
    if 'train' in loops:
        plan = _plan(loops['train'], validates='val' in loops)
    else:
        batches = sum(len(loop.dataloader) for loop in loops.values())
        plan = f'{_plural(batches, "batch", "batches")}, then metrics'
    log = Path(runner.log_dir, f'{runner.timestamp}.log')
    return [
        f'data: {"; ".join(data)}',
        f'plan: {plan}',
        f'results: {runner.work_dir} (log in '
        f'{os.path.relpath(log, runner.work_dir)})',
    ]


def _plan(loop: Any, *, validates: bool) -> str:
    by_epoch = _by_epoch(loop)
    text = _plural(loop.max_iters, 'step')
    if by_epoch:
        steps = _plural(len(loop.dataloader), 'step')
        text = f'{_plural(loop.max_epochs, "epoch")} of {steps}'
    size = getattr(loop.dataloader.batch_sampler, 'batch_size', None)
    if size:
        text += f', batches of {size}'
        if get_world_size() > 1:
            text += f' in each of {get_world_size()} processes'
    if not validates:
        return f'{text}, no validation'
    unit, end = ('epoch', loop.max_epochs) if by_epoch else ('step', 0)
    if by_epoch and loop.val_interval >= end:
        return f'{text}, validation after the last one'
    if loop.val_interval == 1:
        return f'{text}, validation after every {unit}'
    return f'{text}, validation every {_plural(loop.val_interval, unit)}'


def _plural(count: int, word: str, words: str | None = None) -> str:
    return f'{count:,} {word if count == 1 else words or f"{word}s"}'


def _by_epoch(loop: Any) -> bool:
    return hasattr(loop, '_max_epochs') and 'Iter' not in type(loop).__name__


def describe_model(runner: Any) -> str:
    """Name a runner's model and count its weights.

    Args:
        runner (Runner): With its model built.
    """
    weights = list(runner.model.parameters())
    total = sum(weight.numel() for weight in weights)
    learned = sum(weight.numel() for weight in weights if weight.requires_grad)
    name = runner.experiment_name.removesuffix(f'_{runner.timestamp}')
    share = 'all learned' if learned == total else f'{_count(learned)} learned'
    return f'{name} ({runner.model_name}, {_count(total)} weights, {share})'


def _count(number: int) -> str:
    return f'{number / 1e6:.1f} M' if number >= 1e5 else f'{number:,}'


def _device() -> str:
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        count = get_world_size()
        return f'{count} x {name}' if count > 1 else name
    text = f'CPU, {torch.get_num_threads()} threads'
    count = get_world_size()
    return f'{text} in each of {count} processes' if count > 1 else text
