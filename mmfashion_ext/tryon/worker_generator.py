# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Random generator of a dataset that differs between workers and epochs."""

import numpy as np
import torch
from mmengine.dist import get_rank
from torch.utils.data import get_worker_info


class WorkerGenerator:
    """Gives each process, worker and epoch its own random generator.

    MMEngine seeds the workers of every epoch alike, which would draw the same
    in every epoch. PyTorch's own seed of a worker, drawn from the run's
    generator at the start of an epoch, differs.
    """

    def __init__(self) -> None:
        self._seeds: tuple[int, int, int] | None = None
        self._generator: np.random.Generator | None = None

    def __call__(self) -> np.random.Generator:
        """Return the generator of this process, worker and epoch."""
        worker = get_worker_info()
        seeds = (
            torch.initial_seed(),
            worker.seed if worker else 0,
            get_rank(),
        )
        if self._generator is None or seeds != self._seeds:
            self._seeds = seeds
            self._generator = np.random.default_rng(seeds)
        return self._generator
