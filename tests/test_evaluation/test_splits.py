# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""One model per split: its checkpoint is found, tested and kept."""

import os

import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.evaluation.splits import find_checkpoints, run_split


def test_checkpoint_of_each_split(tmp_path, recwarn):
    for split in (0, 2):
        (tmp_path / f'split{split}.pth').touch()
    pattern = str(tmp_path / 'split{split}.pth')
    found = find_checkpoints(pattern, [2, 0])
    assert found == {n: tmp_path / f'split{n}.pth' for n in (2, 0)}
    assert not list(recwarn)
    with pytest.raises(FileNotFoundError, match=r'for split 1, 3: train it'):
        find_checkpoints(pattern, range(4))


def test_one_checkpoint_for_several_splits_is_noted(tmp_path, recwarn):
    path = tmp_path / 'one.pth'
    path.touch()
    assert find_checkpoints(str(path), [4]) == {4: path}
    assert not list(recwarn)
    with pytest.warns(UserWarning, match='one.pth is tested on 2 splits'):
        assert find_checkpoints(str(path), [4, 5]) == {4: path, 5: path}


@pytest.fixture
def run(tmp_path):
    """Run a split with a stand-in for tools/test.py."""
    script = tmp_path / 'test.py'
    script.write_text(
        'import json, sys\n'
        "if sys.argv[1] == 'fail': sys.exit(2)\n"
        "json.dump({'argv': sys.argv[1:]}, open(sys.argv[4], 'w'))\n"
    )
    checkpoint, out = tmp_path / 'c.pth', tmp_path / 'split3.json'
    checkpoint.touch()

    def run(config='config', **kwargs):
        return run_split((script, config), 3, checkpoint, out, **kwargs)

    return run


def test_command_of_a_split(run, tmp_path):
    out, work_dir = tmp_path / 'split3.json', tmp_path / 'split3'
    assert run(options=['a=b', 'c=d'])['argv'] == [
        *('config', str(tmp_path / 'c.pth'), '--out', str(out)),
        *('--work-dir', str(work_dir), '--cfg-options', 'a=b', 'c=d'),
        'test_dataloader.dataset.split=3',
    ]


def test_only_newer_results_are_kept(run, tmp_path):
    out = tmp_path / 'split3.json'
    out.write_text('{"mAP": 0.5}')
    os.utime(tmp_path / 'c.pth', (1, 1))
    assert run(resume=True) == {'mAP': 0.5}
    assert 'argv' in run()
    out.write_text('{"mAP": 0.5}')
    os.utime(out, (0, 0))
    assert 'argv' in run(resume=True)


def test_failed_and_damaged_results(run, tmp_path):
    with pytest.raises(UserError, match=r'split 3: /.*/test\.py failed, see'):
        run('fail')
    os.utime(tmp_path / 'c.pth', (1, 1))
    (tmp_path / 'split3.json').write_text('{"mAP": ')
    with pytest.raises(UserError, match=r'split3\.json: the metrics is not'):
        run(resume=True)
