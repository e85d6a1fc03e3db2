# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Drawing primitives: canvas, warp, figure, textures, backgrounds.

Symbols: body space is described in :mod:`.figure`; one body unit is half the
width of the shoulders. Images are (h, w, 3) BGR uint8.
"""
