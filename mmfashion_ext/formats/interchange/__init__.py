# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Predictions for other tools: supervision, COCO, FiftyOne.

MOT text of tracks is in :mod:`..video_boxes.mot`.
"""

from .coco_folder import CocoFolder, to_coco
from .supervision import to_supervision

__all__ = ['CocoFolder', 'to_coco', 'to_supervision']
