# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Chance depends on seed, epoch and position, not on what was drawn before."""

import copy
import pickle
import random
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from torch.utils.data import DataLoader

from mmfashion_ext.runner import seeding
from mmfashion_ext.runner.seeding import (
    SeededDataset,
    SeededSampler,
    SeededStepsHook,
    seed_generators,
    seeded_loader,
)
from mmfashion_ext.utils.seeded_index import SeededIndex


def draw():
    """A number of each generator."""
    return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002


class Draws(torch.utils.data.Dataset):
    """Items that are what the generators draw."""

    metainfo = {'name': 'draws'}

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return torch.tensor([index, *draw()], dtype=torch.double)


def epoch(loader, number):
    """Items (6, 4) of an epoch, sorted by index."""
    loader.sampler.set_epoch(number)
    items = torch.cat(list(loader))
    return items[items[:, 0].argsort()]


def build(workers=0, seed=3):
    dataset = SeededDataset(Draws())
    sampler = SeededSampler(DefaultSampler(dataset, seed=0), lambda: seed)
    return DataLoader(
        dataset, batch_size=2, num_workers=workers, sampler=sampler
    )


def test_all_generators_follow_all_numbers():
    seed_generators(1, 2, 3)
    first = draw()
    seed_generators(1, 2, 3)
    assert draw() == first
    for other in ((0, 2, 3), (1, 0, 3), (1, 2, 0)):
        seed_generators(*other)
        assert not set(draw()) & set(first)


def test_items_depend_on_seed_epoch_and_position():
    """Breaks if a resumed training augments in another way."""
    loader = build()
    first, second = epoch(loader, 0), epoch(loader, 1)
    assert (first[:, 1:] != second[:, 1:]).all()
    assert len(np.unique(first[:, 1:])) == 18
    draw()
    fresh = build()
    assert torch.equal(epoch(fresh, 1), second)  # without epoch 0 before
    assert torch.equal(epoch(build(workers=2), 1), second)
    assert (epoch(build(seed=4), 1)[:, 1:] != second[:, 1:]).all()


def test_processes_have_positions_of_their_own(monkeypatch):
    positions = []
    for rank in range(2):
        monkeypatch.setattr(seeding, 'get_dist_info', lambda r=rank: (r, 2))
        sampler = SeededSampler([5, 6, 7], lambda: 1)
        positions += [index.entropy for index in sampler]
    assert sorted(p[2] for p in positions) == list(range(6))


def test_sampler_passes_seeded_indices_and_attributes_on():
    own = SeededIndex(1, 7, 8, 9)
    inner = SimpleNamespace(epoch=4, name='x')
    sampler = SeededSampler([own, 2], lambda: 1)
    assert [i.entropy for i in sampler] == [(7, 8, 9), (1, 0, 1)]
    assert len(sampler) == 2
    assert SeededSampler(inner, lambda: 1).name == 'x'


def test_dataset_is_what_it_wraps_and_survives_pickling():
    dataset = SeededDataset(Draws())
    assert dataset.metainfo == {'name': 'draws'}
    assert copy.deepcopy(dataset) is dataset  # not a copy of all annotations
    assert len(pickle.loads(pickle.dumps(dataset))) == 6
    with pytest.raises(AttributeError):
        dataset.other  # noqa: B018


def test_steps_depend_on_seed_step_and_process(monkeypatch):
    drawn = []
    for seed, step, rank in (
        (1, 5, 0),
        (1, 5, 0),
        (2, 5, 0),
        (1, 6, 0),
        (1, 5, 1),
    ):
        monkeypatch.setattr(seeding, 'get_dist_info', lambda r=rank: (r, 2))
        hook = SeededStepsHook(first_seed=1)
        hook.before_train_iter(SimpleNamespace(seed=seed, iter=step))
        drawn.append(draw())
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 4


def test_sampler_gets_the_seed_of_the_checkpoint():
    for sampler_seed, expected in ((1, 9), (5, 5)):  # 5: of the config
        sampler = SimpleNamespace(seed=sampler_seed)
        loader = SimpleNamespace(sampler=sampler)
        loop = SimpleNamespace(dataloader=loader)
        runner = SimpleNamespace(seed=9, train_loop=loop)
        SeededStepsHook(first_seed=1).before_train(runner)
        assert sampler.seed == expected


def test_sampler_that_skips_goes_on_where_it_was():
    """An iteration-based training that is continued skips what it had."""
    if not hasattr(InfiniteSampler, 'skip'):
        pytest.skip('upstream MMEngine loads what it skips')
    whole = SeededSampler(InfiniteSampler([0] * 5, seed=2), lambda: 1)
    expected = [(int(i), i.entropy) for i in islice(whole, 6, 9)]
    rest = SeededSampler(InfiniteSampler([0] * 5, seed=2), lambda: 1)
    rest.skip(6)
    assert [(int(i), i.entropy) for i in islice(rest, 3)] == expected
    assert not hasattr(SeededSampler([1], lambda: 1), 'skip')


def test_settings_of_a_loader_become_seeded_objects():
    made = seeded_loader(
        {
            'batch_size': 2,
            'dataset': {'type': Draws},
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        },
        4,
        lambda: 7,
    )
    assert made['batch_size'] == 2
    assert isinstance(made['dataset'], SeededDataset)
    assert made['sampler'].seed == 4
    assert [i.entropy for i in made['sampler']][:2] == [(7, 0, 0), (7, 0, 1)]
    assert copy.deepcopy(made)['sampler'] is made['sampler']
    loader = build()
    assert seeded_loader(loader, 4, lambda: 7) is loader
