# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Retrieval: pair similarity, exact and approximate top-k, gallery index."""
