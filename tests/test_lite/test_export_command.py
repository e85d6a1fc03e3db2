# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""``mmfashion export`` of Match R-CNN: a folder, compared with PyTorch."""

import pytest

pytest.importorskip('onnxruntime')
pytest.importorskip('mmdet')
import torch

from mmfashion_ext.cli.export import main
from mmfashion_ext.errors import UserError


@pytest.fixture(scope='module')
def checkpoint(detector, tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'a.pth'
    torch.save({'state_dict': detector.state_dict(), 'meta': {}}, path)
    return path


def test_writes_and_compares(detector, checkpoint, tmp_path, capsys):
    config = detector.cfg.filename
    out = tmp_path / 'exported'
    main([config, str(checkpoint), '--out', str(out)])
    assert sorted(file.name for file in out.iterdir()) == [
        'boxes.onnx',
        'features.onnx',
        'items.onnx',
        'model.json',
    ]
    said = capsys.readouterr().out
    assert f'wrote {out}' in said
    assert ' items: the same as of the model, bboxes within' in said


def test_options_of_another_system(detector, checkpoint, tmp_path):
    words = [detector.cfg.filename, str(checkpoint), '--out', str(tmp_path)]
    with pytest.raises(UserError, match='--check-size is for models of try'):
        main([*words, '--check-size', '64', '64'])
    words[0] = 'pf-afn_e2e-small_1xb4-8e_synthetic-128x96'
    with pytest.raises(UserError, match='--check-image is not for models of'):
        main([*words, '--check-image', 'a.jpg'])
