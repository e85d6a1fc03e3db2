# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Published models reach their stated numbers on data that is made here."""

import numpy as np

from mmfashion_ext import hub
from mmfashion_ext.scan import SCANInferencer
from mmfashion_ext.synthetic import generate_video_reid

SCAN = 'scan_r10-small_1xb32-8e_synthetic-64x32'


def stated(name, metric):
    """The first number of that metric in the metafile."""
    (entry,) = (e for e in hub.metafile_entries() if e['Name'] == name)
    found = [r['Metrics'].get(metric) for r in entry['Results']]
    return next(value for value in found if value is not None)


def test_persons(tmp_path):
    """The persons and both cameras are none that the training has seen."""
    root = generate_video_reid(
        tmp_path / 'data',
        num=12,
        seed=7,
        size=64,
        frames=(12, 14),
        progress=False,
    )
    sides = [
        sorted(root.glob(f'raw/**/sequences/cam{camera}/person*'))
        for camera in (1, 2)
    ]
    infer = SCANInferencer(SCAN, device='cpu', show_progress=False)
    scores = infer.compare(*sides)
    assert scores.shape == (12, 12)
    first = scores.argmax(1) == np.arange(12)
    assert first.mean() >= stated(SCAN, 'allshots/CMC-1')
