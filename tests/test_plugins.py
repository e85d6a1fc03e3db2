# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import re
import sys
import warnings

import pytest

from mmfashion_ext import plugins
from mmfashion_ext.plugins import Host


@pytest.fixture
def fake_host(tmp_path, monkeypatch):
    """Install a package ``fakehost`` and make ``fake_system`` need it."""
    monkeypatch.syspath_prepend(tmp_path)
    host = Host('fakehost', minimum='1.10.0', tested='2.0.0')
    monkeypatch.setitem(plugins.SYSTEMS, 'fake_system', (host,))

    def install(source):
        package = tmp_path / 'fakehost'
        package.mkdir()
        (package / '__init__.py').write_text(source)

    yield install
    sys.modules.pop('fakehost', None)


@pytest.mark.parametrize(
    ('text', 'version'),
    [
        ('0.10.7rc1+cu121', (0, 10, 7)),
        ('2.3.6', (2, 3, 6)),
        ('3', (3,)),
        ('unknown', ()),
    ],
)
def test_version_is_its_numbers(text, version):
    assert plugins._version(text) == version


@pytest.fixture
def place(monkeypatch):
    """Let the package seem to lie in a clone or in an installed wheel."""

    def set_place(clone, torch=True, own_environment=False):
        there = plugins.is_installed
        monkeypatch.setattr(plugins, 'is_clone', lambda: clone)
        monkeypatch.setattr(
            plugins,
            'is_installed',
            lambda name: torch if name == 'torch' else there(name),
        )
        if own_environment:
            monkeypatch.setattr(sys, 'prefix', '/no/folder')

    return set_place


@pytest.mark.fault(30)
@pytest.mark.parametrize(
    ('clone', 'torch', 'command'),
    [
        (True, False, 'make setup'),
        (True, True, 'python tools/install.py --torch keep'),
        (
            False,
            False,
            'pip install torch torchvision && python '
            f'{plugins._PACKAGE}/.mim/tools/install.py --torch keep',
        ),
        (
            False,
            True,
            f'python {plugins._PACKAGE}/.mim/tools/install.py --torch keep',
        ),
    ],
)
def test_the_set_up_fits_where_the_package_lies(place, clone, torch, command):
    place(clone, torch, own_environment=True)
    assert plugins.set_up_command() == command
    doctor = plugins.doctor_command()
    assert (doctor == 'make doctor') == clone
    assert doctor.endswith(('doctor', '/.mim/tools/doctor.py'))


@pytest.mark.fault(30)
@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('cv2', 'the package cv2 is not .* Run: pip install opencv-python$'),
        ('yaml.loader', 'the package yaml is .* Run: pip install pyyaml$'),
        ('other', 'the package other is not .* Run: pip install other$'),
        ('mmcv', 'the package mmcv is .*install.py --torch keep --only-mmcv$'),
        ('mmdet', 'the package mmdet is .*install.py --torch keep$'),
    ],
)
def test_a_missing_package_is_named_with_a_command(
    place, monkeypatch, name, message
):
    place(clone=False)
    monkeypatch.setitem(sys.modules, name.partition('.')[0], None)
    error = ModuleNotFoundError(f'No module named {name!r}', name=name)
    assert re.match(message, plugins.explain_missing(error))


@pytest.mark.fault(30)
@pytest.mark.parametrize(
    'error',
    [
        ImportError('libGL.so.1: cannot open'),
        ModuleNotFoundError('No module named a', name='pytest.no_such'),
        ModuleNotFoundError('No module named b', name='mmfashion_ext.typo'),
    ],
)
def test_other_import_errors_stay_as_they_are(error):
    assert plugins.explain_missing(error) == str(error)


@pytest.mark.fault(30)
def test_tools_are_named_where_they_lie(place):
    text = 'see tools/a/b.py and ./tools/c.py; tools/ is a folder'
    place(clone=True)
    assert plugins.locate_tools(text) == text
    assert plugins.tool_command('train.py') == 'python tools/train.py'
    place(clone=False)
    tools = f'{plugins._PACKAGE}/.mim/tools'
    assert plugins.locate_tools(text) == text.replace(
        'see tools/', f'see {tools}/'
    )
    assert plugins.tool_command('train.py') == f'python {tools}/train.py'


@pytest.mark.fault(30)
def test_a_package_is_asked_for_before_it_is_imported(monkeypatch):
    plugins.require_package('cv2', 'this')
    monkeypatch.setitem(sys.modules, 'cv2', None)
    message = 'this needs cv2, which is not installed. Run: pip install openc'
    with pytest.raises(ImportError, match=message):
        plugins.require_package('cv2', 'this')
    with pytest.raises(ImportError, match=r'scan needs cv2, which .* opencv'):
        plugins.require('scan')


def test_missing_host_names_the_extra(fake_host, place):
    place(clone=False)
    message = (
        r'mmfashion_ext\.fake_system needs fakehost>=1\.10\.0, which is not '
        r"installed.*pip install 'mmfashion_ext\[fake-system\]'"
    )
    with pytest.raises(ImportError, match=message):
        plugins.require('fake_system')
    assert 'fake_system' not in plugins.installed_systems()


def test_blocked_host_counts_as_missing(fake_host, monkeypatch):
    fake_host("__version__ = '1.10.0'")
    monkeypatch.setitem(sys.modules, 'fakehost', None)
    assert not plugins.is_installed('fakehost')


@pytest.mark.parametrize('version', ['1.10.0', '1.11', '2.0.0+cu121'])
def test_tested_host_passes_silently(fake_host, version):
    fake_host(f'__version__ = {version!r}')
    assert 'fake_system' in plugins.installed_systems()
    assert 'fakehost' not in sys.modules  # found, not imported
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        plugins.require('fake_system')


@pytest.mark.parametrize('source', ["__version__ = '1.9.9'", ''])
def test_old_host_is_refused(fake_host, source):
    fake_host(source)
    with pytest.raises(ImportError, match=r'fakehost>=1\.10\.0, got (1|0)'):
        plugins.require('fake_system')


def test_an_old_host_is_replaced_by_its_own_distribution(
    fake_host, monkeypatch
):
    fake_host("__version__ = '1.9.9'")
    providers = {'fakehost': ['onedl-fakehost']}
    monkeypatch.setattr(
        plugins.metadata, 'packages_distributions', lambda: providers
    )
    message = r"Run: pip install -U 'onedl-fakehost>=1\.10\.0'"
    with pytest.raises(ImportError, match=message):
        plugins.require('fake_system')


def test_newer_host_warns(fake_host):
    fake_host("__version__ = '2.0.1'")
    message = r'fakehost 2\.0\.1 is newer than 2\.0\.0'
    with pytest.warns(UserWarning, match=message):
        plugins.require('fake_system')


def test_broken_host_is_not_taken_for_a_missing_one(fake_host):
    fake_host("raise RuntimeError('undefined symbol')")
    assert 'fake_system' in plugins.installed_systems()
    message = r'fails to import \(undefined symbol\).*make doctor'
    with pytest.raises(ImportError, match=message) as error:
        plugins.require('fake_system')
    assert isinstance(error.value.__cause__, RuntimeError)


def test_exports_are_lazy_and_complete(fake_host, tmp_path, monkeypatch):
    package = tmp_path / 'lazy_package'
    package.mkdir()
    (package / 'module.py').write_text('class Thing: pass')
    (package / '__init__.py').write_text(
        'from mmfashion_ext.plugins import lazy_exports\n'
        '__getattr__, __dir__, __all__ = lazy_exports(\n'
        "    'lazy_package', {'module': ('Thing',)})\n"
    )
    required = []
    monkeypatch.setattr(plugins, 'require', required.append)
    import lazy_package

    assert dir(lazy_package) == lazy_package.__all__ == ['Thing']
    assert not required
    assert lazy_package.Thing.__module__ == 'lazy_package.module'
    assert required == ['lazy_package']
    with pytest.raises(AttributeError, match="has no 'Other'"):
        _ = lazy_package.Other
