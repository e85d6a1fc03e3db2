# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Systems, the hosts they need, and what to do when a host is missing.

Hosts are looked up by import name, never by distribution name: the maintained
forks (``onedl-mmdetection`` ...) install the same import packages.
"""

import importlib
import importlib.util
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
        ImportError: A host is missing, too old, or installed but broken. The
            message names the command that fixes it.
    """
    for host in SYSTEMS[system]:
        remedy = _remedy(system, host)
        if not is_installed(host.package):
            raise ImportError(
                f'mmfashion_ext.{system} needs {host.package}>='
                f'{host.minimum}, which is not installed. Run: {remedy}'
            )
        try:
            module = importlib.import_module(host.package)
        except Exception as error:
            raise ImportError(
                f'mmfashion_ext.{system} needs {host.package}, which is '
                f'installed but fails to import ({error}). Fix or reinstall '
                f'{host.package}; `make doctor` shows what is wrong'
            ) from error
        found = getattr(module, '__version__', '0')
        if _version(found) < _version(host.minimum):
            raise ImportError(
                f'mmfashion_ext.{system} needs {host.package}>='
                f'{host.minimum}, got {found}. Run: {remedy}'
            )
        if _version(found) > _version(host.tested):
            warnings.warn(
                f'{host.package} {found} is newer than {host.tested}, the '
                f'newest that mmfashion_ext.{system} was tested with'
            )


def _remedy(system: str, host: Host) -> str:
    """Return the command that installs a host."""
    if host is MMCV:  # pip cannot compile it against the torch that is there
        return 'python tools/install.py --torch keep --only-mmcv'
    extra = system.replace('_', '-')
    command = f"pip install 'mmfashion_ext[{extra}]'"
    if host is MMPOSE:  # declares a dependency that no longer installs
        command += f" && pip install --no-deps 'mmpose>={host.minimum}'"
    return f'make setup (in a clone) or: {command}'


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
