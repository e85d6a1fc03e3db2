# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Generator of synthetic video re-identification data."""
