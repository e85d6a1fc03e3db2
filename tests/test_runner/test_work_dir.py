# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""One training in a work directory; files get their names when complete."""

import os
import subprocess
import sys

import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.runner.work_dir import one_training, written_whole

HOLD = """
import fcntl, sys
file = open(sys.argv[1], 'a+')
fcntl.flock(file, fcntl.LOCK_EX)
print(12345, file=file, flush=True)
print('held', flush=True)
sys.stdin.read()
"""


def test_second_training_is_refused_while_the_first_runs(tmp_path):
    """Breaks if two runs can write over each other's checkpoints."""
    with subprocess.Popen(
        [sys.executable, '-c', HOLD, str(tmp_path / '.training.lock')],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout.readline() == b'held\n'
        with (
            pytest.raises(UserError, match=r'process 12345.*another --work'),
            one_training(tmp_path),
        ):
            pass
        other.kill()
        other.wait()
    # a killed training leaves no lock
    with one_training(tmp_path):
        text = (tmp_path / '.training.lock').read_text()
        assert text == str(os.getpid())


def test_one_training_after_the_other(tmp_path):
    folder = tmp_path / 'new'
    for _ in range(2):
        with one_training(folder):
            assert folder.is_dir()


def test_file_gets_its_name_when_it_is_complete(tmp_path):
    (tmp_path / 'a.pth').write_text('old')
    with written_whole(tmp_path, 'a.pth') as name:
        (tmp_path / name).write_text('new')
        assert (tmp_path / 'a.pth').read_text() == 'old'
    assert [path.name for path in tmp_path.iterdir()] == ['a.pth']
    assert (tmp_path / 'a.pth').read_text() == 'new'


def test_failure_leaves_the_earlier_file_and_nothing_else(tmp_path):
    (tmp_path / 'a.pth').write_text('old')

    def write():
        with written_whole(tmp_path, 'a.pth') as name:
            (tmp_path / name).write_text('ha')
            raise OSError('disk full')

    with pytest.raises(OSError, match='full'):
        write()
    assert [path.name for path in tmp_path.iterdir()] == ['a.pth']
    assert (tmp_path / 'a.pth').read_text() == 'old'


def test_folders_of_sharded_checkpoints(tmp_path):
    with written_whole(tmp_path, 'epoch_1') as name:
        (tmp_path / name).mkdir()
        (tmp_path / name / 'part').write_text('1')
    assert (tmp_path / 'epoch_1' / 'part').read_text() == '1'
    with written_whole(tmp_path, 'epoch_2'):  # a process that writes nothing
        pass
    assert [path.name for path in tmp_path.iterdir()] == ['epoch_1']
