# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Index of a dataset item that carries the random seed of its augmentation.

MMEngine seeds the random generators of each data loading process once, when
it starts. What an item draws then depends on the process that loads it and on
everything that this process loaded earlier, so a resumed training differs
from an unbroken one. Here the sampler attaches a separate seed to every
position of every epoch instead.
"""

import numpy as np


class SeededIndex(int):
    """Index of a dataset item with the random seed of its augmentation.

    It is an int in every respect; its seed is pickled with it to data loading
    processes, and stays when a dataset of datasets (ConcatDataset,
    RepeatDataset) computes the index in one of them.

    Args:
        index (int): Index of the item.
        seed (int): Seed of the training, 0 or more.
        epoch (int): Epoch, from 0.
        position (int): Position of the item in the epoch, over all
            processes, from 0.
    """

    entropy: tuple[int, int, int]  # seed, epoch, position

    def __new__(
        cls, index: int, seed: int, epoch: int, position: int
    ) -> 'SeededIndex':
        """Create the int, and attach the seed."""
        self = super().__new__(cls, index)
        self.entropy = (seed, epoch, position)
        return self

    def __getnewargs__(  # type: ignore[override]  # int's has only the int
        self,
    ) -> tuple[int, int, int, int]:
        """Return the arguments for unpickling."""
        return (int(self), *self.entropy)

    def __sub__(self, other: int) -> 'SeededIndex':
        """Return the index in a part of a ConcatDataset."""
        return SeededIndex(int(self) - other, *self.entropy)

    def __mod__(self, other: int) -> 'SeededIndex':
        """Return the index in the dataset of a RepeatDataset."""
        return SeededIndex(int(self) % other, *self.entropy)

    def rng(self) -> np.random.Generator:
        """Return a new generator, always with the same draws."""
        seed, epoch, position = self.entropy
        # a spawn key: the sampler itself draws from [seed, epoch]
        return np.random.default_rng(
            np.random.SeedSequence([seed, epoch], spawn_key=(position,))
        )
