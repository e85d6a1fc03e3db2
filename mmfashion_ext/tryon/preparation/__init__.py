# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Preparation of one's own photographs as a try-on dataset.

Symbols: N garments found in a photograph of (h, w) px; images are BGR uint8.
"""
