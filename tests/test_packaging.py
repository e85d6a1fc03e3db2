# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What a wheel and an editable install carry; both are made offline."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PARTS = (
    'setup.py',
    'pyproject.toml',
    'MANIFEST.in',
    'mmfashion_ext',
    'configs',
    'tools',
    'demo',
    'requirements',
    'model-index.yml',
    'LICENSE',
    'README.md',
)


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """A copy of the sources, so that building leaves nothing in the clone."""
    folder = tmp_path_factory.mktemp('source')
    for name in PARTS:
        path = ROOT / name
        if path.is_dir():
            ignore = shutil.ignore_patterns('__pycache__', '.mim')
            shutil.copytree(path, folder / name, ignore=ignore)
        elif path.exists():
            shutil.copy2(path, folder / name)
    return folder


def pip(*arguments):
    command = [sys.executable, '-m', 'pip', '--disable-pip-version-check']
    subprocess.run(
        [*command, *map(str, arguments)],
        check=True,
        capture_output=True,
        env={**os.environ, 'PIP_NO_INDEX': '1'},
    )


@pytest.fixture(scope='module')
def wheel(source, tmp_path_factory):
    out = tmp_path_factory.mktemp('wheel')
    pip('wheel', '--no-deps', '--no-build-isolation', '-w', out, source)
    (path,) = out.glob('*.whl')
    return zipfile.ZipFile(path)


def test_wheel_carries_mim(wheel, source):
    names = {n for n in wheel.namelist() if n.startswith('mmfashion_ext/.mim')}
    for part in ('configs', 'tools', 'demo', 'requirements'):
        for path in (source / part).rglob('*'):
            if path.is_file():
                relative = path.relative_to(source)
                assert f'mmfashion_ext/.mim/{relative}' in names
    assert not [n for n in names if '__pycache__' in n or n.endswith('.pyc')]


def test_wheel_leaves_no_copy_in_the_sources(wheel, source):
    assert not (source / 'mmfashion_ext' / '.mim').exists()


def test_configs_of_the_wheel_are_readable(wheel, tmp_path):
    wheel.extractall(tmp_path)
    configs = tmp_path / 'mmfashion_ext' / '.mim' / 'configs'
    leaves = sorted(configs.glob('*/match-rcnn*.py'))
    assert leaves
    from mmengine.config import Config

    for leaf in leaves:
        assert Config.fromfile(leaf, import_custom_modules=False).model


def test_metadata(wheel):
    (name,) = (n for n in wheel.namelist() if n.endswith('/METADATA'))
    meta = Parser().parsestr(wheel.read(name).decode())
    text = (ROOT / 'mmfashion_ext' / '__init__.py').read_text()
    assert meta['Name'] == 'mmfashion_ext'
    assert f"__version__ = '{meta['Version']}'" in text
    assert meta['Requires-Python'] == '>=3.10'
    assert {'match-rcnn', 'all', 'tests'} <= set(
        meta.get_all('Provides-Extra')
    )


def test_no_host_is_a_hard_requirement(wheel):
    """Forks and upstream bring the same packages under other names."""
    (name,) = (n for n in wheel.namelist() if n.endswith('/METADATA'))
    meta = Parser().parsestr(wheel.read(name).decode())
    requirements = meta.get_all('Requires-Dist')
    hard = [line for line in requirements if 'extra ==' not in line]
    names = {re.match(r'[\w-]+', line)[0].lower() for line in hard}
    assert names == {'numpy', 'pyyaml', 'rich'}
    assert not [line for line in requirements if 'mmcv' in line]


def test_editable_install_links_mim(source, tmp_path):
    """PEP 660: what ``pip install -e .`` calls."""
    options = ['--no-deps', '--no-build-isolation', '--target', tmp_path]
    pip('install', *options, '-e', source)
    mim = source / 'mmfashion_ext' / '.mim'
    assert (mim / 'configs').is_symlink()
    assert (mim / 'configs').resolve() == source / 'configs'
    assert (mim / 'tools' / 'install.py').is_file()
    code = (
        f'import site; site.addsitedir({str(tmp_path)!r}); '
        'import mmfashion_ext; print(mmfashion_ext.__file__)'
    )
    result = subprocess.run(
        [sys.executable, '-I', '-S', '-c', code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    found = Path(result.stdout.strip())
    assert found == source / 'mmfashion_ext' / '__init__.py'


def test_setup_imports_nothing_heavy():
    text = (ROOT / 'setup.py').read_text()
    imported = set(re.findall(r'^(?:from|import) (\w+)', text, re.M))
    assert imported == {'re', 'shutil', 'pathlib', 'setuptools'}
