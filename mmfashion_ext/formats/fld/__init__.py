# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""DeepFashion Fashion Landmark Detection (FLD): raw lists and COCO JSON."""
