# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""SCAN (arXiv:1807.05688): video person re-identification, on MMEngine."""
