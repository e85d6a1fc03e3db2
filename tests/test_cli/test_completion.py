# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Completion: what the shell is offered, and the script for it."""

import shutil
import subprocess

import pytest
from click.shell_completion import BashComplete

from mmfashion_ext.cli import app, completion

NAME = 'scan_r50_1xb32-30e_mars-256x128'


def offered(*words):
    """What follows the words, the last of them unfinished."""
    *before, incomplete = words
    shell = BashComplete(app.program, {}, 'mmfashion', completion.VARIABLE)
    return [
        item.value for item in shell.get_completions([*before], incomplete)
    ]


def test_commands_and_options():
    assert offered('pre') == ['predict']
    assert offered('gallery', 'bu') == ['build']
    assert offered('predict', '--dev') == ['--device']


@pytest.mark.parametrize(
    'words',
    [
        ('info',),
        ('download',),
        ('reid', '--model'),
        ('reid', 'index', '--detector'),
        ('landmarks', '--det-model'),
        ('train',),
        ('test',),
        ('export',),
    ],
)
def test_names_of_models(words):
    assert offered(*words, 'scan_r50_1xb32-30e_ma') == [NAME]


def test_options_of_passed_on_commands():
    assert offered('train', '--au') == ['--auto-scale-lr']
    assert '--num' in offered('synthetic', 'fld', '--n')
    assert '--local-rank' not in offered('train', '--')


@pytest.mark.parametrize(
    'words',
    [('predict',), ('train',), ('synthetic',), ('reid',), ('reid', 'index')],
)
def test_files_elsewhere(words):
    shell = BashComplete(app.program, {}, 'mmfashion', completion.VARIABLE)
    (item,) = shell.get_completions([*words], './a')
    assert item.type == 'file'


@pytest.mark.parametrize('shell', completion.SHELLS)
def test_script(shell, mmfashion):
    text = mmfashion('completion', shell).stdout
    assert text.startswith(f'# to turn it on: mmfashion completion {shell}')
    assert completion.VARIABLE in text


@pytest.mark.skipif(not shutil.which('bash'), reason='needs bash')
def test_bash_reads_the_script(mmfashion):
    text = mmfashion('completion', 'bash').stdout
    check = f'{text}\ncomplete -p mmfashion'
    done = subprocess.run(
        ['bash', '-c', check], capture_output=True, text=True, check=True
    )
    assert '_mmfashion_completion' in done.stdout


def test_the_shell_of_the_user(mmfashion, error, monkeypatch):
    monkeypatch.setenv('SHELL', '/usr/bin/fish')
    assert 'complete' in mmfashion('completion').stdout
    monkeypatch.setenv('SHELL', '/bin/tcsh')
    assert error('completion').startswith("no completion for the shell 'tcsh'")
