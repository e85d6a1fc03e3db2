# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Output of tools without what hosts say of themselves."""

import sys
import warnings

import pytest

from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.host_noise import process_rank, quiet_hosts

pytestmark = pytest.mark.fault(31)


def test_prints_and_warnings_of_hosts(capsys):
    stream = sys.stdout
    with quiet_hosts(), warnings.catch_warnings(record=True) as seen:
        print('Could not import OneDL. Skipping OneDL datasets.')
        print('Loads checkpoint by local backend from path: a.pth')
        print('kept')
        warnings.warn(
            'Setting MKL_NUM_THREADS environment variable for each process'
        )
        warnings.warn('of ours')
    assert sys.stdout is stream
    assert capsys.readouterr().out == 'kept\n'
    assert [str(warning.message) for warning in seen] == ['of ours']


def test_warnings_of_a_tool_are_one_line(capsys):
    def main():
        print('Could not import OneDL. Skipping OneDL datasets.')
        warnings.warn('the disk is nearly full')

    with pytest.raises(SystemExit):
        run_tool(main)
    assert capsys.readouterr() == ('', 'warning: the disk is nearly full\n')


def test_processes_other_than_the_first_do_not_warn(monkeypatch, capsys):
    assert process_rank() == 0
    monkeypatch.setenv('RANK', '1')
    assert process_rank() == 1
    with quiet_hosts():
        warnings.warn('said twice')
    assert capsys.readouterr() == ('', '')
