# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Drawing primitives: canvas, figure, person, textures, backgrounds."""
