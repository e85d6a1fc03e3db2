# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The parts of ``tools/install.py``; standard library only."""
