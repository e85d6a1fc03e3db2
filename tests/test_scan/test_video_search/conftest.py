# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Small videos of walking people, the published model, a tiny detector."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from mmfashion_ext.scan.video_search import detections
from mmfashion_ext.scan.video_search.build import (
    IndexOptions,
    build_person_index,
)
from mmfashion_ext.scan.video_search.finder import PersonFinder
from mmfashion_ext.scan.video_search.model import video_model
from mmfashion_ext.scan.video_search.tracklets import Cleaning
from mmfashion_ext.synthetic.video_reid.surveillance import (
    generate_surveillance,
)
from mmfashion_ext.utils.video import VideoReader

NAME = 'scan_r10-small_1xb32-8e_synthetic-64x32'


@pytest.fixture(scope='session')
def model():
    """The published model."""
    return video_model(NAME, device='cpu', batch_size=8)


@pytest.fixture(scope='session')
def scene(tmp_path_factory):
    """Two videos, three persons, their boxes."""
    out = tmp_path_factory.mktemp('scene') / 'data'
    return generate_surveillance(
        out, num=3, size=48, frames=90, progress=False
    )


@pytest.fixture(scope='session')
def videos(scene):
    return [scene / 'videos' / f'cam{k}.mp4' for k in (1, 2)]


@pytest.fixture(scope='session')
def options():
    return IndexOptions(Cleaning(min_frames=8), progress=False)


@pytest.fixture(scope='session')
def given(scene, videos):
    """A finder by files of boxes, ``'boxes'`` or ``'detections'``."""

    def find(kind='boxes'):
        files = {v: scene / kind / f'{v.stem}.txt' for v in videos}
        return PersonFinder(boxes=files)

    return find


class MovingParts:
    """A detector: what differs from the empty hall is a person."""

    model = SimpleNamespace(dataset_meta={'classes': ('dog', 'person')})

    def __init__(self, videos):
        frames = [np.stack([*VideoReader(video)]) for video in videos]
        self.halls = [np.median(x, axis=0).astype(int) for x in frames]
        self.calls = 0

    def __call__(self, image, return_datasamples):
        assert return_datasamples
        self.calls += 1
        away = [np.abs(image - hall).max(-1) for hall in self.halls]
        moved = min(away, key=np.mean) > 40
        mask = cv2.dilate(moved.astype(np.uint8), np.ones((9, 5)))
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        x, y, w, h, _ = stats[1:].T
        boxes = np.stack([x, y, x + w, y + h], axis=1)[h > 25]
        found = InstanceData(
            bboxes=torch.from_numpy(boxes).float(),
            scores=torch.full((len(boxes),), 0.9),
            labels=torch.ones(len(boxes), dtype=torch.long),
        )
        return {'predictions': [SimpleNamespace(pred_instances=found)]}


@pytest.fixture
def detector(videos, monkeypatch):
    """A ``PersonDetector`` and the network in it."""
    pytest.importorskip('mmdet')
    from mmfashion_ext.hub import mmdet_detector

    network = MovingParts(videos)
    monkeypatch.setattr(mmdet_detector, 'build_detector', lambda *_: network)
    return detections.PersonDetector('moving-parts'), network


@pytest.fixture(scope='session')
def people(videos, model, given, options, tmp_path_factory):
    """File of an index of both videos, by boxes with tracks; its report."""
    out = tmp_path_factory.mktemp('index') / 'people.index'
    return out, build_person_index(videos, model, given(), out, options)
