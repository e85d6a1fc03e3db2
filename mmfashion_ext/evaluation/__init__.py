# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Evaluation protocols: plain data in, numbers out.

COCO AP of boxes, masks and landmarks, consumer-to-shop retrieval, CMC and mAP
of re-identification. Registers nothing and imports no host.
"""
