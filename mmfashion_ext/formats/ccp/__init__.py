# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Clothing Co-Parsing (CCP): tags, groups, pixel labels and COCO JSON."""
