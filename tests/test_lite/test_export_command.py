# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""``mmfashion export`` of Match R-CNN: a folder, compared with PyTorch."""

import pytest

pytest.importorskip('onnxruntime')
pytest.importorskip('mmdet')
import torch

from mmfashion_ext.cli.export import main
from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.exported import read_model


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


def test_precision(recognizer, tmp_path, capsys):
    """Compared in float32, then written in the precision asked for."""
    weights, out = tmp_path / 'a.pth', tmp_path / 'exported'
    torch.save({'state_dict': recognizer.state_dict(), 'meta': {}}, weights)
    name = 'scan_r10-small_1xb32-8e_synthetic-64x32'
    main([name, str(weights), f'--out={out}', '--precision=float16'])
    said = capsys.readouterr().out
    assert '1 inputs, 2 items: the same as of the model, scores with' in said
    assert 'float16: 0.7 MB' in said
    assert read_model(out, 'scan')['precision'] == 'float16'


def test_options_of_another_system(detector, checkpoint, tmp_path):
    words = [detector.cfg.filename, str(checkpoint), '--out', str(tmp_path)]
    with pytest.raises(UserError, match='--check-size is for models of try'):
        main([*words, '--check-size', '64', '64'])
    words[0] = 'pf-afn_e2e-small_1xb4-8e_synthetic-128x96'
    with pytest.raises(UserError, match='--check-image is not for models of'):
        main([*words, '--check-image', 'a.jpg'])
    words[2] = '--out=a.onnx'
    del words[3]
    with pytest.raises(UserError, match='--precision is for folders'):
        main([*words, '--precision', 'float16'])
    with pytest.raises(UserError, match='--check must be 1 or more, got 0'):
        main([*words, '--check', '0'])
    words = ['scan_r10-small_1xb32-8e_synthetic-64x32', 'a.pth', '--out=a']
    with pytest.raises(UserError, match='--check-image is not for models of'):
        main([*words, '--check-image', 'a.jpg'])
