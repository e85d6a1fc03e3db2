# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Dataset formats: what the datasets look like on disk.

Readers, checks, converters and statistics of annotation files. The modules
of a dataset: ``constants`` (categories, landmarks, codes), ``layout``
(folders), ``raw`` (as published), ``reader`` (what a dataset class reads),
``convert``, ``check`` and ``statistics``. Shared by all: ``rules`` and
``checks`` (tables of what fields must be), ``coco`` (the reader of COCO
files), ``run_lengths`` (masks in them), ``defects`` (findings of a converter),
``matlab``, ``archives``. Registers nothing and imports no host.

Symbols: (h, w) height and width, (w, h) the reverse, px pixels of the stored
image; xywh and xyxy boxes in px; K landmarks; v visibility of a landmark: 2
visible, 1 occluded, 0 not labelled.
"""
