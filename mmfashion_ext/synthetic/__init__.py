# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Look-alikes of licensed data sets, in their exact on-disk layout."""
