# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Batches of clip pairs: one person seen by two cameras."""

import logging
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.logging import print_log
from torch.utils.data import Sampler

from ..errors import UserError, describe
from ..registry import DATA_SAMPLERS
from .seeding import SeededIndex


@DATA_SAMPLERS.register_module()
class CrossCameraPairSampler(Sampler):
    """Every clip once, each followed by a clip of the same person.

    Anchors come in random order, from all cameras; the partner is drawn
    uniformly among the person's clips of the other cameras. An epoch is
    twice the clips, so an even ``batch_size`` holds whole pairs: anchors at
    even positions ("probe"), partners at odd ones ("gallery"). Of N
    processes each gets every N-th pair; all draws, those of the augmentation
    too (see :class:`~.randomness.SeededIndex`), depend on seed and epoch
    alone.

    Args:
        dataset (BaseDataset): A ``VideoReIDDataset``, or a wrapper of one
            with ``get_data_info``.
        seed (int, optional): None: a random one, equal in all processes.
        within_camera (bool): Persons in one camera only: True pairs their
            clips with one another, False leaves them out. They are named in
            either case.
        round_up (bool): Repeat pairs so that all processes get equally many.
    """

    def __init__(
        self,
        dataset: BaseDataset,
        seed: int | None = None,
        within_camera: bool = False,
        round_up: bool = True,
    ) -> None:
        self.rank, self.world_size = get_dist_info()
        self.seed = sync_random_seed() if seed is None else seed
        self.round_up = round_up
        self.epoch = 0
        self.partners = _partners(dataset, within_camera)

    def __len__(self) -> int:
        """Clips of this process in an epoch."""
        anchors = len(self.partners)
        if self.round_up:
            return 2 * -(-anchors // self.world_size)
        return 2 * len(range(self.rank, anchors, self.world_size))

    def __iter__(self) -> Iterator[SeededIndex]:
        """Indices of clips: anchor, partner, anchor, partner ..."""
        rng = np.random.default_rng([self.seed, self.epoch])
        anchors = list(self.partners)
        pairs = [
            (anchors[i], int(rng.choice(self.partners[anchors[i]])))
            for i in rng.permutation(len(anchors))
        ]
        if self.round_up:
            total = self.world_size * len(self) // 2
            pairs = [pairs[i % len(pairs)] for i in range(total)]
        for number in range(self.rank, len(pairs), self.world_size):
            for place, index in enumerate(pairs[number], 2 * number):
                yield SeededIndex(index, self.seed, self.epoch, place)

    def set_epoch(self, epoch: int) -> None:
        """Draw anew; MMEngine's ``DistSamplerSeedHook`` calls it."""
        self.epoch = epoch


def _partners(
    dataset: BaseDataset, within_camera: bool
) -> dict[int, np.ndarray]:
    """The clips that each clip can be paired with.

    Clips of a person and camera share one array.
    """
    clips = defaultdict(lambda: defaultdict(list))
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        clips[info['pid']][info['camid']].append(index)
    alone = [pid for pid, cameras in clips.items() if len(cameras) == 1]
    if alone:
        use = 'paired within it' if within_camera else 'left out'
        count = sum(len(c) for pid in alone for c in clips[pid].values())
        print_log(
            f'CrossCameraPairSampler: {len(alone)} persons are seen by one '
            f'camera only, their {count} clips are {use}: person '
            f'{describe(alone)}',
            logger='current',
            level=logging.WARNING,
        )
    partners = {}
    for cameras in clips.values():
        for camid, own in cameras.items():
            others = [
                i for c, rest in cameras.items() if c != camid for i in rest
            ]
            if not others and within_camera:
                others = own
            if others:
                partners |= dict.fromkeys(own, np.array(others))
    if not partners:
        raise UserError(
            'CrossCameraPairSampler needs clips of a person in two cameras; '
            f'none of the {len(clips)} persons has them. Check role and split '
            'of the data set, or set within_camera=True'
        )
    return dict(sorted(partners.items()))
