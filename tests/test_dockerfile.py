# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The Dockerfile, without Docker: its paths, options, stages and packages.

A build needs Docker and network, which the tests do without.
"""

import fnmatch
import re
import shlex
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
VARIANTS = ('cpu', 'cuda')


def instructions():
    """Instruction and its text, continued lines joined, comments left out."""
    text = (ROOT / 'Dockerfile').read_text()
    lines = [line for line in text.splitlines() if not line.startswith('#')]
    joined = '\n'.join(lines).replace('\\\n', ' ')
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line]


FOUND = instructions()


def texts(name):
    return [text for found, text in FOUND if found == name]


def test_instructions_are_those_of_docker():
    known = {'ARG', 'CMD', 'COPY', 'ENTRYPOINT', 'ENV', 'FROM', 'RUN'}
    assert {name for name, _ in FOUND} == known | {'WORKDIR'}


def test_the_default_is_the_cpu():
    assert 'VARIANT=cpu' in texts('ARG')


def test_the_lock_file_brings_the_cuda_compiler(monkeypatch):
    """The image has no CUDA toolkit."""
    monkeypatch.syspath_prepend(str(ROOT / 'tools'))
    lock = import_module('setup_env.lock')
    sections = lock.read_lock(ROOT / 'requirements' / 'lock.txt')
    names = [lock.name_of(line) for line in sections['cuda']]
    assert 'nvidia-cuda-nvcc' in names
    (base,) = texts('FROM')
    assert base == 'debian:bookworm-slim'


def test_what_is_copied_is_there_and_not_ignored():
    ignored = (ROOT / '.dockerignore').read_text().split()
    assert ignored[0] == '*'
    kept = {line[1:] for line in ignored if line.startswith('!')}
    copied = set()
    for text in texts('COPY'):
        *sources, target = text.split()
        assert target in ('./', sources[0])
        copied |= {*sources}
    assert copied == kept
    for name in copied:
        assert (ROOT / name).exists(), name
        assert not [p for p in ignored[1:] if fnmatch.fnmatch(name, p)]


def test_what_a_build_of_the_package_needs_is_copied():
    setup = (ROOT / 'setup.py').read_text()
    mim = re.search(r'^MIM = \((.*?)\)', setup, re.M | re.S)[1]
    needed = {*re.findall(r"'([\w.-]+)'", mim), 'setup.py', 'pyproject.toml'}
    assert needed <= {word for text in texts('COPY') for word in text.split()}


@pytest.mark.parametrize('variant', VARIANTS)
def test_the_set_up_has_these_options(variant, monkeypatch):
    """Bash runs the lines; python3 notes its arguments."""
    monkeypatch.syspath_prepend(str(ROOT / 'tools'))
    install = import_module('install')
    runs = [text for text in texts('RUN') if 'install.py' in text]
    assert len(runs) == 2
    for text in runs:
        script = re.sub(r'^--mount=\S+\s+', '', text)
        done = subprocess.run(
            ['bash', '-euc', f'python3() {{ printf "%q " "$@"; }}; {script}'],
            env={'VARIANT': variant, 'CUDA_ARCH': '8.0;9.0', 'PATH': ''},
            executable='/bin/bash',
            capture_output=True,
            text=True,
            check=True,
        )
        tool, *options = shlex.split(done.stdout)
        assert (ROOT / tool).is_file()
        args = install.parse_args(options)
        assert str(args.venv) == '/opt/venv'
        assert args.cuda == (variant == 'cuda')
        assert args.cuda_arch == ('8.0;9.0' if args.cuda else '')


def test_packages_are_those_that_get_started_names():
    page = (ROOT / 'docs' / 'get_started.md').read_text()
    needed = re.search(r'^apt-get install (.+)$', page, re.M)[1].split()
    (line,) = [text for text in texts('RUN') if 'apt-get' in text]
    assert {*needed} <= {*line.split()}
    subprocess.run(['bash', '-nc', line], check=True)


def test_the_container_runs_the_program():
    script = 'mmfashion = mmfashion_ext.cli.app:main'
    assert script in (ROOT / 'setup.py').read_text()
    assert texts('ENTRYPOINT') == ['["mmfashion"]']
    assert any('/opt/venv/bin:$PATH' in text for text in texts('ENV'))
