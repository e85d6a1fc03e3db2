# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Reproducible training: chance depends on seed, epoch and position alone.

MMEngine seeds a process once. What a step draws (RoIs of a detector, dropout)
and what an item draws (augmentation, unpaired garments) then depends on all
that the process drew before, so a training that is continued from a checkpoint
differs from an unbroken one. Here the generators are seeded before each step,
from (seed, step, process), and before each item, from (seed, epoch, position).
"""

import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_dist_info
from mmengine.hooks import Hook
from mmengine.registry import DATA_SAMPLERS, DATASETS
from torch.utils.data import Dataset, Sampler

from ..utils.seeded_index import SeededIndex


def seed_generators(*entropy: int) -> None:
    """Seed the generators of Python, NumPy and PyTorch.

    Args:
        *entropy (int): Numbers >= 0; other numbers, other draws.
    """
    state = np.random.SeedSequence(entropy).generate_state(3)
    random.seed(int(state[0]))
    np.random.seed(int(state[1]))  # noqa: NPY002
    torch.manual_seed(int(state[2]))


class SeededStepsHook(Hook):
    """Hook that seeds a process before each step of a training.

    Args:
        first_seed (int, optional): Seed that samplers were built with; a
            checkpoint that is continued may have another.
    """

    priority = 'VERY_HIGH'

    def __init__(self, first_seed: int | None) -> None:
        self.first_seed = first_seed

    def before_train(self, runner: Any) -> None:
        """Give the sampler the seed of the training that is continued.

        Args:
            runner (Runner): Its seed is that of the checkpoint by now.
        """
        sampler = runner.train_loop.dataloader.sampler
        sampler = getattr(sampler, 'wrapped', sampler)
        if getattr(sampler, 'seed', None) == self.first_seed:
            sampler.seed = runner.seed

    def before_train_iter(
        self, runner: Any, *args: Any, **kwargs: Any
    ) -> None:
        """Seed the generators from seed, step and process.

        Args:
            runner (Runner): With ``seed`` and ``iter``.
            *args: Not used.
            **kwargs: Not used.
        """
        rank, _ = get_dist_info()
        seed_generators(runner.seed or 0, runner.iter, rank)


class SeededDataset(Dataset):
    """Dataset whose items are drawn with the seed of their index.

    Whatever else is asked of it is asked of the dataset that it wraps.

    Args:
        dataset (Dataset): The dataset.
    """

    def __init__(self, dataset: Any) -> None:
        self.wrapped = dataset

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.wrapped)

    def __getitem__(self, index: int) -> Any:
        """Return an item; of a ``SeededIndex`` always with the same draws."""
        if isinstance(index, SeededIndex):
            seed_generators(*index.entropy)
        return self.wrapped[index]

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the wrapped dataset."""
        if name == 'wrapped':  # while it is unpickled
            raise AttributeError(name)
        return getattr(self.wrapped, name)

    def __deepcopy__(self, memo: dict) -> 'SeededDataset':
        """Return itself: MMEngine copies the settings of a loader."""
        return self


class SeededSampler(Sampler[int]):
    """Sampler whose indices carry the seed of their item.

    Whatever else is asked of it is asked of the sampler that it wraps.

    Args:
        sampler (Iterable[int]): The sampler, with ``epoch`` if it has epochs.
            Indices that carry a seed already are passed on.
        training_seed (Callable[[], int]): Returns the seed of the training,
            which is known when a training is continued, not before.
    """

    def __init__(
        self, sampler: Iterable[int], training_seed: Callable[[], int]
    ) -> None:
        self.wrapped: Any = sampler
        self.training_seed = training_seed
        self._skipped = 0

    def __len__(self) -> int:
        """Return the number of items of an epoch of this process."""
        return len(self.wrapped)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the wrapped sampler."""
        if name in ('wrapped', 'training_seed'):
            raise AttributeError(name)
        value = getattr(self.wrapped, name)
        return partial(self._skip, value) if name == 'skip' else value

    def __deepcopy__(self, memo: dict) -> 'SeededSampler':
        """Return itself: MMEngine copies the settings of a loader."""
        return self

    def _skip(self, skip: Callable[[int], None], number: int) -> None:
        """Continue after so many indices of this process."""
        self._skipped = number
        skip(number)

    def __iter__(self) -> Iterator[int]:
        """Yield the indices of an epoch, each with its seed."""
        rank, world = get_dist_info()
        epoch = getattr(self.wrapped, 'epoch', 0)
        for number, index in enumerate(self.wrapped, self._skipped):
            if isinstance(index, SeededIndex):
                yield index
            else:
                position = number * world + rank
                yield SeededIndex(index, self.training_seed(), epoch, position)


def seeded_loader(
    loader: Any, seed: int | None, training_seed: Callable[[], int]
) -> Any:
    """Build dataset and sampler of a loader's settings, with seeds.

    Args:
        loader (dict | DataLoader): Settings of a data loader. Others than
            those of MMEngine are returned as they are.
        seed (int, optional): Seed that MMEngine would give the sampler.
        training_seed (Callable[[], int]): See :class:`SeededSampler`.

    Returns:
        dict | DataLoader: With objects for ``dataset`` and ``sampler``.
    """
    parts = ('dataset', 'sampler')
    if not isinstance(loader, dict) or not all(
        isinstance(loader.get(part), dict) for part in parts
    ):
        return loader
    dataset = DATASETS.build(loader['dataset'])
    if hasattr(dataset, 'full_init'):
        dataset.full_init()
    dataset = SeededDataset(dataset)
    sampler = DATA_SAMPLERS.build(
        loader['sampler'], default_args={'dataset': dataset, 'seed': seed}
    )
    return {
        **loader,
        'dataset': dataset,
        'sampler': SeededSampler(sampler, training_seed),
    }
