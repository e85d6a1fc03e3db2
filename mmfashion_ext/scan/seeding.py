# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Augmentation that a resumed training repeats.

MMEngine seeds the generators of each data loading process once, when it
starts. What an item draws then depends on the process that loads it and on
all that this process loaded before, so that a training that is resumed never
goes on as it would have without the break. Here chance travels with the index
instead: the sampler gives every place of every epoch a seed of its own.
"""

import numpy as np


class SeededIndex(int):
    """An index of a dataset, with the seed of what is drawn for the item.

    An int in every respect; pickled to data loading processes with its seed.

    Args:
        index (int): Of the item.
        seed (int): Of the training, 0 or more.
        epoch (int): From 0.
        place (int): Of the item in the epoch, over all processes, from 0.
    """

    def __new__(
        cls, index: int, seed: int, epoch: int, place: int
    ) -> 'SeededIndex':
        """Make the int, and attach the rest."""
        self = super().__new__(cls, index)
        self.draw = (seed, epoch, place)
        return self

    def __getnewargs__(self) -> tuple[int, int, int, int]:
        """What ``pickle`` makes it of."""
        return (int(self), *self.draw)

    def rng(self) -> np.random.Generator:
        """A new generator, the same whenever and wherever it is made."""
        seed, epoch, place = self.draw
        # a spawn key: the sampler itself draws from [seed, epoch]
        return np.random.default_rng(
            np.random.SeedSequence([seed, epoch], spawn_key=(place,))
        )


def rng_of(results: dict) -> np.random.Generator:
    """The generator of an item that goes through a pipeline.

    ``results['rng']``, which the dataset sets for a :class:`SeededIndex`; of
    other items (another sampler, a wrapped dataset) it is made of NumPy's
    global generator, which MMEngine seeds in every process.
    """
    if 'rng' not in results:
        results['rng'] = np.random.default_rng(
            np.random.randint(2**31)  # noqa: NPY002
        )
    return results['rng']
