# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Helpers that every room may use; they use no room but each other."""
