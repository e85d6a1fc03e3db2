# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What a wheel and an editable install carry; both are made offline."""

import importlib.util
import json
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
    'weights',
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
    for part in ('configs', 'weights', 'tools', 'demo', 'requirements'):
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
    addresses = dict(line.split(', ') for line in meta.get_all('Project-URL'))
    assert {'Documentation', 'Source', 'Issues'} <= {*addresses}
    # outside the repository a relative link or image leads nowhere
    links = re.findall(r'\]\(([^)#]+)', meta.get_payload())
    assert len(links) > 20
    assert [link for link in links if not link.startswith('http')] == []
    assert f'{addresses["Source"]}/raw/main/docs/images' in meta.get_payload()


def test_no_host_is_a_hard_requirement(wheel):
    """Forks and upstream bring the same packages under other names."""
    (name,) = (n for n in wheel.namelist() if n.endswith('/METADATA'))
    meta = Parser().parsestr(wheel.read(name).decode())
    requirements = meta.get_all('Requires-Dist')
    hard = [line for line in requirements if 'extra ==' not in line]
    names = {re.match(r'[\w-]+', line)[0].lower() for line in hard}
    assert names == {'click', 'numpy', 'pillow', 'pyyaml', 'rich'}
    assert not [line for line in requirements if 'mmcv' in line]
    opencv = [line for line in requirements if 'opencv' in line]
    assert [line.partition('extra ==')[2] for line in opencv] == [
        ' "opencv"'
    ]  # beside another OpenCV none is installed


def test_editable_install_links_mim(source, tmp_path):
    """PEP 660: what ``pip install -e .`` calls."""
    # of its own, since the links stay in it
    source = shutil.copytree(source, tmp_path / 'source')
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


SMALL = 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160'

#: What ``pip install`` of the wheel brings, and what that depends on.
BASE = ('numpy', 'PIL', 'yaml', '_yaml', 'rich', 'pygments', 'markdown_it')
BASE += ('mdurl', 'click')

#: Commands of the program in a bare installation -> how their output ends;
#: an error is the whole output.
MMFASHION = {
    '--help': 'exit 0',
    'predict --help': 'exit 0',
    'models --json': 'exit 0',
    f'info {SMALL}': 'exit 0',
    f'predict a.jpg --model {SMALL}': 'error: no weights are published for',
    f'predict a.jpg --model {SMALL} --weights a.jpg': 'error: '
    'mmfashion_ext.match_rcnn needs mmengine',
    'gallery info a.index': 'error: mmfashion_ext.match_rcnn needs mmengine',
    f'train {SMALL}': 'error: the package mmengine is not installed, which',
    'export --out a.onnx --weights a.jpg x': 'error: mmfashion_ext.tryon need',
    'synthetic --help': 'exit 0',
    'predict': 'error: IMAGE... is missing',
    'completion bash': 'exit 0',
}

BARE_CODE = (
    f'MMFASHION = {[*MMFASHION]}'
    + r"""
import contextlib, io, json, runpy, sys
from pathlib import Path

import mmfashion_ext

found = {'models': len(mmfashion_ext.list_models())}
name = mmfashion_ext.list_models()[0]
found['described'] = mmfashion_ext.describe(name)['name'] == name
found['cached'] = isinstance(mmfashion_ext.hub.list_cache(), list)


def attempt(name, use, *arguments):
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            with contextlib.redirect_stderr(output):
                use(*arguments)
    except ImportError as error:
        output.write(f'ImportError: {error}')
    except SystemExit as error:
        output.write(f'exit {error.code or 0}')
    found[name] = output.getvalue()


for name in mmfashion_ext.list_models():
    system = Path(mmfashion_ext.config_path(name))
    system = system.relative_to(mmfashion_ext.hub.root() / 'configs').parts[0]
    if f'get_model {system}' not in found:
        for function in ('get_model', 'build_inferencer', 'inference_model'):
            attempt(f'{function} {system}',
                    getattr(mmfashion_ext, function), name)


def command(name, *arguments):
    sys.argv = [name, *arguments]
    if name == 'synthetic':
        runpy.run_module('mmfashion_ext.synthetic', run_name='__main__')
    else:
        sys.path.insert(0, str(Path(name).parent))
        runpy.run_path(name, run_name='__main__')


attempt('synthetic --help', command, 'synthetic', '--help')
for family in ('deepfashion2', 'fld', 'video-reid', 'viton'):
    attempt(f'synthetic {family}', command, 'synthetic', family, 'out')
attempt('generate', lambda: mmfashion_ext.synthetic.generate_viton)


def mmfashion(*words):
    sys.argv = ['mmfashion', *words]
    runpy.run_module('mmfashion_ext', run_name='__main__')


Path('a.jpg').write_bytes(b'')
for words in MMFASHION:
    attempt(f'mmfashion {words}', mmfashion, *words.split())
tools = mmfashion_ext.hub.root() / 'tools'
for tool in sorted([*tools.glob('*.py'), *tools.glob('*/*.py'),
                    *(tools.parent / 'demo').glob('*.py')]):
    if tool.parent.name != 'setup_env' and tool.name != 'doctor.py':
        attempt(f'{tool.name} --help', command, str(tool), '--help')
attempt('install', command, str(tools / 'install.py'))
attempt('doctor', command, str(tools / 'doctor.py'))
names = ['torch', 'cv2', 'mmengine', 'mmcv', 'mmdet', 'mmpose']
found['loaded'] = [name for name in names if name in sys.modules]
print(json.dumps(found))
"""
)


@pytest.fixture(scope='module')
def bare(wheel, tmp_path_factory):
    """What a plain installation of the wheel says; no host, no OpenCV."""
    folder = tmp_path_factory.mktemp('bare')
    site, base = folder / 'site', folder / 'base'
    wheel.extractall(site)
    base.mkdir()
    for package in BASE:
        path = Path(importlib.util.find_spec(package).origin).parent
        (base / path.name).symlink_to(path)
        libraries = path.parent / {'PIL': 'pillow'}.get(package, package)
        libraries = libraries.with_suffix('.libs')  # of binary wheels
        if libraries.is_dir():
            (base / libraries.name).symlink_to(libraries)
    result = subprocess.run(
        [sys.executable, '-S', '-c', BARE_CODE],
        cwd=folder,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            'PYTHONPATH': f'{site}{os.pathsep}{base}',
            'PIP_NO_INDEX': '1',
        },
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    return found, site / 'mmfashion_ext' / '.mim' / 'tools'


OUTSIDE_CODE = """
from pathlib import Path

import cv2, numpy
import mmfashion_ext
from mmfashion_ext.cli import app

for tracklet in ('q', 'g/a', 'g/b'):
    Path(tracklet).mkdir(parents=True)
    for number in range(3):
        image = numpy.full((64, 32, 3), 50 * number, numpy.uint8)
        cv2.imwrite(f'{tracklet}/{number}.png', image)
app.run(['reid', 'q', 'g', '--out', 'results'])
print(mmfashion_ext.__file__)
"""


def test_the_program_of_a_wheel_outside_a_clone(wheel, tmp_path):
    """With published weights and this environment's hosts, in a folder."""
    (entry,) = (n for n in wheel.namelist() if n.endswith('entry_points.txt'))
    script = 'mmfashion = mmfashion_ext.cli.app:main'
    assert script in wheel.read(entry).decode()
    site, folder = tmp_path / 'site', tmp_path / 'folder'
    wheel.extractall(site)
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, '-c', OUTSIDE_CODE],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(site), 'OMP_NUM_THREADS': '1'},
    )
    assert done.returncode == 0, done.stderr
    *lines, file = done.stdout.splitlines()
    assert file == str(site / 'mmfashion_ext' / '__init__.py')
    assert lines[0] == 'q: 2 best of 2'
    assert (folder / 'results' / 'visualizations' / 'q.jpg').is_file()
    assert {path.name for path in folder.iterdir()} == {'q', 'g', 'results'}


@pytest.mark.fault(30)
class TestBareInstallation:
    """A plain ``pip install`` of the wheel works, or says what it lacks."""

    def test_imports_and_lists_models(self, bare):
        found, _ = bare
        assert found['models'] > 50
        assert found['described']
        assert found['cached']
        assert found['loaded'] == []

    @pytest.mark.parametrize(
        ('system', 'needs', 'remedy'),
        [
            (
                'match_rcnn',
                'mmengine>=0.10.0, mmcv>=2.0.0, mmdet>=3.0.0, torch, cv2',
                "pip install 'mmfashion_ext[match-rcnn,opencv]' && python "
                '{tools}/install.py --torch keep --only-mmcv',
            ),
            (
                'landmark',
                'mmengine>=0.10.0, mmcv>=2.0.0, mmdet>=3.0.0, '
                'mmpose>=1.3.0, torch, cv2',
                "pip install 'mmfashion_ext[landmark,opencv]' && python "
                '{tools}/install.py --torch keep --only-mmcv && pip install '
                "--no-deps 'mmpose>=1.3.0'",
            ),
            (
                'scan',
                'mmengine>=0.10.0, torch, cv2',
                "pip install 'mmfashion_ext[scan,opencv]'",
            ),
            (
                'tryon',
                'mmengine>=0.10.0, torch, cv2',
                "pip install 'mmfashion_ext[tryon,opencv]'",
            ),
        ],
    )
    @pytest.mark.parametrize(
        'function', ['get_model', 'build_inferencer', 'inference_model']
    )
    def test_models_name_all_that_is_missing_and_one_command(
        self, bare, function, system, needs, remedy
    ):
        found, tools = bare
        assert found[f'{function} {system}'] == (
            f'ImportError: mmfashion_ext.{system} needs {needs}, which are '
            f'not installed. Run: {remedy.format(tools=tools)}'
        )

    @pytest.mark.parametrize(
        'family', ['deepfashion2', 'fld', 'video-reid', 'viton']
    )
    def test_generators_name_opencv(self, bare, family):
        found, _ = bare
        assert found['synthetic --help'].endswith('exit 0')
        message = 'needs cv2, which is not installed. Run: pip install opencv-'
        assert message in found[f'synthetic {family}']
        assert found[f'synthetic {family}'].endswith('python\nexit 2')
        assert message in found['generate']

    def test_every_tool_helps_or_says_in_one_line_what_it_lacks(self, bare):
        found, tools = bare
        helped = {name: text for name, text in found.items() if '.py' in name}
        assert len(helped) > 15
        for name, text in helped.items():
            if not text.endswith('exit 0'):
                assert text.endswith('exit 2'), (name, text)
                (line,) = text.splitlines()[:-1]
                assert re.match(r'error: the package \w+ is not inst', line)
                assert 'Run: pip install' in line
        train = helped['train.py --help']
        assert f'&& python {tools}/install.py --torch keep' in train

    @pytest.mark.parametrize(('words', 'end'), MMFASHION.items())
    def test_the_program_works_or_says_in_one_line_what_it_lacks(
        self, bare, words, end
    ):
        output = bare[0][f'mmfashion {words}']
        if end == 'exit 0':
            assert output.endswith('exit 0'), output
        else:
            line, status = output.splitlines()
            assert status == 'exit 2'
            assert line.startswith(end)

    def test_nothing_recommends_a_makefile_that_is_not_there(self, bare):
        found, tools = bare
        for name, text in found.items():
            if name != 'install':
                said = re.search(r'make (setup|doctor|demo)', str(text))
                assert said is None, (name, text)
        assert f'python {tools}/install.py --torch keep' in found['doctor']
        assert found['doctor'].endswith('exit 1')

    def test_the_set_up_of_a_wheel(self, bare):
        found, tools = bare
        assert found['install'].endswith('exit 2')
        assert 'is the copy in an installed package' in found['install']
        assert 'Add --torch keep' in found['install']
        assert not (tools.parent / '.venv').exists()
