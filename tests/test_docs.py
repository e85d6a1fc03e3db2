# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Commands in README, docs and the configs' pages, as they are.

Bash interprets the snippets of a page in their order, with python and the
like replaced by functions that note their arguments; each is parsed by the
parser of the tool that it names. test_docs_python.py runs the other snippets.
"""

import argparse
import os
import re
import runpy
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import click
import pytest
from mmengine.config import Config

import mmfashion_ext
from mmfashion_ext import plugins
from mmfashion_ext.cli.app import program
from mmfashion_ext.cli.passed_on import PassedOn, Script
from mmfashion_ext.utils.config_options import merge_options

pytestmark = [
    pytest.mark.fault(11),
    pytest.mark.skipif(
        set(plugins.installed_systems()) != set(plugins.SYSTEMS),
        reason='needs all hosts',
    ),
]

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ('README.md', 'docs/**/*.md', 'configs/*/README.md')
    for path in ROOT.glob(pattern)
)
#: What a placeholder stands for, and the arguments that it may be given to.
PLACEHOLDERS = {
    'CONFIG': ('config', 'model'),
    'NAME': ('config', 'model', 'det_model', 'detector', 'name'),
    'MODEL': ('model',),
    'CHECKPOINT': ('checkpoint', 'weights'),
    'DETECTOR.pth': ('checkpoint',),
    'FILE': ('weights', 'det_weights', 'detector_weights', 'checkpoint'),
}
#: Small models in place of those of a page.
SMALL = {
    'match_rcnn': 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160',
    'landmark': 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96',
    'scan': 'scan_r10-small_1xb32-12e_synthetic-64x32',
    'tryon': 'pf-afn_e2e-small_1xb4-8e_synthetic-128x96',
}
MODEL_NAME = re.compile(r'[a-z][\w-]*_\d+xb\d+-[\w-]+')


def snippets(page, *languages):
    """The code blocks of a page in these languages, in order."""
    text = (ROOT / page).read_text()
    blocks = re.findall(r'^```(\w+)\n(.*?)^```$', text, re.M | re.S)
    return [code for language, code in blocks if language in languages]


def pages_with(*languages):
    return [page for page in PAGES if snippets(page, *languages)]


NOTE = r"""
set -euf
note() { printf '%s\x1f' "$@" >&3; printf '\x1e' >&3; }
for name in python mmfashion torchrun make pip curl apt-get bash mkdir cd \
        docker mount df du git; do
    eval "$name() { note $name \"\$@\"; }"
done
"""


@cache
def commands(page):
    """The commands of a page, as lists of words; bash expands them."""
    code = '\n'.join(snippets(page, 'bash', 'shell'))
    inline = re.findall(
        r'`((?:python|torchrun|make|bash|mmfashion(?= [a-z])) [^`<|]*)`',
        re.sub(
            r'^```.*?^```$', '', (ROOT / page).read_text(), flags=re.M | re.S
        ),
    )
    noted = []
    for script in (code, *(line.replace('\n', ' ') for line in inline)):
        read, write = os.pipe()
        done = subprocess.run(
            ['bash', '-c', f'exec 3>&{write}{NOTE}PATH=\n{script}'],
            pass_fds=[write],
            capture_output=True,
            text=True,
        )
        os.close(write)
        with open(read) as file:
            noted += file.read().split('\x1e')[:-1]
        assert done.returncode == 0, (page, done.stderr)
    return [line.split('\x1f')[:-1] for line in noted]


class Captured(BaseException):
    """The parser of a tool, thrown where it would parse."""


@cache
def parser_of(script):
    """The parser of a script or module, and its method; None without one."""

    def capture(method):
        def throw(parser, *arguments, **options):
            raise Captured(parser, method)

        return throw

    with pytest.MonkeyPatch.context() as patch:
        for method in ('parse_args', 'parse_intermixed_args'):
            patch.setattr(argparse.ArgumentParser, method, capture(method))
        patch.setattr(sys, 'argv', [script])
        patch.syspath_prepend(str((ROOT / script).parent))
        try:
            if script == 'mmfashion_ext.synthetic':
                runpy.run_module(script, run_name='__main__')
            elif re.search('argparse|[.]cli[.]', (ROOT / script).read_text()):
                runpy.run_path(str(ROOT / script), run_name='__main__')
        except Captured as captured:
            return captured.args
    return None, None


def tool_of(words):
    """Script or module of a command, and its arguments."""
    if words[0] == 'torchrun':
        words = [w for w in words if not w.startswith('--nproc_per_node=')]
    script, *arguments = words[1:]
    if script == '-m':
        script, *arguments = arguments
    return script.removeprefix('/.mim/'), arguments


def parse(script, arguments):
    """Parse as the tool would; the parser's message is the error."""
    # [--resume] may be left out, and ... stands for more of the same
    plain = [word.strip('[]') for word in arguments if word != '...]']
    parser, method = parser_of(script)
    if parser is None:
        assert not plain
        return argparse.Namespace()

    def fail(self, message):
        raise AssertionError(f'{script} {shlex.join(plain)}: {message}')

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, 'error', fail)
        patch.setattr(type(parser), 'error', fail)
        # no abbreviations
        patch.setattr(
            argparse.ArgumentParser, '_get_option_tuples', lambda *_: []
        )
        return getattr(parser, method)(plain)


def parse_program(words):
    """Parse as the program ``mmfashion`` would."""
    command, arguments = program, words[1:]
    while isinstance(command, click.Group):
        if not arguments:  # prints its help
            return argparse.Namespace()
        default = getattr(command, 'default', None)
        if default and arguments[0] not in command.commands:
            arguments = [default, *arguments]
        name, *arguments = arguments
        assert name in command.commands, words
        command = command.commands[name]
    if isinstance(command, Script) and command.has_arguments:
        return parse(command.script, arguments)
    if isinstance(command, PassedOn):
        return command.new_parser().parse_args(arguments)
    context = command.make_context(command.name, arguments)
    return argparse.Namespace(**context.params)


@cache
def config_file(name):
    return Config.fromfile(mmfashion_ext.config_path(name))


def check_settings(name, options):
    """The config has a place for the settings: all but the last part."""
    cfg = config_file(name).copy()
    merge_options(cfg, options)
    before = config_file(name)
    for key in options:
        node = before
        for part in key.split('.')[:-1]:
            node = node[int(part) if part.isdecimal() else part]


def check_values(page, args, words):
    """Placeholders are where they belong; models and settings exist."""
    for key, value in vars(args).items():
        for word in value if isinstance(value, list) else [value]:
            if str(word) in PLACEHOLDERS:
                assert key in PLACEHOLDERS[str(word)], (key, words)
    for word in words:
        if word.startswith(('configs/', 'tools/', 'demo/', 'benchmarks/')):
            assert (ROOT / word).exists(), words
        for name in MODEL_NAME.findall(word.partition('.py')[0]):
            assert mmfashion_ext.config_path(name), words
    options = getattr(args, 'cfg_options', None)
    if options and options != {'key': 'value'}:
        system = next((s for s in SMALL if s in page), 'match_rcnn')
        placeholder = args.config in PLACEHOLDERS
        check_settings(SMALL[system] if placeholder else args.config, options)


@pytest.mark.parametrize('page', pages_with('bash', 'shell'))
def test_commands_are_those_of_the_tools(page):
    makefile = (ROOT / 'Makefile').read_text()
    extras = re.findall(r"'([\w-]+)': [A-Z]", (ROOT / 'setup.py').read_text())
    for words in commands(page):
        if words[0] == 'make':
            target, *variables = words[1:]
            assert f'\n{target}:' in makefile, words
            for name in (word.partition('=')[0] for word in variables):
                assert f'\n{name} ?=' in makefile, words
        elif words[0] == 'pip':
            for extra in re.findall(r'\[([\w,-]+)\]', ' '.join(words)):
                assert set(extra.split(',')) <= {*extras, 'all'}, words
        elif words[0] == 'bash':
            assert (ROOT / words[1]).is_file(), words
            check_values(page, argparse.Namespace(), words)
        elif words[0] == 'mmfashion':
            check_values(page, parse_program(words), words)
        elif words[0] in ('python', 'torchrun') and words[1] != '-c':
            script, arguments = tool_of(words)
            if script in ('pytest', 'zipfile'):
                continue
            if script == 'mmfashion_ext':
                check_values(page, parse_program(words[2:]), words)
                continue
            check_values(page, parse(script, arguments), words)


def test_the_page_of_the_program_shows_each_command():
    shown = [words[1:] for words in commands('docs/cli.md')]
    for name, command in program.commands.items():
        for inner in getattr(command, 'commands', ['']):
            wanted = [name, inner] if inner else [name]
            assert any(words[: len(wanted)] == wanted for words in shown)


@pytest.mark.parametrize('page', PAGES)
def test_files_that_a_page_names_are_there(page):
    text = (ROOT / page).read_text()
    folders = 'benchmarks|configs|demo|docs|mmfashion_ext|tests|tools'
    named = re.findall(rf'`((?:{folders})/[\w./-]+)`', text)
    linked = re.findall(r'\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)', text)
    files = [ROOT / name for name in named]
    files += [(ROOT / page).parent / name for name in linked]
    gone = [str(f) for f in files if not f.exists() and 'NAME' not in f.name]
    assert [name for name in gone if 'SYSTEM' not in name] == []
