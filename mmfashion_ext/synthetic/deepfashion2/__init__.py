# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Generator of a synthetic dataset in the layout of DeepFashion2."""
