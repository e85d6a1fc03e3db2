# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What is exported of SCAN; test_lite/test_scan.py runs it."""

import pytest
import torch

pytest.importorskip('mmengine')
pytest.importorskip('onnx')
import onnx

from mmfashion_ext.errors import UserError
from mmfashion_ext.hub import get_model
from mmfashion_ext.scan.onnx_export import export_onnx
from mmfashion_ext.utils.exported import read_model

MODEL = 'scan_r10-small_1xb32-8e_synthetic-64x32'


def test_folder(tmp_path):
    """Names and axes are public: other runtimes rely on them."""
    torch.manual_seed(0)
    export_onnx(get_model(MODEL), tmp_path)
    content = read_model(tmp_path, 'scan')
    assert content['name'] == MODEL
    assert content['input']['size'] == [64, 32]
    assert content['flow'] == 'dis'
    assert content['clip_length'] == 10
    axes = {}
    for file in ('clips', 'pairs'):
        graph = onnx.load(tmp_path / f'{file}.onnx').graph
        for value in (*graph.input, *graph.output):
            shape = value.type.tensor_type.shape
            axes[value.name] = [d.dim_param or d.dim_value for d in shape.dim]
    assert axes['img'] == axes['flow'] == ['clips', 'frames', 3, 64, 32]
    assert axes['embeddings'][:2] == ['clips', 'frames']
    assert axes['query_keys'][:2] == ['query', 'frames_query']
    assert axes['distances'] == ['query', 'gallery']


def test_refused(tmp_path):
    with pytest.raises(UserError, match='needs a SCAN model, got Identity'):
        export_onnx(torch.nn.Identity(), tmp_path / 'a')
    model = get_model(MODEL)
    dataset = model.cfg.test_dataloader.dataset
    dataset.pipeline = [{'type': 'mmfashion_ext.FlipClip'}, *dataset.pipeline]
    with pytest.raises(UserError, match='needs a test pipeline of LoadClip'):
        export_onnx(model, tmp_path / 'a')
    assert not (tmp_path / 'a').exists()
