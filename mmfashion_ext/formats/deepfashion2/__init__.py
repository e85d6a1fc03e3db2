# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""DeepFashion2: categories, landmarks, raw annotations and COCO JSON."""
