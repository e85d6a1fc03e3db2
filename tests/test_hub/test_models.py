# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from pathlib import Path

import pytest

pytest.importorskip('mmdet')
import mmengine.runner  # noqa: F401 (registers hooks and visualizers)
import torch
from mmengine.registry import (
    DefaultScope,
)

import mmfashion_ext
from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.checkpoint import (
    CheckpointError,
    UnsafeCheckpointError,
)

NAME = 'match-rcnn_r50_fpn_8xb2-1x_deepfashion2'


def test_get_model_builds_in_the_hosts_scope_and_leaves_no_trace(small):
    before = DefaultScope.get_current_instance()
    model = mmfashion_ext.get_model(small)
    assert type(model).__module__.startswith('mmdet.')
    assert type(model.roi_head).__name__ == 'MatchRoIHead'
    assert not model.training
    assert model.cfg.filename == small
    assert DefaultScope.get_current_instance() is before


def test_get_model_takes_options(small):
    def convs(**options):
        model = mmfashion_ext.get_model(small, **options)
        return model.roi_head.mask_head.num_convs

    assert convs(model={'roi_head': {'mask_head': {'num_convs': 1}}}) == 1
    assert convs(**{'model.roi_head.mask_head.num_convs': 2}) == 2


def test_get_model_loads_weights(small, tmp_path):
    weights = mmfashion_ext.get_model(small).state_dict()
    path = tmp_path / 'epoch_1.pth'
    meta = {'dataset_meta': {'classes': ['a']}}
    torch.save({'state_dict': weights, 'meta': meta}, path)
    model = mmfashion_ext.get_model(small, path, device='cpu')
    for name, value in model.state_dict().items():
        assert torch.equal(value, weights[name]), name
    assert model.dataset_meta == {'classes': ['a']}


def test_get_model_refuses_wrong_and_unsafe_weights(small, tmp_path):
    path = tmp_path / 'other.pth'
    torch.save({'state_dict': {'conv.weight': torch.ones(1)}}, path)
    message = r'other\.pth: weights of another model than my_config: .* missi'
    with pytest.raises(UserError, match=message) as raised:
        mmfashion_ext.get_model(small, path)
    assert '1 unknown: conv.weight' in str(raised.value)
    assert len(str(raised.value)) < 1000
    torch.save({'meta': {}}, path)
    with pytest.raises(CheckpointError, match=r'other\.pth: no weights in'):
        mmfashion_ext.get_model(small, path)
    torch.save({'state_dict': {}, 'meta': Path('/x')}, path)
    with pytest.raises(UnsafeCheckpointError, match='refused'):
        mmfashion_ext.get_model(small, path)


@pytest.mark.parametrize('device', ['gpu7', 'cuda:99'])
def test_get_model_on_no_device(small, device):
    with pytest.raises(UserError, match=f"device '{device}' cannot be") as e:
        mmfashion_ext.get_model(small, device=device)
    assert '\n' not in str(e.value)
