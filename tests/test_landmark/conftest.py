# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Fixtures of the landmark tests: scope, log, models of random weights."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest

#: Name of a small model of DeepFashion2, with its test images of 96 x 128.
MODEL = 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96'

# UDP's subpixel step on the flat maps of a model of random weights enlarges
# rounding errors to pixels
_MSRA = "model = dict(head=dict(decoder=dict(type='MSRAHeatmap')))\n"


@pytest.fixture
def scope(own_process_state):
    """The default scope of mmpose's runners."""
    from mmengine.registry import init_default_scope

    init_default_scope('mmpose')


@pytest.fixture
def log(caplog):
    """The text that MMEngine's logger printed."""
    from mmengine.logging import MMLogger

    logger = MMLogger.get_instance('landmark')
    MMLogger._instance_dict.move_to_end('landmark')
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.INFO)
    yield caplog
    logger.removeHandler(caplog.handler)


@pytest.fixture(scope='session')
def noise():
    """Make an image of noise of (w, h) px."""

    def make(seed=0, size=(100, 150)):
        rng = np.random.default_rng(seed)
        return rng.integers(0, 255, (size[1], size[0], 3), np.uint8)

    return make


@pytest.fixture(scope='session')
def config():
    """Write a user's config that inherits one of ours; return its path."""

    def write(folder, text):
        path = folder / 'own.py'
        base = f"__import__('mmfashion_ext').config_path({MODEL!r})"
        path.write_text(f'_base_ = {base}\n{text}')
        return str(path)

    return write


@pytest.fixture(scope='session')
def model(tmp_path_factory, config):
    """A config file and random weights."""
    import torch

    from mmfashion_ext import hub

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp('model')
    path, weights = config(folder, _MSRA), folder / 'random.pth'
    torch.save({'state_dict': hub.get_model(path).state_dict()}, weights)
    return path, weights


@pytest.fixture(scope='session')
def inferencer(model):
    """A landmark inferencer without a detector."""
    from mmfashion_ext.landmark import LandmarkInferencer

    return LandmarkInferencer(*model, device='cpu', show_progress=False)


@pytest.fixture
def detects(inferencer, monkeypatch):
    """An inferencer whose detector has these classes and gives these boxes."""
    import torch
    from mmengine.structures import InstanceData

    from mmfashion_ext.landmark import garment_detector as detector

    def build(classes, detections, infer=inferencer, keep_labels=None):
        columns = np.array(detections, np.float32).reshape(-1, 6)
        found = InstanceData(
            bboxes=torch.from_numpy(columns[:, :4]),
            scores=torch.from_numpy(columns[:, 4]),
            labels=torch.from_numpy(columns[:, 5].astype(int)),
        )

        class Detector:
            model = SimpleNamespace(dataset_meta={'classes': classes})

            def __call__(self, image, return_datasamples):
                assert return_datasamples
                assert image.shape[2] == 3
                return {'predictions': [SimpleNamespace(pred_instances=found)]}

        monkeypatch.setattr(detector, 'build_detector', lambda *_: Detector())
        fake = detector.GarmentDetector('fake', None, keep_labels)
        monkeypatch.setattr(infer, 'detector', fake)
        return infer

    return build


@pytest.fixture(scope='session')
def one():
    """Return the prediction of a single image."""

    def predict(infer, *args, **kwargs):
        result = infer(*args, **kwargs)
        assert result['skipped'] == []
        (prediction,) = result['predictions']
        return prediction

    return predict


@pytest.fixture(scope='session')
def check():
    """Check shapes and types of a prediction with categories."""
    from mmfashion_ext.formats.deepfashion2.constants import CATEGORIES

    def check_prediction(found):
        num = len(found['bboxes'])
        assert found['bboxes'].shape == (num, 4)
        assert found['scores'].shape == found['labels'].shape == (num,)
        assert found['bboxes'].dtype == found['scores'].dtype == np.float32
        assert found['labels'].dtype.kind == 'i'
        for key in ('categories', 'keypoints', 'keypoint_scores'):
            assert isinstance(found[key], list)
            assert len(found[key]) == num
        for number, label in enumerate(found['labels']):
            category = CATEGORIES[label]
            assert found['categories'][number] == category.name
            k = category.num_landmarks
            assert found['keypoints'][number].shape == (k, 2)
            assert found['keypoint_scores'][number].shape == (k,)
            assert found['keypoint_names'][number] == [
                f'{category.prefix}_kpt{i}' for i in range(1, k + 1)
            ]

    return check_prediction


@pytest.fixture(scope='session')
def assert_equal():
    """Check that two predictions agree, up to the names of their images."""

    def compare(found, other, tolerance=0.01):  # px
        assert found['categories'] == other['categories']
        for key in ('bboxes', 'scores'):
            assert np.allclose(found[key], other[key], atol=tolerance), key
        for key in ('keypoints', 'keypoint_scores'):
            for a, b in zip(found[key], other[key], strict=True):
                assert np.allclose(a, b, atol=tolerance), key

    return compare
