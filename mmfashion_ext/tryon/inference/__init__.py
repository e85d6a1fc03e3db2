# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Try-on inference: accelerated student, runs over many pairs, export."""
