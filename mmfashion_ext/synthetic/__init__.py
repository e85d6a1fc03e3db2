# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Look-alikes of licensed data sets, in their exact on-disk layout.

Needs NumPy and OpenCV only. Command line: ``python -m
mmfashion_ext.synthetic deepfashion2 OUT``.
"""

from .deepfashion2 import generate_deepfashion2

__all__ = ['generate_deepfashion2']
