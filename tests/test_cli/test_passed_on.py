# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Commands that pass their arguments on."""

import pytest

from mmfashion_ext import hub
from mmfashion_ext.cli import passed_on
from mmfashion_ext.cli.app import program


@pytest.mark.parametrize('name', ['train', 'test', 'synthetic', 'export'])
def test_arguments_arrive_as_they_are(name, monkeypatch):
    words = ['A', '--cfg-options', 'a.b=[1, 2]', '--', '-x', '--resume']
    seen = []
    command = passed_on.PassedOn(name, 'x', None, seen.append)
    monkeypatch.setitem(program.commands, name, command)
    program.main([name, *words], standalone_mode=False)
    assert seen == [words]


@pytest.mark.parametrize(
    ('words', 'text'),
    [
        (['train'], 'mmfashion train NAME --out'),
        (['test'], 'mmfashion test NAME --weights'),
        (['synthetic'], 'video-reid'),
        (['synthetic', 'fld'], 'usage: mmfashion synthetic fld'),
        (['export'], 'ONNX Runtime'),
    ],
)
def test_help_is_that_of_the_parser(words, text, mmfashion):
    assert text in mmfashion(*words, '--help').stdout


def test_synthetic_writes_a_dataset(mmfashion, tmp_path):
    done = mmfashion(
        *('synthetic', 'fld', 'data/fld', '--num', '2', '--size', '64'),
        *('--val', '1', '--test', '1'),
    )
    assert done.stdout == 'wrote data/fld/{Anno,Eval,Img}\n'
    assert (tmp_path / 'data' / 'fld' / 'Img').is_dir()
    done = mmfashion('synthetic', 'fld', 'data/fld', status=2)
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A folder of scripts in place of the repository; writes one."""
    monkeypatch.setattr(hub, 'root', lambda: tmp_path / 'root')

    def write(text):
        path = tmp_path / 'root' / 'tools' / 'a.py'
        path.parent.mkdir(parents=True)
        path.write_text(text)

    return write


def command(has_arguments):
    return passed_on.Script('a', 'Run it.', 'tools/a.py', has_arguments)


def test_a_script_gets_its_arguments_and_gives_its_status(
    script, mmfashion, tmp_path, monkeypatch
):
    script(
        "import sys; open('seen', 'w').write(' '.join(sys.argv[1:])); "
        'sys.exit(3)'
    )
    monkeypatch.setitem(program.commands, 'doctor', command(True))
    mmfashion('doctor', '--help', '-x', 'y', status=3)
    assert (tmp_path / 'seen').read_text() == '--help -x y'


def test_a_script_without_arguments(mmfashion, error, monkeypatch):
    monkeypatch.setitem(program.commands, 'doctor', command(False))
    assert 'Run it.' in mmfashion('doctor', '--help').stdout
    assert "no such option '-x'" in error('doctor', '-x')


def test_a_script_that_is_missing(error, script, monkeypatch):
    monkeypatch.setitem(program.commands, 'doctor', command(True))
    assert 'the installation is incomplete' in error('doctor')


@pytest.mark.parametrize('name', ['doctor', 'setup', 'demo'])
def test_the_scripts_are_there(name):
    assert (hub.root() / program.commands[name].script).is_file()
