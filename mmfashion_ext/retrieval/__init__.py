# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Retrieval: search galleries for the items most similar to a query.

Pair similarity of the match network, exact top-k search (on one process or
several), approximate search, and an index file of a gallery.

Symbols: Q queries, G gallery items, D features per item, k items to find.
"""
