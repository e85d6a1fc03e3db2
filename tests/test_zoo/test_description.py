# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Descriptions say what the metafile says, and no more."""

import json
from pathlib import Path

import pytest

import mmfashion_ext
from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.evaluation.metafile import read_metafiles
from mmfashion_ext.plugins import SYSTEMS
from mmfashion_ext.zoo import description, profile
from mmfashion_ext.zoo.description import KEYS

MASK = 'match-rcnn-mask_r50_fpn_8xb2-2x_deepfashion2'
PUBLISHED = {
    'Weights': 'weights/x.safetensors',
    'Aliases': ['match-rcnn:balanced'],
    'Results': [
        {'Task': 'Object Detection', 'Dataset': 'D', 'Metrics': {'AP': 0.5}}
    ],
}
METADATA = {
    'SHA-256': '0' * 64,
    'File Size (MB)': 12.5,
    'Parameters (M)': 6.25,
    'FLOPs (G)': 3.5,
    'License': 'Apache-2.0',
    'Training Data': 'D, 3 images',
    'Inference Speed': {
        'Value': 7.5,
        'Unit': 'images a second',
        'Device': 'CPU',
        'Input': 'one image',
    },
}


@pytest.fixture
def published(monkeypatch):
    """The metafiles with weights of one model."""
    contents = read_metafiles(hub.root())
    for content in contents:
        for entry in content['Models']:
            if entry['Name'] == MASK:
                entry |= PUBLISHED
                entry['Metadata'] |= METADATA
    monkeypatch.setattr(description, 'read_metafiles', lambda root: contents)


def test_a_model_with_weights(published):
    found = mmfashion_ext.describe(MASK)
    assert isinstance(found, dict)
    assert found['name'] == MASK
    assert found['system'] == 'match_rcnn'
    assert found['metrics'] == {'Object Detection': {'D': {'AP': 0.5}}}
    numbers = found['paper_metrics']['Object Detection']
    assert numbers['DeepFashion2 validation']['AP50'] == 0.789
    assert (found['parameters'], found['gflop']) == (6.25, 3.5)
    assert found['size'] == 12.5
    assert found['weights'] == str(hub.root() / 'weights/x.safetensors')
    assert found['license'] == 'Apache-2.0'
    assert found['training_data'] == 'D, 3 images'
    assert found['paper']['url'] == 'https://arxiv.org/abs/1901.07973'
    assert found['speed']['Value'] == 7.5
    assert Path(found['config']).stem == MASK
    assert 'here' not in found
    assert [*found] == [key for key in KEYS if key in found]
    json.dumps(found)
    lines = str(found).splitlines()
    assert any('Object Detection, D: AP 0.500' in line for line in lines)
    assert any('6.25 million parameters' in line for line in lines)
    assert any('DeepFashion2: A Versatile' in line for line in lines)


def test_a_model_without_weights_says_so():
    found = mmfashion_ext.describe('scan_r50_1xb32-30e_mars-256x128')
    assert found['weights'] is None
    assert found['metrics'] == {}
    text = str(found)
    assert 'none published' in text
    assert 'not measured' in text
    assert 'None' not in text


@pytest.mark.parametrize('system', SYSTEMS)
def test_a_model_of_each_system(system):
    name = mmfashion_ext.list_models(system=system)[0]
    found = mmfashion_ext.describe(name)
    assert found['system'] == system
    assert found['paper']['title']
    assert found['tasks']


def test_a_users_config_and_an_unknown_name(tmp_path):
    own = tmp_path / 'own.py'
    own.touch()
    found = mmfashion_ext.describe(str(own))
    assert found['name'] == 'own'
    assert found['config'] == str(own)
    assert str(found)
    with pytest.raises(UserError, match='no config'):
        mmfashion_ext.describe('no-such-model')


def test_speed_is_measured_when_it_is_asked_for(monkeypatch):
    made = profile.Profile(2_500_000, 10**9, 4.0, 'images', {'device': 'CPU'})
    monkeypatch.setattr(profile, 'profile_model', lambda name: made)
    found = mmfashion_ext.describe(MASK, speed=True)
    assert found['here'] == '4 images a second (device CPU)'
    assert (found['parameters'], found['gflop']) == (2.5, 1.0)
    assert 'speed here' in str(found)
