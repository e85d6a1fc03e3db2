# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Systems, the hosts they need, and what to do when a host is missing.

Hosts are looked up by import name, never by distribution name: the maintained
forks (``onedl-mmdetection`` ...) install the same import packages.
"""

import importlib
import importlib.util
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmengine.config import Config


@dataclass(frozen=True)
class Host:
    """A library that a system plugs into.

    Attributes:
        package (str): Import name.
        minimum (str): Lowest version that works; below it: ImportError.
        tested (str): Newest version the tests ran with; above it: a warning.
    """

    package: str
    minimum: str
    tested: str


MMENGINE = Host('mmengine', '0.10.0', '0.10.12')
MMCV = Host('mmcv', '2.0.0', '2.3.6')
MMDET = Host('mmdet', '3.0.0', '3.5.1')
MMPOSE = Host('mmpose', '1.3.0', '1.3.2')

#: System -> the hosts it needs. The system's name is its folder, its extra in
#: ``setup.py`` (with ``-`` for ``_``) and its folder of configs.
SYSTEMS: dict[str, tuple[Host, ...]] = {
    'match_rcnn': (MMENGINE, MMCV, MMDET),
    # mmpose 1.3 imports mmdet for one of its heads
    'landmark': (MMENGINE, MMCV, MMDET, MMPOSE),
    'scan': (MMENGINE,),
    'tryon': (MMENGINE,),
}

#: Packages that every system needs and that no host declares to pip.
IMPLIED = ('torch', 'cv2')

_PACKAGE = Path(__file__).resolve().parent
#: Import names of what the set-up installs rather than pip alone.
_SET_UP = {'torch', 'torchvision', 'mmengine', 'mmdet', 'mmpose', 'mmpretrain'}
#: Import name -> distribution, where the names differ.
_DISTRIBUTIONS = {
    'cv2': 'opencv-python',
    'PIL': 'pillow',
    'yaml': 'pyyaml',
    'faster_coco_eval': 'faster-coco-eval',
    'torch_fidelity': 'torch-fidelity',
}


def _version(text: str) -> tuple[int, ...]:
    """``'0.10.7rc1+cu121'`` -> ``(0, 10, 7)``."""
    release = re.match(r'\d+(\.\d+)*', text)
    return tuple(int(n) for n in release[0].split('.')) if release else ()


def is_installed(package: str) -> bool:
    """Return whether a package can be found, without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # sys.modules[package] is None: blocked
        return False


def installed_systems() -> list[str]:
    """Return the systems all of whose hosts are installed; import nothing."""
    return [
        system
        for system, hosts in SYSTEMS.items()
        if all(is_installed(host.package) for host in hosts)
    ]


def require(system: str) -> None:
    """Check that every host of a system is there and new enough.

    Args:
        system (str): A key of ``SYSTEMS``.

    Raises:
        ImportError: A host, PyTorch or OpenCV is missing, or a host is too
            old, or installed but broken. The message names the command that
            fixes it, for a clone or for an installed wheel.
    """
    hosts = SYSTEMS[system]
    needs = {host.package: f'>={host.minimum}' for host in hosts}
    needs |= dict.fromkeys(IMPLIED, '')
    missing = [name for name in needs if not is_installed(name)]
    if missing:
        named = ', '.join(name + needs[name] for name in missing)
        verb = 'is' if len(missing) == 1 else 'are'
        raise ImportError(
            f'mmfashion_ext.{system} needs {named}, which {verb} not '
            f'installed. Run: {install_command(system, missing)}'
        )
    for host in hosts:
        try:
            module = importlib.import_module(host.package)
        except Exception as error:
            raise ImportError(
                f'mmfashion_ext.{system} needs {host.package}, which is '
                f'installed but fails to import ({error}). Fix or reinstall '
                f'{host.package}; `{doctor_command()}` shows what is wrong'
            ) from error
        found = getattr(module, '__version__', '0')
        if _version(found) < _version(host.minimum):
            raise ImportError(
                f'mmfashion_ext.{system} needs {host.package}>='
                f'{host.minimum}, got {found}. Run: {_upgrade_command(host)}'
            )
        if _version(found) > _version(host.tested):
            warnings.warn(
                f'{host.package} {found} is newer than {host.tested}, the '
                f'newest that mmfashion_ext.{system} was tested with'
            )


def require_package(package: str, user: str) -> None:
    """Check that a package is installed, before it is imported.

    Args:
        package (str): Import name, e.g. ``'cv2'``.
        user (str): What needs it, for the message.

    Raises:
        ImportError: It is missing; the message names the command that helps.
    """
    if not is_installed(package):
        raise ImportError(
            f'{user} needs {package}, which is not installed. Run: '
            f'{package_command(package)}'
        )


def is_clone() -> bool:
    """Return whether the package lies in a clone, with its Makefile."""
    files = [_PACKAGE.parent / name for name in ('Makefile', 'setup.py')]
    return all(file.is_file() for file in files)


def set_up_command() -> str:
    """Return the command that installs everything that is missing.

    In a clone ``make setup``; an environment that has a PyTorch but was not
    created by it is completed in place. Without a clone there is no Makefile.
    """
    from_setup = (Path(sys.prefix) / '.mmfashion_ext').is_file()
    if is_clone():
        if is_installed('torch') and not from_setup:
            return f'{_install_script()} --torch keep'
        return 'make setup'
    command = f'{_install_script()} --torch keep'
    if not is_installed('torch'):
        return f'pip install torch torchvision && {command}'
    return command


def doctor_command() -> str:
    """Return the command that shows what is installed and what is wrong."""
    return 'make doctor' if is_clone() else tool_command('doctor.py')


def mmcv_command() -> str:
    """Return the command that compiles mmcv's ops for the torch there is."""
    return f'{_install_script()} --torch keep --only-mmcv'


def package_command(package: str) -> str:
    """Return the command that installs a package that is not there.

    Args:
        package (str): Import name, e.g. ``'cv2'``.
    """
    if package == 'mmcv':
        return mmcv_command()
    if package in _SET_UP:
        return set_up_command()
    return f'pip install {_DISTRIBUTIONS.get(package, package)}'


def install_command(system: str, missing: Collection[str]) -> str:
    """Return the command that installs what a system needs and lacks.

    Args:
        system (str): A key of ``SYSTEMS``.
        missing (Collection[str]): Import names.
    """
    if set(missing) == {'mmcv'}:
        return mmcv_command()
    if set(missing) == {'cv2'}:
        return package_command('cv2')
    if is_clone():
        return set_up_command()
    parts = []
    if set(missing) - {'mmcv', 'mmpose'}:
        extras = system.replace('_', '-')
        # never beside another OpenCV: so it is an extra of its own
        extras += ',opencv' if 'cv2' in missing else ''
        parts.append(f"pip install 'mmfashion_ext[{extras}]'")
    if 'mmcv' in missing:  # pip cannot compile it against the torch there is
        parts.append(mmcv_command())
    if 'mmpose' in missing:  # declares a dependency that no longer installs
        requirement = f'mmpose>={MMPOSE.minimum}'
        parts.append(f"pip install --no-deps '{requirement}'")
    return ' && '.join(parts)


def explain_missing(error: ImportError) -> str:
    """Return the message of an import error, with the command that helps.

    Args:
        error (ImportError): Of a package, or one of this module's own.
    """
    text = str(error)
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return text
    package = error.name.partition('.')[0]
    if package == _PACKAGE.name or is_installed(package):
        return text  # not the package is missing but a module in it
    return (
        f'the package {package} is not installed, which this needs. Run: '
        f'{package_command(package)}'
    )


def _upgrade_command(host: Host) -> str:
    """Return the command that replaces a host that is too old."""
    if host is MMCV:
        return mmcv_command()
    providers = metadata.packages_distributions().get(host.package)
    name = providers[0] if providers else host.package
    return f"pip install -U '{name}>={host.minimum}'"


def tool_command(name: str) -> str:
    """Return the command that runs a tool, of a clone or of the wheel.

    Args:
        name (str): Its path below ``tools``, e.g. ``'train.py'``.
    """
    if is_clone():
        return f'python tools/{name}'
    path = _PACKAGE / '.mim' / 'tools' / name
    return f'python {shlex.quote(str(path))}'


def locate_tools(text: str) -> str:
    """Return a message with the paths of the tools that it names.

    In a clone they are ``tools/...``, as messages name them; in an installed
    wheel they lie in its folder ``.mim``.
    """
    if is_clone():
        return text
    folder = _PACKAGE / '.mim' / 'tools'
    return re.sub(r'(?<![\w/.])tools/(?=[\w/]+\.py)', f'{folder}/', text)


def _install_script() -> str:
    return tool_command('install.py')


def lazy_exports(
    package: str, exports: dict[str, tuple[str, ...]]
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Make a system's package import its host only when it is used (PEP 562).

    Args:
        package (str): ``__name__`` of the system's package.
        exports (dict): Module of the package -> the public names in it.

    Returns:
        tuple: ``__getattr__``, ``__dir__`` and ``__all__`` of the package.
    """
    system = package.rpartition('.')[2]
    home = {name: mod for mod, names in exports.items() for name in names}

    def __getattr__(name: str) -> object:
        if name not in home:
            raise AttributeError(f'module {package!r} has no {name!r}')
        require(system)
        return getattr(
            importlib.import_module(f'{package}.{home[name]}'), name
        )

    names = sorted(home)
    return __getattr__, lambda: names, names


def exports(system: str) -> list[str]:
    """Return the public names of a system; no host is imported."""
    return importlib.import_module(f'mmfashion_ext.{system}').__all__


def import_type(name: str) -> None:
    """Import a public class of whichever system has it; registers it.

    Args:
        name (str): Of the class. Nothing happens if no system has it.

    Raises:
        ImportError: See :func:`require`.
    """
    for system in SYSTEMS:
        if name in exports(system):
            getattr(importlib.import_module(f'mmfashion_ext.{system}'), name)


def used_systems(cfg: 'Config') -> list[str]:
    """Return the systems of this package whose types a config names."""

    def types(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get('type'), str):
                yield node['type']
            node = list(node.values())
        if isinstance(node, list | tuple):
            for child in node:
                yield from types(child)

    names = {
        name.removeprefix('mmfashion_ext.')
        for name in types(cfg.to_dict())
        if name.startswith('mmfashion_ext.')
    }
    return [system for system in SYSTEMS if names & set(exports(system))]
