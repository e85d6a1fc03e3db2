# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Modules of ``tools/install.py``; they use the standard library only."""
