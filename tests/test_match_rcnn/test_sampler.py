# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.dataset import (
    BaseDataset,
    ConcatDataset,
    RepeatDataset,
    pseudo_collate,
)
from mmengine.runner import Runner

from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn import PairSampler, sampler
from mmfashion_ext.match_rcnn.sampler import find_pairs


class Images:
    """What the sampler reads of a dataset: (source, pair id, styles)."""

    def __init__(self, *images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def get_data_info(self, index):
        source, pair_id, styles = self.images[index]
        return {
            'img_path': f'{index}.jpg',
            'source': source,
            'pair_id': pair_id,
            'instances': [{'style': style} for style in styles],
        }

    def __getitem__(self, index):
        return {'index': index}


WARDROBE = Images(
    ('user', 1, [1]),
    ('shop', 1, [1]),
    ('shop', 1, [2, 1]),
    ('user', 1, [2]),
    ('user', 2, [1]),  # nobody sells it
    ('shop', 3, [1]),  # nobody wears it
    ('user', 4, [0]),  # style 0: not part of a pair
    ('shop', 4, [0]),
    ('user', 5, [3, 0]),
    ('shop', 5, [0, 3]),
    ('user', 5, []),
)
PAIRS = {0: [1, 2], 3: [2], 8: [9]}


def couples(sampler):
    indices = list(sampler)
    assert len(indices) == len(sampler)
    return list(zip(indices[::2], indices[1::2], strict=True))


def test_pairs_share_pair_id_and_a_style_above_zero():
    assert find_pairs(WARDROBE) == PAIRS


images = st.tuples(
    st.sampled_from(['user', 'shop']),
    st.integers(1, 3),
    st.lists(st.integers(0, 2), max_size=3),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(images, max_size=12))
def test_pairs_equal_the_rule_written_as_loops(images):
    expected = {}
    for i, (source, pair_id, styles) in enumerate(images):
        for j, (other, other_pair, other_styles) in enumerate(images):
            common = set(styles) & set(other_styles) - {0}
            if (source, other) == ('user', 'shop') and (
                pair_id == other_pair and common
            ):
                expected.setdefault(i, []).append(j)
    if expected:
        assert find_pairs(Images(*images)) == expected
    else:
        with pytest.raises(UserError, match='found no such pair among'):
            find_pairs(Images(*images))


def test_each_user_image_comes_once_with_one_of_its_shops():
    seen = set()
    sampler = PairSampler(WARDROBE, seed=0)
    for epoch in range(20):
        sampler.set_epoch(epoch)
        drawn = couples(sampler)
        assert sorted(user for user, _ in drawn) == sorted(PAIRS)
        assert all(shop in PAIRS[user] for user, shop in drawn)
        seen.update(drawn)
    assert seen == {(0, 1), (0, 2), (3, 2), (8, 9)}


def test_each_pair_comes_once():
    sampler = PairSampler(WARDROBE, epoch='pair', seed=0)
    assert sorted(couples(sampler)) == [(0, 1), (0, 2), (3, 2), (8, 9)]


def test_order_follows_seed_and_epoch():
    def drawn(seed, epoch, **kwargs):
        sampler = PairSampler(WARDROBE, epoch='pair', seed=seed, **kwargs)
        sampler.set_epoch(epoch)
        return couples(sampler)

    assert drawn(0, 3) == drawn(0, 3)
    assert len({tuple(drawn(0, epoch)) for epoch in range(10)}) > 1
    assert len({tuple(drawn(seed, 0)) for seed in range(10)}) > 1
    assert drawn(0, 0, shuffle=False) == drawn(5, 7, shuffle=False)


@pytest.mark.parametrize('epoch', ['user', 'pair'])
@pytest.mark.parametrize('world_size', [1, 2, 3, 7])
@pytest.mark.parametrize('round_up', [True, False])
def test_processes_share_an_epoch(monkeypatch, epoch, world_size, round_up):
    parts = []
    for rank in range(world_size):
        monkeypatch.setattr(
            sampler, 'get_dist_info', lambda rank=rank: (rank, world_size)
        )
        part = PairSampler(WARDROBE, epoch, seed=1, round_up=round_up)
        parts.append(couples(part))
    drawn = [couple for part in parts for couple in part]
    monkeypatch.setattr(sampler, 'get_dist_info', lambda: (0, 1))
    alone = couples(PairSampler(WARDROBE, epoch, seed=1))
    assert set(drawn) == set(alone)
    if round_up:
        assert len({len(part) for part in parts}) == 1
    else:
        assert sorted(drawn) == sorted(alone)


def test_data_loader_puts_whole_pairs_into_batches():
    loader = Runner.build_dataloader(
        {
            'batch_size': 2,
            'num_workers': 0,
            'dataset': WARDROBE,
            'sampler': {'type': 'mmfashion_ext.PairSampler', 'seed': 0},
            'collate_fn': pseudo_collate,
        }
    )
    batches = [batch['index'] for batch in loader]
    assert len(batches) == 3
    assert all(shop in PAIRS[user] for user, shop in batches)


def test_what_cannot_be_paired_is_explained():
    with pytest.raises(UserError, match=r'among 2 images \(1 of users\)'):
        PairSampler(Images(('user', 1, [1]), ('shop', 2, [1])))
    with pytest.raises(UserError, match=r"0\.jpg has source ''.*convert"):
        PairSampler(Images(('', 1, [1])))
    with pytest.raises(
        UserError, match="epoch of PairSampler must be 'user' or 'pair'"
    ):
        PairSampler(WARDROBE, epoch='shop')


class Wrapped(Images, BaseDataset):
    """Images that MMEngine's wrappers accept."""

    _metainfo: ClassVar = {}

    def full_init(self):
        """Nothing is lazy."""

    def __len__(self):
        return len(self.images)


class Numbered(Wrapped):
    """Images whose pair ids count in a numbering of their own."""

    def __init__(self, pair_numbering, *images):
        super().__init__(*images)
        self.pair_numbering = pair_numbering


COUPLE = (('user', 1, [1]), ('shop', 1, [1]))


def joined(*datasets):
    return ConcatDataset(datasets)


@pytest.mark.fault(10)
def test_equal_pair_ids_of_two_files_are_not_a_pair():
    first, second = Numbered(1, *COUPLE), Numbered(2, *COUPLE)
    assert find_pairs(joined(first, second)) == {0: [1], 2: [3]}
    assert find_pairs(joined(first, second, first)) == {
        0: [1],
        2: [3],
        4: [1],
    }
    # a file with users' images and one with shops', of the same numbering
    users, shops = Numbered(7, COUPLE[0]), Numbered(7, COUPLE[1])
    shops.get_data_info = lambda index: {
        **Images.get_data_info(shops, index),
        'img_path': 'shop.jpg',
    }
    assert find_pairs(joined(users, shops)) == {0: [1]}
    # datasets that say nothing of it are told apart too
    assert find_pairs(joined(Wrapped(*COUPLE), Wrapped(*COUPLE))) == {
        0: [1],
        2: [3],
    }


@pytest.mark.fault(10)
@pytest.mark.parametrize('epoch', ['user', 'pair'])
def test_a_repeated_dataset_repeats_its_pairs(epoch):
    repeated = RepeatDataset(Numbered(1, *WARDROBE.images), times=2)
    again = len(WARDROBE)
    assert find_pairs(repeated) == PAIRS | {
        again + user: shops for user, shops in PAIRS.items()
    }
    drawn = couples(PairSampler(repeated, epoch=epoch, seed=0))
    once = couples(PairSampler(WARDROBE, epoch=epoch, seed=0))
    assert len(drawn) == 2 * len(once)
