# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Sampler of clip pairs that show one person in two cameras."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from ..errors import UserError
from ..registry import DATA_SAMPLERS
from ..utils.seeded_index import SeededIndex
from ..utils.skipped import warn_named


@DATA_SAMPLERS.register_module()
class CrossCameraPairSampler(Sampler):
    """Sample every clip once, each followed by a clip of the same person.

    Anchors come in random order, from all cameras; the partner is drawn
    uniformly among the person's clips of the other cameras. An epoch has
    twice as many indices as there are clips, so an even ``batch_size`` holds
    whole pairs: anchors at even positions ("probe"), partners at odd ones
    ("gallery"). Of N processes each gets every N-th pair. All draws, also
    those of the augmentation (see
    :class:`~mmfashion_ext.utils.seeded_index.SeededIndex`), depend on seed
    and epoch only.

    Args:
        dataset (BaseDataset): A ``VideoReIDDataset``, or a wrapper of one
            with ``get_data_info``.
        seed (int, optional): None: a random one, equal in all processes.
        within_camera (bool): Persons in one camera only: True pairs their
            clips with one another, False skips them. They are logged in
            either case.
        round_up (bool): Repeat pairs so that all processes get equally many.

    Raises:
        UserError: No person has clips in two cameras.
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
        """Return the number of clips of this process in an epoch."""
        anchors = len(self.partners)
        if self.round_up:
            return 2 * -(-anchors // self.world_size)
        return 2 * len(range(self.rank, anchors, self.world_size))

    def __iter__(self) -> Iterator[SeededIndex]:
        """Yield indices of clips: anchor, partner, anchor, partner ..."""
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
            for position, index in enumerate(pairs[number], 2 * number):
                yield SeededIndex(index, self.seed, self.epoch, position)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, from 0; ``DistSamplerSeedHook`` calls it."""
        self.epoch = epoch


def _partners(
    dataset: BaseDataset, within_camera: bool
) -> dict[int, np.ndarray]:
    """Return the clips that each clip can be paired with.

    Returns:
        dict[int, np.ndarray]: Index of a clip -> (n,) int64 indices of its
        possible partners; clips of one person and camera have one array.
    """
    clips: dict[int, dict[int, list[int]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        clips[info['pid']][info['camid']].append(index)
    single = [pid for pid, cameras in clips.items() if len(cameras) == 1]
    if single:
        use = 'paired within it' if within_camera else 'skipped'
        count = sum(len(c) for pid in single for c in clips[pid].values())
        warn_named(
            f'CrossCameraPairSampler: {len(single)} persons are seen by one '
            f'camera only, their {count} clips are {use}',
            [f'person {pid}' for pid in single],
        )
    partners: dict[int, np.ndarray] = {}
    for cameras in clips.values():
        for camid, indices in cameras.items():
            others = [
                i for c, rest in cameras.items() if c != camid for i in rest
            ]
            if not others and within_camera:
                others = indices
            if others:
                partners |= dict.fromkeys(indices, np.array(others))
    if not partners:
        raise UserError(
            'CrossCameraPairSampler needs clips of a person in two cameras; '
            f'none of the {len(clips)} persons has them. Check role and split '
            'of the dataset, or set within_camera=True'
        )
    return dict(sorted(partners.items()))
