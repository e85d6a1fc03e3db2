# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Checks of a runner's data: at least one step, something to evaluate."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.logging import print_log
from mmengine.runner import BaseLoop, IterBasedTrainLoop
from torch.utils.data import DataLoader

from ..errors import UserError


def check_settings(loader: Any, where: str) -> None:
    """Check the numbers of a data loader's config; adjust what follows.

    Args:
        loader (ConfigDict | DataLoader): Changed in place: without processes
            that load data there are no persistent ones.
        where (str): Its name in the config, for messages.

    Raises:
        UserError: ``batch_size`` is not 1 or more, or ``num_workers`` is
            negative.
    """
    if not isinstance(loader, dict):
        return
    for key, least in (('batch_size', 1), ('num_workers', 0)):
        value = loader.get(key, least)
        if isinstance(value, bool) or not isinstance(value, int):
            raise UserError(
                f'{where}.{key}: expected a whole number, got {value!r}; set '
                'it by --cfg-options or in the config'
            )
        if value < least:
            raise UserError(
                f'{where}.{key}: expected {least} or more, got {value}; set '
                'it by --cfg-options or in the config'
            )
    if not loader.get('num_workers', 0):
        loader.pop('prefetch_factor', None)
        if loader.get('persistent_workers'):
            loader['persistent_workers'] = False


@contextmanager
def empty_dataset_errors(loader: Any, where: str) -> Iterator[None]:
    """Name a dataset without items, which MMEngine fails to store.

    Args:
        loader (ConfigDict | DataLoader): What is built.
        where (str): Its name in the config, for the message.

    Raises:
        UserError: The dataset has no items.
    """
    try:
        yield
    except ValueError as error:
        if 'need at least one array to concatenate' not in str(error):
            raise
        dataset = loader.get('dataset', {}) if isinstance(loader, dict) else {}
        named = dataset.get('ann_file') or dataset.get('data_root') or ''
        name = f'{dataset.get("type", "the dataset")} {named}'.strip()
        raise UserError(_no_items(where, name)) from error


def check_training(loop: BaseLoop) -> None:
    """Check that a training has at least one step.

    Args:
        loop (BaseLoop): Built train loop.

    Raises:
        UserError: There are no items, an epoch has no step, or the schedule
            has none.
    """
    for key in ('max_epochs', 'max_iters'):
        planned = getattr(loop, f'_{key}', None)
        if key == 'max_iters' and not isinstance(loop, IterBasedTrainLoop):
            continue
        if isinstance(planned, int) and planned < 1:
            raise UserError(
                f'train_cfg.{key} is {planned}: nothing would be trained; '
                f'set it to 1 or more (--cfg-options train_cfg.{key}=1)'
            )
    loader = loop.dataloader
    _check_items(loader, 'train_dataloader')
    endless = type(_sampler(loader)).__name__.startswith('Infinite')
    if isinstance(loop, IterBasedTrainLoop) and endless:
        return  # goes round and round, however few the items
    if _num_batches(loader) == 0:
        raise UserError(
            f'train_dataloader: an epoch has no step, nothing would be '
            f'trained: {_few_items(loader)}. Use more data, a smaller '
            'train_dataloader.batch_size or train_dataloader.drop_last=False'
        )


def check_evaluation(loop: BaseLoop, name: str) -> None:
    """Check that a validation or test has something to evaluate.

    Args:
        loop (BaseLoop): Built loop with an ``evaluator``.
        name (str): ``'val'`` or ``'test'``.

    Raises:
        UserError: There are no items, no batch, no metric, or a metric's
            ``check_dataset`` finds that it cannot evaluate the dataset.
    """
    where = f'{name}_dataloader'
    loader = loop.dataloader
    _check_items(loader, where)
    if _num_batches(loader) == 0:
        raise UserError(
            f'{where}: there is no batch, nothing would be evaluated: '
            f'{_few_items(loader)}. Use {where}.drop_last=False'
        )
    if getattr(loader, 'drop_last', False):
        left = len(_sampler(loader)) % loader.batch_size
        if left:
            print_log(
                f'{where}.drop_last=True: the last {left} of '
                f'{len(_sampler(loader))} items are not evaluated; set it to '
                'False',
                logger='current',
                level=logging.WARNING,
            )
    evaluator = getattr(loop, 'evaluator', None)
    if evaluator is not None and not evaluator.metrics:
        raise UserError(
            f'{name}_evaluator has no metric, nothing would be evaluated; add '
            'one, see configs/*/_base_/dataset_*.py'
        )
    if evaluator is not None and hasattr(loader.dataset, 'get_data_info'):
        for metric in evaluator.metrics:
            if hasattr(metric, 'check_dataset'):
                metric.check_dataset(loader.dataset)


def dataset_name(dataset: Any) -> str:
    """Name a dataset in messages: class and annotation file or folder."""
    dataset = getattr(dataset, 'wrapped', dataset)  # of runner.seeding
    kind = type(dataset).__name__
    for key in ('ann_file', 'data_root'):
        value = getattr(dataset, key, None)
        if isinstance(value, str) and value:
            return f'{kind} {value}'
    inner = getattr(dataset, 'dataset', None)
    if inner is not None:
        return f'{kind} of {dataset_name(inner)}'
    parts = getattr(dataset, 'datasets', None)
    if isinstance(parts, list | tuple) and parts:
        return f'{kind} of {", ".join(map(dataset_name, parts))}'
    return kind


def _check_items(loader: DataLoader, where: str) -> None:
    dataset = loader.dataset
    try:
        count = len(dataset)
    except TypeError:  # an iterable dataset does not know it
        return
    if count == 0:
        raise UserError(_no_items(where, dataset_name(dataset)))


def _no_items(where: str, name: str) -> str:
    use = 'to train on' if where.startswith('train') else 'to evaluate'
    return (
        f'{where}: {name} has no items {use}; check its annotation file, and '
        'filter_cfg if the config has one'
    )


def _few_items(loader: DataLoader) -> str:
    """Say why there is no batch."""
    items = len(_sampler(loader))
    dataset: Any = loader.dataset
    text = f'{dataset_name(dataset)} has {len(dataset)} items'
    if items != len(dataset):
        text += f', {type(_sampler(loader)).__name__} yields {items}'
    size = getattr(loader.batch_sampler, 'batch_size', loader.batch_size)
    if items and size:
        text += f', fewer than a batch of {size}'
        if getattr(loader.batch_sampler, 'drop_last', loader.drop_last):
            text += ' with drop_last=True'
    return text


def _sampler(loader: DataLoader) -> Any:
    sampler = getattr(loader.batch_sampler, 'sampler', loader.sampler)
    return getattr(sampler, 'wrapped', sampler)  # of runner.seeding


def _num_batches(loader: DataLoader) -> int | None:
    try:
        return len(loader)
    except TypeError:  # of unknown length
        return None
