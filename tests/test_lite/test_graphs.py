# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import shutil
import sys

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.lite.graphs import GraphFolder


def test_loads_a_graph_once(exported):
    graphs = GraphFolder(exported, 'match_rcnn', 1)
    assert graphs.load('boxes') is graphs.load('boxes')
    image = np.zeros((1, 3, 64, 96), np.float32)
    maps = graphs.run('features', image=image)
    assert maps[0].shape[2:] == (64 // 8, 96 // 8)


def test_refuses_other_folders(exported, tmp_path, monkeypatch):
    with pytest.raises(UserError, match='of match_rcnn, expected one of scan'):
        GraphFolder(exported, 'scan')
    shutil.copy(exported / 'model.json', tmp_path)
    graphs = GraphFolder(tmp_path, 'match_rcnn')
    with pytest.raises(UserError, match=r'boxes\.onnx: cannot be loaded'):
        graphs.load('boxes')
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ImportError, match='pip install onnxruntime'):
        graphs.load('boxes')
