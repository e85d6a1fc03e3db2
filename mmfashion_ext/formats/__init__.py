# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Dataset formats: what the datasets look like on disk.

Readers, writers, checks and converters of annotation files. Needs NumPy and
Pillow (or OpenCV) only and registers nothing.
"""
