# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Random generator of an item in SCAN's pipeline."""

import numpy as np


def rng_of(results: dict) -> np.random.Generator:
    """Return the random generator of an item in a pipeline.

    It is ``results['rng']``, which the dataset sets for a
    :class:`~mmfashion_ext.utils.seeded_index.SeededIndex`. For other items
    (another sampler) it is seeded from NumPy's global generator, which
    MMEngine seeds in every process.

    Args:
        results (dict): Item of the pipeline; ``rng`` is added if missing.

    Returns:
        np.random.Generator: The same one at each call for one item.
    """
    if 'rng' not in results:
        results['rng'] = np.random.default_rng(
            np.random.randint(2**31)  # noqa: NPY002
        )
    return results['rng']
