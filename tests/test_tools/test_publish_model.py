# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import hashlib
import importlib.util
import json
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.checkpoint import UnsafeCheckpointError

MISC = Path(__file__).parents[2] / 'tools' / 'misc'
NAME = 'match-rcnn_r18_deepfashion2'


def load_tool(name):
    spec = importlib.util.spec_from_file_location(name, MISC / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


publish_model = load_tool('publish_model')
gen_model_zoo = load_tool('gen_model_zoo')


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """A repository of one model without numbers; its root."""
    root = tmp_path / 'repo'
    folder = root / 'configs' / 'match_rcnn'
    folder.mkdir(parents=True)
    (folder / f'{NAME}.py').write_text('model = dict()\n')
    content = {
        'Collections': [
            {
                'Name': 'Match R-CNN',
                'Paper': {'URL': 'https://a.b', 'Title': 'T'},
                'README': 'README.md',
                'Code': 'x.py',
            }
        ],
        'Models': [
            {
                'Name': NAME,
                'In Collection': 'Match R-CNN',
                'Config': f'configs/match_rcnn/{NAME}.py',
                'Metadata': {'Tasks': ['Object Detection'], 'Dataset': 'D'},
                'Results': [],
            }
        ],
    }
    text = yaml.safe_dump(content, sort_keys=False)
    (folder / 'metafile.yml').write_text(f'# a header\n{text}')
    (root / 'model-index.yml').write_text(
        'Import:\n- configs/match_rcnn/metafile.yml\n'
    )
    monkeypatch.setattr(hub, 'root', lambda: root)
    return root


def run(tool, monkeypatch, *args):
    """Run a tool in this process; its exit status."""
    monkeypatch.setattr(sys, 'argv', ['tool', *map(str, args)])
    with pytest.raises(SystemExit) as status:
        publish_model.run_tool(tool.main)
    return status.value.code or 0


@pytest.fixture
def training(tmp_path):
    """A training checkpoint with an EMA, an optimizer and odd meta values."""
    path = tmp_path / 'epoch_1.pth'
    torch.save(
        {
            'meta': {
                'epoch': 1,
                'seed': np.int64(3),
                'dataset_meta': {
                    'classes': ('a', 'b'),
                    'sigmas': np.array([0.5, 1.0]),
                    'palette': {(1, 2, 3)},
                },
            },
            'state_dict': OrderedDict(w=torch.full((2,), 7.0)),
            'ema_state_dict': {'module.w': torch.zeros(2), 'steps': 3},
            'optimizer': {'state': {0: torch.ones(100)}},
        },
        path,
    )
    return path


def test_published_file_is_small_plain_and_named_by_its_hash(
    training, tmp_path
):
    out = tmp_path / 'out'
    path = publish_model.publish(training, 'x', out, '20260102')
    sha8 = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    assert path.name == f'x_20260102-{sha8}.pth'
    assert list(out.iterdir()) == [path]  # nothing else is left
    content = torch.load(path, weights_only=True)
    assert list(content) == ['meta', 'state_dict']
    # MMEngine keeps the averaged weights under 'state_dict'
    assert torch.equal(content['state_dict']['w'], torch.full((2,), 7.0))
    assert content['meta'] == {
        'epoch': 1,
        'seed': 3,
        'dataset_meta': {
            'classes': ['a', 'b'],
            'sigmas': [0.5, 1.0],
            'palette': [[1, 2, 3]],
        },
    }
    again = publish_model.publish(training, 'x', tmp_path / 'b', '20260102')
    assert again.name == path.name  # the same weights, the same name


def test_bare_weights_are_published(tmp_path):
    torch.save({'w': torch.ones(1)}, tmp_path / 'w.pth')
    path = publish_model.publish(tmp_path / 'w.pth', 'x', tmp_path, '2')
    content = torch.load(path, weights_only=True)
    assert content == {'meta': {}, 'state_dict': {'w': torch.ones(1)}}


def test_objects_need_trust_and_do_not_survive(tmp_path):
    path = tmp_path / 'objects.pth'
    state = {'w': torch.ones(1)}
    torch.save({'state_dict': state, 'meta': {'p': Path('/x')}}, path)
    with pytest.raises(UnsafeCheckpointError, match='--trust'):
        publish_model.publish(path, 'x', tmp_path / 'out', '2')
    assert not (tmp_path / 'out').exists()
    new = publish_model.publish(path, 'x', tmp_path, '2', trust=True)
    assert torch.load(new, weights_only=True)['meta'] == {'p': None}


def test_results_keep_overall_numbers_of_each_task():
    metrics = {
        'bbox/AP': 0.123456,
        'bbox/AP_small': -1.0,
        'bbox/AP/vest': 0.5,
        'keypoints_vis/AP50': 0.2,
        'loss': 3.0,
    }
    assert publish_model.results_of(metrics, 'D') == [
        {
            'Task': 'Object Detection',
            'Dataset': 'D',
            'Metrics': {'AP': 0.1235},
        },
        {
            'Task': 'Landmark Estimation (visible only)',
            'Dataset': 'D',
            'Metrics': {'AP50': 0.2},
        },
    ]
    with pytest.raises(UserError, match=r"such as 'bbox/AP', got \['loss'\]"):
        publish_model.results_of({'loss': 3.0}, 'D')


def test_numbers_travel_from_a_test_to_the_model_zoo(
    zoo, training, tmp_path, monkeypatch, capsys
):
    (tmp_path / 'metrics.json').write_text(
        json.dumps({'bbox/AP': 0.5, 'bbox/AR@1': 0.25})
    )
    assert run(gen_model_zoo, monkeypatch, '--check') == 1  # none yet
    assert run(gen_model_zoo, monkeypatch) == 0
    assert run(gen_model_zoo, monkeypatch, '--check') == 0
    before = (zoo / 'model_zoo.md').read_text()
    assert '| not measured |  | none published |' in before

    args = [training, NAME, '--out-dir', tmp_path / 'o', '--date', '20260102']
    args += ['--metrics', tmp_path / 'metrics.json', '--url', 'https://h/m/']
    assert run(publish_model, monkeypatch, *args) == 0
    (published,) = (tmp_path / 'o').iterdir()
    assert hub.published_weights(NAME) == f'https://h/m/{published.name}'
    metafile = zoo / 'configs' / 'match_rcnn' / 'metafile.yml'
    assert metafile.read_text().startswith('# a header\nCollections:\n')

    capsys.readouterr()
    assert run(gen_model_zoo, monkeypatch, '--check') == 1
    assert 'model_zoo.md is out of date. Run' in capsys.readouterr().err
    assert (zoo / 'model_zoo.md').read_text() == before  # checks only
    assert run(gen_model_zoo, monkeypatch) == 0
    after = (zoo / 'model_zoo.md').read_text()
    assert f'| AP 0.500 |  | [download](https://h/m/{published.name})' in after


def test_user_errors_are_one_line_and_leave_nothing(
    zoo, training, tmp_path, monkeypatch, capsys
):
    out = tmp_path / 'o'
    bad = tmp_path / 'bad.json'
    bad.write_text('{"loss": 1}')
    for args, message in [
        ((training, 'no-such'), "no config 'no-such'"),
        ((tmp_path / 'none.pth', NAME), 'checkpoint not found'),
        ((training, NAME, '--metrics', bad), 'no metric of Object Detection'),
    ]:
        assert run(publish_model, monkeypatch, *args, '--out-dir', out) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count('\n') == 1
    assert not out.exists()
