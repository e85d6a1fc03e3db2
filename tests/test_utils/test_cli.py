# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import errno
import os
import urllib.error
from pathlib import Path

import pytest
from mmengine.registry import Registry
from torch.utils.data import DataLoader, Dataset

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import atomic_write, make_folder


class Damaged(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        try:
            raise OSError('truncated')
        except OSError as error:
            raise UserError('a.png: cannot be read; remove it') from error


@pytest.mark.parametrize('workers', [0, 1])
def test_an_error_of_any_process_is_one_line(capsys, workers):
    samples = iter(DataLoader(Damaged(), num_workers=workers))
    with pytest.raises(SystemExit) as end:
        run_tool(lambda: list(samples) and None)
    if workers:  # left to the garbage collector it would take 5 seconds
        samples._shutdown_workers()
    assert end.value.code == 2
    printed = capsys.readouterr().err
    assert printed == 'error: a.png: cannot be read; remove it\n'


def test_what_is_no_error_of_the_user_is_shown_whole():
    with pytest.raises(ZeroDivisionError):
        run_tool(lambda: 1 // 0)


@pytest.mark.parametrize(('status', 'code'), [(None, None), (0, 0), (3, 3)])
def test_status(status, code):
    with pytest.raises(SystemExit) as end:
        run_tool(lambda: status)
    assert end.value.code == code


def test_places_that_cannot_be_written_to(tmp_path):
    file = tmp_path / 'file'
    file.write_text('kept')
    for folder in (file, file / 'below'):
        with pytest.raises(UserError, match=f'{folder} is, or lies below'):
            make_folder(folder)
        with (
            pytest.raises(UserError, match=f'{folder} is, or lies below'),
            atomic_write(folder / 'new'),
        ):
            pass
    with (
        pytest.raises(UserError, match=f'{tmp_path} is a folder'),
        atomic_write(tmp_path),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ['file']
    assert file.read_text() == 'kept'


def full_disk():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'out.json')


def not_there():
    url = 'http://127.0.0.1:9/x.pth'
    raise urllib.error.HTTPError(url, 404, 'Not Found', {}, None)


def no_host():
    raise urllib.error.URLError('Name or service not known')


@pytest.mark.parametrize(
    ('main', 'message'),
    [
        (full_disk, 'out.json: No space left on device'),
        (not_there, 'http://127.0.0.1:9/x.pth: HTTP Error 404: Not Found'),
        (no_host, 'Name or service not known'),
        (
            lambda: Path('/no/such/file').read_text(),
            '/no/such/file: No such file',
        ),
        (lambda: Path('/').read_text(), '/: Is a directory'),
    ],
)
def test_errors_of_the_system_are_one_line(capsys, main, message):
    with pytest.raises(SystemExit) as end:
        run_tool(main)
    assert end.value.code == 2
    printed = capsys.readouterr().err
    assert printed.startswith('error: ')
    assert printed.count('\n') == 1
    assert message in printed


def test_an_unknown_argument_of_a_config_is_one_line(capsys):
    registry = Registry('dataset', scope='test')
    registry.register_module('Damaged', module=DataLoader)
    with pytest.raises(SystemExit) as end:
        run_tool(lambda: registry.build(dict(type='Damaged', batchsize=2)))
    assert end.value.code == 2
    printed = capsys.readouterr().err
    assert "no argument 'batchsize'. Did you mean batch_size or" in printed
    assert printed.count('\n') == 1


def test_interruption(capsys):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as end:
        run_tool(interrupt)
    assert end.value.code == 130
    assert capsys.readouterr().err == 'stopped\n'
