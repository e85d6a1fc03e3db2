# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A training without a step, an evaluation without an item: early errors."""

from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.config import ConfigDict
from mmengine.dataset import DefaultSampler, InfiniteSampler, pseudo_collate
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch.utils.data import ConcatDataset, DataLoader, Dataset

from mmfashion_ext.errors import UserError
from mmfashion_ext.runner import checks
from mmfashion_ext.runner.checks import (
    check_evaluation,
    check_settings,
    check_training,
    dataset_name,
    empty_dataset_errors,
)


class Items(Dataset):
    """As many numbers as asked for."""

    ann_file = 'train.json'
    metainfo: dict = {}

    def __init__(self, num):
        self.num = num

    def __len__(self):
        return self.num

    def __getitem__(self, index):
        return index


def loader(num, sampler=DefaultSampler, **kwargs):
    items = Items(num)
    return DataLoader(
        items,
        sampler=sampler(items),
        collate_fn=pseudo_collate,
        **{'batch_size': 4, **kwargs},
    )


RUNNER = SimpleNamespace(visualizer=SimpleNamespace())


@pytest.mark.fault(9)
@pytest.mark.parametrize(
    ('num', 'options', 'epochs', 'message'),
    [
        (3, {'drop_last': True}, 2, '3 items, fewer than a batch of 4 with'),
        (0, {}, 2, r'Items train\.json has no items to train on'),
        (8, {}, 0, r'train_cfg\.max_epochs is 0: nothing would be trained'),
    ],
)
def test_a_training_without_a_step(num, options, epochs, message):
    loop = EpochBasedTrainLoop(RUNNER, loader(num, **options), epochs)
    with pytest.raises(UserError, match=message) as caught:
        check_training(loop)
    assert '\n' not in str(caught.value)


@pytest.mark.fault(9)
def test_a_dataset_that_mmengine_cannot_store():
    """An empty one ended in a traceback of NumPy."""
    cfg = {'dataset': {'type': 'Clothes', 'ann_file': 'a.json'}}
    with (
        pytest.raises(UserError, match=r'Clothes a\.json has no items to tr'),
        empty_dataset_errors(cfg, 'train_dataloader'),
    ):
        np.concatenate([])
    with (
        pytest.raises(ValueError, match='another'),
        empty_dataset_errors(cfg, 'train_dataloader'),
    ):
        raise ValueError('another')


@pytest.mark.fault(9)
def test_steps_are_counted_by_iterations_too():
    with pytest.raises(UserError, match=r'train_cfg\.max_iters is 0'):
        check_training(IterBasedTrainLoop(RUNNER, loader(8), 0))
    few = loader(3, drop_last=True)
    with pytest.raises(UserError, match='an epoch has no step'):
        check_training(IterBasedTrainLoop(RUNNER, few, 10))
    # it goes round and round, so three items fill any batch
    endless = loader(3, InfiniteSampler, drop_last=True)
    check_training(IterBasedTrainLoop(RUNNER, endless, 10))


@pytest.mark.fault(9)
def test_one_batch_is_enough():
    check_training(EpochBasedTrainLoop(RUNNER, loader(3), 1))
    full = loader(4, drop_last=True)
    check_training(EpochBasedTrainLoop(RUNNER, full, 1))


def evaluation(made, metrics=('metric',)):
    evaluator = SimpleNamespace(metrics=list(metrics))
    return SimpleNamespace(dataloader=made, evaluator=evaluator)


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    ('num', 'options', 'metrics', 'message'),
    [
        (0, {}, ['m'], 'test_dataloader: Items train.json has no items'),
        (3, {'drop_last': True}, ['m'], 'use test_dataloader.drop_last=False'),
        (3, {}, [], 'test_evaluator has no metric'),
    ],
)
def test_nothing_to_evaluate(num, options, metrics, message):
    loop = evaluation(loader(num, **options), metrics)
    with pytest.raises(UserError, match=f'(?i){message}'):
        check_evaluation(loop, 'test')


@pytest.mark.fault(23)
def test_metrics_check_the_dataset():
    """A metric may know at load that it has nothing to compare with."""
    made, seen = loader(5), []
    made.dataset.get_data_info = None
    metric = SimpleNamespace(check_dataset=seen.append)
    check_evaluation(evaluation(made, [metric, 'another']), 'val')
    assert seen == [made.dataset]


@pytest.mark.fault(23)
def test_items_that_are_not_evaluated_are_told(monkeypatch):
    told = []
    monkeypatch.setattr(
        checks, 'print_log', lambda text, **_: told.append(text)
    )
    check_evaluation(evaluation(loader(5)), 'val')
    assert told == []
    check_evaluation(evaluation(loader(5, drop_last=True)), 'val')
    assert 'last 1 of 5 items are not evaluated' in told[0]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'batch_size': 0}, 'batch_size: expected 1 or more, got 0'),
        (
            {'batch_size': 1.5},
            r'batch_size: expected a whole number, got 1\.5',
        ),
        ({'num_workers': -1}, 'num_workers: expected 0 or more, got -1'),
    ],
)
def test_numbers_of_a_data_loader(options, message):
    with pytest.raises(UserError, match=rf'train_dataloader\.{message}'):
        check_settings(ConfigDict(options), 'train_dataloader')


def test_no_processes_are_not_persistent():
    """PyTorch refuses ``persistent_workers`` without processes."""
    cfg = ConfigDict(num_workers=0, persistent_workers=True, prefetch_factor=2)
    check_settings(cfg, 'train_dataloader')
    assert cfg == {'num_workers': 0, 'persistent_workers': False}
    check_settings(loader(3), 'train_dataloader')  # one that is built


def test_datasets_are_named_through_wrappers():
    both = ConcatDataset([Items(1), Items(2)])
    assert dataset_name(both) == (
        'ConcatDataset of Items train.json, Items train.json'
    )
    assert dataset_name([]) == 'list'
