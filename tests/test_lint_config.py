# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""`make lint` and pre-commit run the same checks in the same versions."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


def test_precommit_runs_the_checks_of_make_lint():
    config = yaml.safe_load((ROOT / '.pre-commit-config.yaml').read_text())
    (repo,) = config['repos']
    entries = [hook['entry'] for hook in repo['hooks']]
    makefile = (ROOT / 'Makefile').read_text()
    lint = re.search(r'^lint: setup\n((?:\t.+\n)+)', makefile, re.M)[1]
    commands = re.findall(r'\$\(BIN\)/(.+)', lint)
    assert len(entries) == len(commands)
    for entry, command in zip(entries, commands, strict=True):
        words = {*entry.split()} - {'--force-exclude'}
        assert words == {*command.split()} - {'.'}


def test_versions_are_those_of_the_lock_file():
    config = yaml.safe_load((ROOT / '.pre-commit-config.yaml').read_text())
    lock = (ROOT / 'requirements' / 'lock.txt').read_text().lower()
    for hook in config['repos'][0]['hooks']:
        for requirement in hook['additional_dependencies']:
            pinned = rf'^{re.escape(requirement.lower())}( ;.*)?$'
            assert re.search(pinned, lock, re.M), requirement
