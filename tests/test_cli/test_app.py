# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The program as a whole: its commands, options, errors and start-up."""

import argparse
import json
import re

import click
import pytest

from mmfashion_ext import __version__
from mmfashion_ext.cli import app, zoo
from mmfashion_ext.cli.passed_on import PassedOn, Script

UNPUBLISHED = 'scan_r50_1xb32-30e_mars-256x128'

#: What others rely on.
PUBLIC = {
    *('models', 'info', 'download', 'predict', 'landmarks', 'try-on'),
    *('reid compare', 'reid index', 'reid search'),
    *('gallery build', 'gallery query', 'gallery update', 'train', 'test'),
    *('synthetic', 'export', 'doctor', 'demo'),
}
#: Options that several commands have, and how their help begins there.
SHARED = {
    '--model': 'name of a model, or config file. default: ',
    '--weights': 'checkpoint',
    '--out': '',
    '--device': 'cpu, cuda, cuda:1 ... ',
    '--batch-size': '',
    '--json': 'print json, and nothing else, to stdout.',
    '--draw': 'write drawn images; ',
    '--score-thr': 'lowest score, 0 to 1, of a garment.',
    '--duplicate-iou': 'garments whose boxes overlap more ',
    '--top': '',
    '--resume': '',
    '--amp': '',
    '--local-rank': '==suppress==',
    '--local_rank': '==suppress==',
    '--work-dir': 'where logs and results go; ',
    '--cfg-options': 'change settings of the config, ',
    '--launcher': 'how processes are started; ',
    '--help': '',
    '--boxes': 'boxes of persons: ',
    '--detector': 'detector of persons: ',
    '--detector-weights': 'its checkpoint, a file or url. ',
    '--person-class': 'class of the detector that is a person.',
    '--det-model': 'model that finds the garments. default: ',
    '--det-weights': 'its checkpoint, a file or url. ',
    '--encoder': 'image encoder that compares the garments, ',
    '--encoder-weights': 'checkpoint of the encoder',
    '--store-url': 'server of --store milvus, ',
}


def all_commands():
    """Name -> command, of groups what is in them."""
    found = {}
    for name, command in app.program.commands.items():
        if isinstance(command, click.Group):
            for inner, sub in command.commands.items():
                found[f'{name} {inner}'] = sub
        else:
            found[name] = command
    return found


COMMANDS = all_commands()


def options_of(command):
    """Option -> whether it has a value, metavar or type, and help."""
    found = {}
    if isinstance(command, PassedOn):
        for action in command.new_parser()._actions:
            for name in action.option_strings:
                found[name] = action.nargs != 0, action.help
        return found
    for param in command.params:
        if isinstance(param, click.Option):
            for name in param.opts:
                found[name] = not param.is_flag, param.help
    return found


def test_every_command_that_others_rely_on_is_there():
    assert {*COMMANDS} >= PUBLIC


def test_the_same_option_means_the_same_everywhere():
    by_option = {}
    for command in COMMANDS.values():
        for name, (valued, text) in options_of(command).items():
            if name.startswith('--'):
                by_option.setdefault(name, []).append((valued, text))
    several = {name for name, uses in by_option.items() if len(uses) > 1}
    assert several <= {*SHARED}
    # --resume continues, by a checkpoint or by what is in --out
    for name in several - {'--resume'}:
        assert len({valued for valued, _ in by_option[name]}) == 1, name
        for _, text in by_option[name]:
            assert text.lower().startswith(SHARED[name]), name


@pytest.mark.parametrize(
    'name', ['predict', 'landmarks', 'reid compare', 'try-on']
)
def test_a_command_with_a_model_has_the_common_options(name):
    common = {'--model', '--weights', '--out', '--device', '--batch-size'}
    assert common | {'--json'} <= {*options_of(COMMANDS[name])}


@pytest.mark.parametrize('name', sorted(COMMANDS))
def test_help_is_readable_at_80_columns(name, mmfashion, monkeypatch):
    monkeypatch.setenv('COLUMNS', '80')
    if isinstance(COMMANDS[name], Script) and COMMANDS[name].has_arguments:
        pytest.skip('the script prints it')
    text = mmfashion(*name.split(), '--help').stdout
    assert f'mmfashion {name}' in text
    assert max(map(len, text.splitlines())) <= 80
    if not isinstance(COMMANDS[name], PassedOn | Script):
        examples = text.partition('Examples:\n')[2].splitlines()
        assert examples
        for line in examples:
            assert line.startswith(f'  mmfashion {name}')


def test_the_program_lists_all_commands(mmfashion):
    text = mmfashion().stdout
    assert text == mmfashion('--help').stdout == mmfashion('-h').stdout
    for name in app.program.commands:
        assert re.search(rf'^  {name} ', text, re.M)
    assert max(map(len, text.splitlines())) <= 80


def test_version(mmfashion):
    assert mmfashion('--version').stdout == f'mmfashion {__version__}\n'


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ('predit a.jpg', r"no command 'predit'. Did you mean predict"),
        ('zzz', r"no command 'zzz'. See: mmfashion --help"),
        ('--foo', r"no such option '--foo'"),
        ('predict', r'IMAGE\.\.\. is missing; expected: mmfashion predict '),
        ('predict a.jpg --modle x', r"'--modle'. Did you mean '--model'\?"),
        ('predict a.jpg --batch-size 0', 'a whole number from 1, got .0.'),
        ('predict a.jpg --score-thr 2', 'a number from 0 to 1, got .2.'),
        ('predict a.jpg --model', r"option '--model' requires an argument"),
        ('predict gone.jpg', 'gone.jpg: no such file or folder; expected'),
        ('predict gone.jpg b.jpg', r'gone.jpg: .* \(nor any of 1 more\)'),
        ('landmarks gone.jpg', 'gone.jpg: no such file or folder; expected'),
        (
            'landmarks x.jpg --whole-image --det-model x',
            '--whole-image goes without --det-model',
        ),
        ('reid --top 3', 'QUERY is missing; expected: mmfashion reid .*GALL'),
        ('reid a', 'GALLERY is missing; expected: mmfashion reid compare '),
        ('try-on a.jpg', 'CLOTH is missing; expected: mmfashion try-on '),
        ('try-on gone.jpg b.jpg', 'gone.jpg: no such file or folder'),
        ('try-on . . --pairs x --grid', '--pairs or --grid, not both'),
        ('try-on . . --size 0 9', 'expected a whole number from 1'),
        ('gallery bild', "no command 'bild'. Did you mean build"),
        ('gallery build .', "missing option '--out'"),
        ('gallery build gone --out i', 'gone: no such file or folder'),
        ('gallery query i gone.jpg', 'gone.jpg: no such file or folder'),
        ('gallery query i', 'IMAGE is missing; expected: mmfashion gallery q'),
        ('models --task nix', "no task 'nix': must be part of one of"),
        ('models zzz', "no model has 'zzz' in its name; mmfashion models"),
        ('info scan_r50_1xb', 'Did you mean scan_r50_1xb32-30e'),
        ('download', 'NAME is missing'),
        ('train', 'required: MODEL; see: mmfashion train --help'),
        ('train zzz', "no config 'zzz'"),
        ('train x --workdir y', 'unrecognized arguments: --workdir y; see'),
        ('test', 'required: MODEL; see: mmfashion test --help'),
        (
            f'test {UNPUBLISHED}',
            f'mmfashion train {UNPUBLISHED}.* its checkpoint, --weights FILE',
        ),
        (
            f'train {UNPUBLISHED} --weights published',
            'no weights are published for',
        ),
        ('export', 'required: --out; see: mmfashion export --help'),
        ('completion csh', "'csh' is not one of 'bash', 'zsh', 'fish'"),
    ],
)
def test_what_a_user_gets_wrong_is_told_in_one_line(words, message, error):
    assert re.search(message, error(*words.split()))


def test_ctrl_c(mmfashion, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(zoo, 'model_rows', interrupt)
    done = mmfashion('models', status=130)
    assert done.stdout == ''
    assert done.stderr.strip() == 'stopped'


def test_a_fault_of_the_program_is_not_hidden(mmfashion, monkeypatch):
    """Only what a user can correct is one line."""

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(zoo, 'model_rows', fail)
    with pytest.raises(ZeroDivisionError):
        app.run(['models'])


STARTED = """
import sys
from mmfashion_ext.cli.app import run
for words in ['--help'], ['predict', '--help'], ['models'], ['gallery']:
    run(words)
run(['info', 'scan_r50_1xb32-30e_mars-256x128', '--json'])
hosts = ('torch', 'cv2', 'mmcv', 'mmdet', 'mmpose', 'rich', 'numpy')
print(sorted(set(hosts) & set(sys.modules)), file=sys.stderr)
"""


def test_start_up_imports_neither_pytorch_nor_opencv(run_python):
    done = run_python('-c', STARTED)
    found = done.stderr.strip().splitlines()
    assert len(found) == 1
    assert {'torch', 'cv2', 'mmcv', 'mmdet', 'mmpose'}.isdisjoint(
        eval(found[0])
    )
    last = done.stdout.splitlines()[-1]
    assert json.loads(last)['name'].startswith('scan_r50')


def test_the_module_is_the_program(run_python):
    done = run_python('-m', 'mmfashion_ext', 'models', 'zzz', status=2)
    assert done.stdout == ''
    assert done.stderr.startswith('error: no model has')


def test_options_of_parsers_are_found():
    """The test of shared options sees those of argparse too."""
    assert '--weights' in options_of(COMMANDS['train'])
    parser = COMMANDS['test'].new_parser()
    assert isinstance(parser, argparse.ArgumentParser)
