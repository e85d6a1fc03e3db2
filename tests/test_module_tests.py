# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Every module of the package has a test file of its name, or a reason."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'mmfashion_ext'

#: Module -> where it is tested instead.
TESTED_ELSEWHERE: dict[str, str] = {
    '__main__.py': 'test_cli/test_app.py: as a process',
    'cli/dressing.py': 'test_cli/test_try_on.py',
    'cli/export.py': 'test_tools/test_try_on.py: the tool',
    'cli/gallery_actions.py': 'test_tools/test_gallery.py: the tool',
    'cli/people_actions.py': 'test_cli/test_people.py',
    'cli/gallery_stores.py': 'test_cli/test_gallery.py',
    'cli/test.py': 'test_tools/test_train_and_test.py: the tool',
    'cli/train.py': 'test_tools/test_train_and_test.py: the tool',
}

MODULES = sorted(
    path.relative_to(PACKAGE)
    for path in PACKAGE.rglob('*.py')
    if path.name != '__init__.py' and '.mim' not in path.parts
)


def test_file(module):
    """The test file of a module: folders and file with ``test_`` before."""
    *folders, name = module.with_suffix('').parts
    name = name.strip('_')
    parts = [f'test_{folder}' for folder in folders]
    return ROOT.joinpath('tests', *parts, f'test_{name}.py')


test_file.__test__ = False


@pytest.mark.parametrize('module', MODULES, ids=str)
def test_has_a_test_file(module):
    if str(module) in TESTED_ELSEWHERE:
        assert not test_file(module).exists(), 'it has one: remove the entry'
    else:
        assert test_file(module).is_file()


@pytest.mark.parametrize('module', sorted(TESTED_ELSEWHERE))
def test_reasons_name_existing_files(module):
    assert (PACKAGE / module).is_file()
    reason = TESTED_ELSEWHERE[module]
    assert (ROOT / 'tests' / reason.split(':')[0]).is_file(), reason
