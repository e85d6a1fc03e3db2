# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Pairs of one person in two cameras, in one process and several."""

from collections import Counter

import numpy as np
import pytest
from torch.utils.data import DataLoader

from mmfashion_ext.errors import UserError
from mmfashion_ext.registry import DATA_SAMPLERS
from mmfashion_ext.scan import sampler as module
from mmfashion_ext.scan.sampler import CrossCameraPairSampler
from mmfashion_ext.utils import skipped
from mmfashion_ext.utils.seeded_index import SeededIndex


class Clips:
    """Clips of (person, camera)."""

    def __init__(self, *clips):
        self.clips = clips

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, index):
        return index

    def get_data_info(self, index):
        pid, camid = self.clips[index]
        return {'pid': pid, 'camid': camid}


CLIPS = Clips((0, 0), (0, 0), (0, 1), (7, 1), (7, 0), (3, 0), (3, 0), (3, 2))


def pairs(sampler):
    indices = list(sampler)
    assert all(isinstance(index, SeededIndex) for index in indices)
    assert len(indices) == len(sampler)
    return list(zip(indices[::2], indices[1::2], strict=True))


def is_pair(dataset, anchor, partner):
    (pid, camid), (pid2, camid2) = (
        dataset.clips[i] for i in (anchor, partner)
    )
    return pid == pid2 and camid != camid2


def test_every_clip_once_with_another_camera():
    sampler = CrossCameraPairSampler(CLIPS, seed=3)
    for epoch in range(5):
        sampler.set_epoch(epoch)
        found = pairs(sampler)
        assert sorted(a for a, _ in found) == list(range(8))
        assert all(is_pair(CLIPS, *pair) for pair in found)


def test_partners_are_drawn_uniformly():
    clips = Clips((0, 0), (0, 1), (0, 1), (0, 2))
    sampler = CrossCameraPairSampler(clips, seed=0)
    partners = Counter()
    for epoch in range(600):
        sampler.set_epoch(epoch)
        partners[dict(pairs(sampler))[0]] += 1
    assert set(partners) == {1, 2, 3}
    assert min(partners.values()) > 160


def test_draws_depend_on_seed_and_epoch_alone():
    first, second, other = (
        CrossCameraPairSampler(CLIPS, seed=seed) for seed in (1, 1, 2)
    )
    np.random.seed(0)  # noqa: NPY002
    assert list(first) == list(first) == list(second)
    second.set_epoch(1)
    assert list(second) != list(first)
    assert list(other) != list(first)


@pytest.mark.parametrize('world_size', [1, 2, 3])
def test_processes_share_whole_pairs(monkeypatch, world_size):
    whole = pairs(CrossCameraPairSampler(CLIPS, seed=4))
    parts = []
    for round_up in (True, False):
        ranks = []
        for rank in range(world_size):
            monkeypatch.setattr(
                module, 'get_dist_info', lambda r=rank: (r, world_size)
            )
            ranks.append(
                pairs(CrossCameraPairSampler(CLIPS, 4, round_up=round_up))
            )
        parts.append(ranks)
    rounded, exact = parts
    assert len({len(rank) for rank in rounded}) == 1
    for number, pair in enumerate(whole):
        rank, position = number % world_size, number // world_size
        assert rounded[rank][position] == exact[rank][position] == pair
    assert sum(map(len, exact)) == len(whole)
    repeated = [rank[-1] for rank in rounded if rank[-1] == whole[0]]
    assert len(repeated) <= 1


def test_persons_in_one_camera_are_named_and_skipped(monkeypatch):
    printed = []
    monkeypatch.setattr(skipped, 'print_log', lambda m, **_: printed.append(m))
    clips = Clips((0, 0), (5, 1), (0, 1), (5, 1), (6, 0))
    sampler = CrossCameraPairSampler(clips, seed=0)
    (message,) = printed
    assert '2 persons are seen by one camera only, their 3 clips' in message
    assert 'skipped: person 5, person 6' in message
    assert len(sampler) == 4
    assert sorted(sampler) == [0, 0, 2, 2]


def test_persons_in_one_camera_can_be_paired_within_it():
    clips = Clips((0, 0), (5, 1), (0, 1), (5, 1))
    found = pairs(CrossCameraPairSampler(clips, 0, within_camera=True))
    assert sorted(a for a, _ in found) == [0, 1, 2, 3]
    for anchor, partner in found:
        assert clips.clips[anchor][0] == clips.clips[partner][0]


def test_without_any_pair():
    with pytest.raises(UserError, match='none of the 2 persons has them'):
        CrossCameraPairSampler(Clips((0, 0), (1, 1)))


def test_batches_hold_whole_pairs():
    kind = DATA_SAMPLERS.module_dict['CrossCameraPairSampler']
    sampler = kind(CLIPS, seed=1)
    for batch in DataLoader(CLIPS, 4, sampler=sampler):
        probes, partners = batch[::2].tolist(), batch[1::2].tolist()
        for pair in zip(probes, partners, strict=True):
            assert is_pair(CLIPS, *pair)
