# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Published models reach their stated numbers on data that is made here."""

import json

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip('mmdet')
pytest.importorskip('mmpose')
from mmengine.dataset import pseudo_collate

from mmfashion_ext import hub
from mmfashion_ext.formats.deepfashion2.constants import CATEGORY_BY_ID
from mmfashion_ext.landmark import LandmarkInferencer
from mmfashion_ext.scan import SCANInferencer
from mmfashion_ext.synthetic import generate_deepfashion2, generate_video_reid

LANDMARK = 'td-hm-udp-aggregated_efficientnet-lite0_1xb32-3e_synthetic-128x96'
SCAN = 'scan_r10-small_1xb32-8e_synthetic-64x32'


def stated(name, metric):
    """The first number of that metric in the metafile."""
    (entry,) = (e for e in hub.metafile_entries() if e['Name'] == name)
    found = [r['Metrics'].get(metric) for r in entry['Results']]
    return next(value for value in found if value is not None)


@torch.no_grad()
def test_landmarks(tmp_path):
    """PCK@0.1 of drawn clothes, which are easier than photographed cloth."""
    root = generate_deepfashion2(
        tmp_path / 'data', num=16, val=0, seed=11, size=192, progress=False
    )
    infer = LandmarkInferencer(LANDMARK, device='cpu')
    crops, truth = [], []
    for path in sorted(root.glob('train/annos/*.json')):
        image = cv2.imread(str(root / f'train/image/{path.stem}.jpg'))
        annotation = json.loads(path.read_text())
        items = [v for k, v in annotation.items() if k.startswith('item')]
        for item in items:
            crop = {
                **infer.dataset_meta,
                'img': image,
                'img_path': str(path),
                'bbox': np.array([item['bounding_box']], np.float32),
                'bbox_score': np.ones(1, np.float32),
                'category_id': item['category_id'],
            }
            crops.append(infer.pipeline(crop))
            truth.append(item)
    errors = []
    found = infer.model.test_step(pseudo_collate(crops))
    for sample, item in zip(found, truth, strict=True):
        part = CATEGORY_BY_ID[item['category_id']].slice
        x, y, v = np.reshape(item['landmarks'], (-1, 3)).T
        points = np.asarray(sample.pred_instances.keypoints[0, part])
        distance = np.hypot(points[:, 0] - x, points[:, 1] - y)[v > 0]
        x1, y1, x2, y2 = item['bounding_box']
        errors += (distance / max(x2 - x1, y2 - y1)).tolist()
    assert len(errors) > 300
    assert np.mean(np.array(errors) < 0.1) > stated(LANDMARK, 'PCK@0.1') - 0.05


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
