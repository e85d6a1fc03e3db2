# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pytest

pytest.importorskip('mmdet')
import torch

import mmfashion_ext
from mmfashion_ext import hub
from mmfashion_ext.errors import UserError


def test_inference_model_uses_the_systems_inferencer(
    small, tmp_path, monkeypatch
):
    from mmfashion_ext import match_rcnn

    calls = []

    class Inferencer:
        def __init__(self, model, weights, device, *, batch_size=1, **kwargs):
            calls.append((model, weights, device, batch_size, kwargs))

        def __call__(self, *inputs, **kwargs):
            return {'predictions': [*inputs], **kwargs}

    monkeypatch.setattr(
        match_rcnn, 'ClothesInferencer', Inferencer, raising=False
    )
    path = tmp_path / 'w.pth'
    torch.save({'w': torch.ones(1)}, path)
    result = mmfashion_ext.inference_model(
        small,
        'x.jpg',
        'y.jpg',
        checkpoint=path,
        device='cpu',
        batch_size=2,
        out_dir='o',
    )
    assert result == {'predictions': ['x.jpg', 'y.jpg'], 'out_dir': 'o'}
    assert calls == [(small, path, 'cpu', 2, {'show_progress': False})]
    with pytest.raises(UserError, match='expected one input or more'):
        mmfashion_ext.inference_model(small, checkpoint=path)

    plain = tmp_path / 'plain.py'
    plain.write_text("model = dict(type='MaskRCNN')")
    with pytest.raises(UserError, match=r'plain\.py: the model names no'):
        mmfashion_ext.inference_model(str(plain), 'x.jpg', checkpoint=path)


def test_a_backbone_of_another_system_does_not_decide():
    """The published landmark model has Match R-CNN's timm backbone."""
    pytest.importorskip('mmpose')
    from mmfashion_ext.landmark import LandmarkInferencer

    name = 'td-hm-udp-aggregated_efficientnet-lite0_1xb32-3e_'
    name += 'synthetic-128x96'
    assert hub.inferencer_class(name) is LandmarkInferencer


@pytest.mark.parametrize('path', hub.leaf_configs(), ids=lambda p: p.stem)
def test_inferencer_is_of_the_configs_own_system(path):
    """Also where the model has a backbone of another system."""
    pytest.importorskip('mmdet')
    pytest.importorskip('mmpose')
    system = path.relative_to(hub.root() / 'configs').parts[0]
    module = hub.inferencer_class(path.stem).__module__
    assert module.split('.')[:2] == ['mmfashion_ext', system]
