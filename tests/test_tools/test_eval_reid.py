# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The tools of re-identification, on files and on splits."""

import importlib.util
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.evaluation.reid import (
    ReIDDistances,
    ReIDError,
    evaluate_reid,
)
from mmfashion_ext.evaluation.reid_files import load_distances

ANALYSIS = Path(__file__).parents[2] / 'tools/analysis'


def load_tool(name):
    spec = importlib.util.spec_from_file_location(name, ANALYSIS / name)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def arrays(seed=0, people=30):
    distmat = np.random.default_rng(seed).random((people, people))
    ids = np.arange(people)
    return dict(
        distmat=distmat,
        q_pids=ids,
        g_pids=ids,
        q_camids=np.zeros_like(ids),
        g_camids=np.ones_like(ids),
    )


def write(path, **changes):
    content = arrays() | changes
    np.savez(path, **{k: v for k, v in content.items() if v is not None})
    return path


def run(tool, monkeypatch, *args):
    monkeypatch.setattr(sys, 'argv', ['tool', *map(str, args)])
    tool.main()


def test_as_a_user_runs_it(tmp_path, run_python):
    path, out = write(tmp_path / 'd.npz'), tmp_path / 'new' / 'metrics.json'
    tool = ANALYSIS / 'eval_reid.py'
    done = run_python(tool, '--distmat', path, '--out', out)
    metrics = json.loads(out.read_text())
    ranks = [f'CMC-{k}' for k in (1, 5, 10, 20)]
    names = [f'{v}/{r}' for v in ('allshots', 'cuhk03', 'market1501')
             for r in ranks]  # fmt: skip
    assert list(metrics) == [*names, 'mAP', 'query_num', 'miss_num']
    assert metrics == evaluate_reid(ReIDDistances(**arrays()))
    assert 'allshots' in done.stdout
    assert f'{metrics["mAP"]:.3f}' in done.stdout
    write(path, g_pids=None)
    done = run_python(tool, '--distmat', path, '--out', out, status=2)
    assert done.stderr.startswith(f'error: {path} lacks g_pids; expected')
    assert done.stderr.count('\n') == 1


def test_several_matrices(tmp_path, monkeypatch, capsys):
    paths = [write(tmp_path / f'{i}.npz', **arrays(i)) for i in range(3)]
    out = tmp_path / 'out.json'
    run(
        load_tool('eval_reid.py'),
        monkeypatch,
        *('--distmat', *paths, '--out', out),
    )
    found = json.loads(out.read_text())
    each = [evaluate_reid(load_distances(path))['mAP'] for path in paths]
    assert found['mAP'] == pytest.approx(np.mean(each))
    assert found['mAP_std'] == pytest.approx(np.std(each))
    assert found['splits'] == 3
    table = capsys.readouterr().out
    assert all(name in table for name in ('0.npz', '2.npz', 'mean', 'std'))


def test_a_matrix_without_matches_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / 'd.npz', g_camids=np.zeros(30, int))
    with pytest.raises(ReIDError, match=rf'{path}: none of the 30 queries'):
        run(
            load_tool('eval_reid.py'),
            monkeypatch,
            *('--distmat', path, '--out', tmp_path / 'out.json'),
        )


@pytest.fixture
def splits(tmp_path, monkeypatch):
    """eval_splits with a stand-in for tools/test.py; the splits it tested."""
    tool = load_tool('eval_splits.py')
    stand_in = tmp_path / 'test.py'
    stand_in.write_text(
        'import json, sys\n'
        'config, weights, _, out = sys.argv[1:5]\n'
        "assert sys.argv[-2:-1] == ['a=b'] and '--cfg-options' in sys.argv\n"
        "key = 'test_dataloader.dataset.split='\n"
        'split = int(sys.argv[-1].removeprefix(key))\n'
        f"print(split, file=open('{tmp_path}/tested', 'a'))\n"
        "if open(weights).read() == 'bad': sys.exit(2)\n"
        "metrics = {'allshots/CMC-1': split / 10, 'mAP': 0.5}\n"
        "json.dump(metrics, open(out, 'w'))\n",
    )
    monkeypatch.setattr(tool, 'TEST', stand_in)
    (tmp_path / 'work').mkdir()

    def test(pattern, *args):
        run(
            tool,
            monkeypatch,
            *('config', tmp_path / pattern, '--out', tmp_path / 'out.json'),
            *('--work-dir', tmp_path / 'work', *args),
            *('--cfg-options', 'a=b'),
        )
        return json.loads((tmp_path / 'out.json').read_text())

    def tested():
        return (tmp_path / 'tested').read_text().split()

    return test, tested


def test_splits_are_tested_and_resumed(splits, tmp_path):
    test, tested = splits
    for split in range(3):
        weights = tmp_path / f'split{split}.pth'
        weights.write_text('bad' if split == 2 else 'good')
        os.utime(weights, (1, 1))
    with pytest.raises(FileNotFoundError, match='for split 3, 4, 5, 6, 7, 8'):
        test('split{split}.pth')
    args = 'split{split}.pth', '--splits', '0', '1', '2'
    with pytest.raises(UserError, match=r'split 2: /.*/test\.py failed'):
        test(*args)
    weights.write_text('good')
    found = test(*args, '--resume')
    assert found == pytest.approx(
        {
            'allshots/CMC-1': 0.1,
            'allshots/CMC-1_std': np.std([0, 0.1, 0.2]),
            'mAP': 0.5,
            'mAP_std': 0,
            'splits': 3,
        }
    )
    assert tested() == ['0', '1', '2', '2']


def test_one_model_for_several_splits_is_noted(splits, tmp_path, capsys):
    test, tested = splits
    (tmp_path / 'one.pth').write_text('good')
    assert test('one.pth', '--splits', '4')['allshots/CMC-1'] == 0.4
    assert 'note' not in capsys.readouterr().err
    test('one.pth', '--splits', '4', '5')
    assert 'persons it was trained on' in capsys.readouterr().err
    assert tested() == ['4', '4', '5']
