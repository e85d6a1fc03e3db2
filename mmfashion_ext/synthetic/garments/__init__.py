# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Garments of the 13 DeepFashion2 categories: shapes, images, annotations.

The generators of DeepFashion2 and FLD draw their images with :mod:`.scene`;
that of VITON uses the garments alone.
"""
