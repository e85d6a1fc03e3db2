# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Graphs of landmark models compute what the model computes."""

import json

import numpy as np
import pytest

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('mmpose')
import onnxruntime
import torch

import mmfashion_ext
from mmfashion_ext.errors import UserError
from mmfashion_ext.landmark.head import LabelledFeatures
from mmfashion_ext.landmark.onnx_export import export_onnx

MODEL = 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96'


@torch.no_grad()
@pytest.mark.parametrize('conditioned', [False, True])
def test_graphs(tmp_path, conditioned):
    torch.manual_seed(0)
    model = mmfashion_ext.get_model(
        MODEL, **{'model.head.conditioned': conditioned}
    ).eval()
    if conditioned:
        torch.nn.init.normal_(model.head.condition.weight)
    export_onnx(model, tmp_path / 'new')
    crops, labels = torch.rand(3, 3, 128, 96), torch.tensor([4, 0, 11])
    feats = model.extract_feat(crops)
    maps = model.head(LabelledFeatures(feats, labels))
    features, heat_maps = (
        onnxruntime.InferenceSession(str(tmp_path / 'new' / f'{name}.onnx'))
        for name in ('features', 'maps')
    )
    (found,) = features.run(None, {'crops': crops.numpy()})
    np.testing.assert_allclose(found, feats[-1].numpy(), atol=1e-3)
    given = {'feats': found, 'labels': labels.numpy()}
    (found,) = heat_maps.run(None, given)
    np.testing.assert_allclose(found, maps.numpy(), atol=1e-3)
    said = json.loads((tmp_path / 'new' / 'model.json').read_text())
    assert said['labelled'] is True
    assert said['input']['size'] == [96, 128]
    assert len(said['names']) == 294
    assert np.shape(said['partners']) == (13, 39)


def test_refuses_what_the_runtime_does_not_have(tmp_path):
    model = mmfashion_ext.get_model(MODEL)
    model.test_cfg.flip_mode = 'offset'
    steps = model.cfg.test_dataloader.dataset.pipeline
    steps[2].use_udp = False
    message = 'flip_mode offset; TopdownAffine without use_udp=True; heat map'
    with pytest.raises(UserError, match=message):
        export_onnx(model, tmp_path / 'new')
    assert not (tmp_path / 'new').exists()
    with pytest.raises(UserError, match='top-down landmark model, got Ident'):
        export_onnx(torch.nn.Identity(), tmp_path)
