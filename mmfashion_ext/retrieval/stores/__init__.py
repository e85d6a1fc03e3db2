# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Vector stores: engines that keep and search the vectors of a gallery.

``base`` is the interface, ``exact``, ``faiss`` and ``milvus`` are engines of
it, ``sync`` brings one to what a gallery index holds.
"""
