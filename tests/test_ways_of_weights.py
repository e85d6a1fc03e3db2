# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Every way by which weights enter: as data, and of the model only.

Training and test are in ``test_runner/test_safe_loading.py`` and
``test_tools/test_train_and_test.py``.
"""

import os

import pytest
import torch

pytest.importorskip('mmdet')
pytest.importorskip('mmpose')

import mmfashion_ext
from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.hub.mmdet_detector import build_detector
from mmfashion_ext.landmark import LandmarkInferencer
from mmfashion_ext.match_rcnn import ClothesInferencer
from mmfashion_ext.match_rcnn.garment_encoder import GarmentEncoder
from mmfashion_ext.publish import publish_checkpoint
from mmfashion_ext.scan import SCANInferencer
from mmfashion_ext.scan import checkpoint_converter as scan_converter
from mmfashion_ext.tryon import TryOnInferencer
from mmfashion_ext.tryon import checkpoint_converter as tryon_converter
from mmfashion_ext.tryon.fidelity_metric import InceptionFeatures
from mmfashion_ext.tryon.metric_networks import build_lpips
from mmfashion_ext.tryon.perceptual import PerceptualLoss
from mmfashion_ext.utils.checkpoint import (
    CheckpointError,
    UnsafeCheckpointError,
    load_checkpoint_file,
)

MATCH = 'match-rcnn-retrieval-class_r18-small_fpn_2xb8-1e_synthetic-160x160'
DETECTOR = 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160'
LANDMARK = 'td-hm-udp_r18-small_1xb32-10e_synthetic-128x96'
SCAN = 'scan_r10-small_1xb32-12e_synthetic-64x32'
STUDENT = 'pf-afn_warp-small_1xb4-16e_synthetic-128x96'


def inference(path):
    """Ways by which inference gets the weights of a model."""
    return {
        'get_model': lambda: hub.get_model(SCAN, path),
        'load_model': lambda: hub.load_model(LANDMARK, path, 'cpu'),
        'ClothesInferencer': lambda: ClothesInferencer(DETECTOR, path, 'cpu'),
        'LandmarkInferencer': lambda: LandmarkInferencer(
            LANDMARK, path, 'cpu'
        ),
        'SCANInferencer': lambda: SCANInferencer(SCAN, path, 'cpu'),
        'TryOnInferencer': lambda: TryOnInferencer(STUDENT, path, 'cpu'),
        'build_inferencer': lambda: hub.build_inferencer(SCAN, path, 'cpu'),
        'inference_model': lambda: mmfashion_ext.inference_model(
            DETECTOR, 'x.jpg', checkpoint=path, device='cpu'
        ),
        'gallery': lambda: GarmentEncoder(MATCH, path, 'cpu'),
        'detector': lambda: build_detector(DETECTOR, path, 'cpu'),
        'teacher': lambda: hub.get_model(
            STUDENT, **{'model.teacher_checkpoint': str(path)}
        ).init_weights(),
    }


def others(path):
    """Ways of networks that are not models of this project's configs."""
    warp = tryon_converter.convert_files
    return {
        'perceptual': lambda: PerceptualLoss(str(path)).init_weights(),
        'lpips': lambda: build_lpips(str(path)),
        'inception': lambda: InceptionFeatures(str(path)),
        'pf_afn': lambda: warp(path),
        'scan': lambda: scan_converter.convert_files(path, path, path),
        'publish': lambda: publish_checkpoint(
            path, 'x', path.parent, '20250101'
        ),
        'load': lambda: load_checkpoint_file(path),
    }


class Payload:
    """Creates a folder when an ordinary unpickler reads it."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.fixture(autouse=True)
def no_perceptual_network(monkeypatch):
    """The teacher comes after VGG19, which is not here."""
    monkeypatch.setattr(
        PerceptualLoss,
        'init_weights',
        lambda self, real=PerceptualLoss.init_weights: (
            real(self) if 'evil' in str(self.checkpoint) else None
        ),
    )


@pytest.mark.fault(1)
@pytest.mark.parametrize('way', [*inference(''), *others('')])
def test_no_code_in_a_file_runs(way, tmp_path):
    path, marker = tmp_path / 'evil.pth', tmp_path / 'executed'
    torch.save({'state_dict': {'w': Payload(marker)}}, path)
    with pytest.raises(UnsafeCheckpointError, match=r'evil\.pth: refused'):
        (inference(path) | others(path))[way]()
    assert not marker.exists()


@pytest.mark.fault(5)
@pytest.mark.parametrize('way', inference(''))
def test_weights_of_another_model_are_refused_with_a_report(way, tmp_path):
    path = tmp_path / 'other.pth'
    torch.save({'state_dict': {'backbone.w': torch.ones(1)}}, path)
    message = (
        r'other\.pth: weights of another model than .*: \d+ missing: .*; '
        r'1 unknown: backbone\.w \(0% of the model loaded\)'
    )
    with pytest.raises(CheckpointError, match=message) as raised:
        inference(path)[way]()
    assert '\n' not in str(raised.value)


@pytest.mark.fault(28)
@pytest.mark.parametrize(
    'content',
    [
        {'meta': ['list']},
        {'meta': 'text'},
        {'meta': {'dataset_meta': ['shirt']}},
        {'meta': {'dataset_meta': {'classes': 3}}},
        {'meta': {'dataset_meta': {'classes': [1, 2]}}},
        {'state_dict': None},
        {'state_dict': ['w']},
        {'state_dict': {1: torch.ones(1)}},
        {'state_dict': {'w': 'text'}},
        [1, 2],
        torch.ones(3),
        None,
        'text',
    ],
)
def test_checkpoints_of_another_form(content, tmp_path):
    path = tmp_path / 'x.pth'
    if isinstance(content, dict):
        weights = hub.get_model(SCAN).state_dict()
        content = {'state_dict': weights} | content
    torch.save(content, path)
    with pytest.raises(UserError, match=r'x\.pth: (no weights|meta)') as error:
        hub.get_model(SCAN, path)
    assert '\n' not in str(error.value)
    with pytest.raises(UserError, match=r'x\.pth: '):
        publish_checkpoint(path, 'x', tmp_path, '20250101')


@pytest.mark.fault(28)
def test_weights_without_meta(tmp_path):
    """``meta: None`` is what some tools write; bare weights have none."""
    weights = hub.get_model(SCAN).state_dict()
    for content in (
        weights,
        {'state_dict': weights, 'meta': None},
        {'state_dict': weights, 'meta': {'dataset_meta': None}},
        {'model': weights},
    ):
        torch.save(content, tmp_path / 'x.pth')
        model = hub.get_model(SCAN, tmp_path / 'x.pth')
        assert not hasattr(model, 'dataset_meta')
        publish_checkpoint(
            tmp_path / 'x.pth', 'x', tmp_path / 'out', '20250101'
        )
