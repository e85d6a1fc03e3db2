# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Drawn garments of the 13 DeepFashion2 categories with their landmarks."""
