# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Console of the tools: short lines, warnings that a user can act on."""

import logging

import pytest
from mmengine.logging import MMLogger

from mmfashion_ext.runner.console import (
    find_console,
    set_console,
    shown,
)

pytestmark = pytest.mark.fault(31)


@pytest.fixture
def logger(tmp_path):
    made = MMLogger('a test', log_file=str(tmp_path / 'run.log'))
    set_console(made)
    yield made
    for handler in made.handlers:
        handler.close()


@pytest.mark.parametrize(
    'message',
    [
        '\n-----\nSystem environment:\n    sys.platform: linux',
        'Config:\nmodel = dict()',
        'Hooks will be executed in the following order:\nbefore_run:',
        'Distributed training is not used, all SyncBatchNorm (SyncBN) layers',
        'Exp name: scan_2026',
        '"FileClient" will be deprecated in future. Please use io functions',
        '"HardDiskBackend" is the alias of "LocalBackend" and the former',
        'Failed to search registry with scope "mmdet" in the "function"',
        'paramwise_options -- backbone.conv1.weight:lr=0.1',
        'VideoReIDDataset iLIDS, split 0\nquery: identities 4',
    ],
)
def test_dumps_go_to_the_file_only(message, logger, tmp_path, capsys):
    logger.warning(message)
    assert capsys.readouterr().out == ''
    assert message.strip() in (tmp_path / 'run.log').read_text()


def test_a_line_has_a_time_and_warnings_a_word(logger, capsys):
    logger.info('Saving checkpoint at 1 epochs')
    logger.warning('the disk is nearly full')
    logger.warning('the disk is nearly full')
    logger.info('\n AP  0.5\n AR  0.6')
    first, second, clock, *table = capsys.readouterr().out.splitlines()
    assert first[8:] == ' Saving checkpoint at 1 epochs'
    assert second[8:] == ' warning: the disk is nearly full'
    assert len(clock) == len('12:00:00')
    assert table == [' AP  0.5', ' AR  0.6']


def test_what_a_dataset_leaves_out_is_shown():
    table = 'XDataset a.json\nimages 3\n  empty, skipped: a, b\nother 4'
    assert shown(table) == 'XDataset a.json: empty, skipped: a, b'


def test_a_console_is_set_once(logger):
    console = find_console(logger)
    assert set_console(logger) is console
    assert len(logger.handlers) == 2
    assert find_console(logging.Logger('x')) is None


def test_other_processes_show_errors_only(monkeypatch, capsys):
    monkeypatch.setenv('RANK', '1')
    made = MMLogger('second process')
    set_console(made)
    made.warning('again')
    made.error('broken')
    assert 'again' not in (out := capsys.readouterr().out)
    assert 'error: broken' in out
