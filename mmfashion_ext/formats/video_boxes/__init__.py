# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Boxes of the persons in a video: MOT text and COCO JSON."""
