# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Evaluation protocols: plain data in, numbers out.

COCO AP of boxes, masks and landmarks, landmark errors, consumer-to-shop
retrieval, CMC and mAP of re-identification; the table of all tasks and their
metrics, the metafiles and the model zoo. Registers nothing and imports no
host.

Symbols: N items, K landmarks, Q queries, G gallery items.
"""
