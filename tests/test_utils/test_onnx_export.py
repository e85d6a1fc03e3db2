# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import sys

import numpy as np
import pytest

pytest.importorskip('torch')
pytest.importorskip('onnxruntime')
pytest.importorskip('onnx')
import onnx
import onnxruntime
import torch

from mmfashion_ext.utils.onnx_export import OPSET, export_graph, require_onnx


class Sum(torch.nn.Module):
    def forward(self, a, b):
        return a.sum(dim=1) + b, a


def test_exports_named_inputs_of_any_length(tmp_path):
    path = tmp_path / 'new' / 'sum.onnx'
    export_graph(
        Sum(),
        path,
        {'a': torch.rand(2, 3), 'b': torch.rand(2)},
        ['c', 'd'],
        {name: {0: 'n'} for name in 'abcd'},
        'adds',
    )
    content = onnx.load(path)
    assert content.doc_string == 'adds'
    assert content.opset_import[0].version == OPSET
    assert [file.name for file in path.parent.iterdir()] == ['sum.onnx']
    session = onnxruntime.InferenceSession(str(path))
    a, b = np.ones((5, 3), np.float32), np.arange(5, dtype=np.float32)
    c, d = session.run(['c', 'd'], {'a': a, 'b': b})
    assert np.array_equal(c, b + 3)
    assert np.array_equal(d, a)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnx', None)
    with pytest.raises(ImportError, match=r'exporting needs onnx .*pip inst'):
        require_onnx('onnx')
