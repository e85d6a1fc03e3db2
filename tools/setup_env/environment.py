# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Create the Python environment and find out what is installed in it."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from .process import SetupError, run

_ROOT = Path(__file__).resolve().parents[2]
#: Whether this is a clone; a copy in an installed package has no Makefile.
IN_CLONE = all((_ROOT / name).is_file() for name in ('Makefile', 'setup.py'))
#: This set-up, as the user calls it.
SCRIPT = 'tools/install.py' if IN_CLONE else f'{_ROOT}/tools/install.py'
#: Command that shows what is installed and what is wrong.
DOCTOR = 'make doctor' if IN_CLONE else f'python {_ROOT}/tools/doctor.py'

# This code runs inside the environment, so it cannot be imported from here.
_PROBE = """
import glob, importlib.util, json, os, sys, sysconfig
from importlib import metadata
facts = {
    'tag': f'cp{sys.version_info[0]}{sys.version_info[1]}{sys.abiflags}',
    'platform': sysconfig.get_platform().replace('-', '_').replace('.', '_'),
    'headers': os.path.isfile(
        os.path.join(sysconfig.get_path('include'), 'Python.h')),
    'versions': {d.metadata['Name']: d.version
                 for d in metadata.distributions() if d.metadata['Name']},
    'providers': {package: sorted(set(names)) for package, names
                  in metadata.packages_distributions().items()},
}
nvidia = importlib.util.find_spec('nvidia')
roots = nvidia.submodule_search_locations if nvidia else []
facts['nvidia'] = sorted(d for r in roots for d in glob.glob(r + '/*'))
try:
    import torch
    facts['torch'] = torch.__version__
    facts['cuda'] = torch.version.cuda
    facts['archs'] = sorted({'%d.%d' % torch.cuda.get_device_capability(i)
                             for i in range(torch.cuda.device_count())})
except ImportError as error:
    facts['torch_error'] = str(error)
print('FACTS' + json.dumps(facts))
"""


@dataclass(frozen=True)
class Facts:
    """What is installed in an environment.

    Attributes:
        tag (str): Python and ABI, such as ``cp311``.
        platform (str): Such as ``linux_x86_64``.
        headers (bool): Whether Python.h is installed.
        versions (dict): Installed distribution -> version.
        providers (dict): Import package -> the distributions that provide it.
        nvidia (list): Folders of the CUDA libraries installed as wheels.
        torch (str): Version with its local part, empty without torch.
        cuda (str, optional): CUDA release of the torch build.
        archs (list): Compute capabilities of the GPUs, such as ``9.0``.
        torch_error (str): Why torch cannot be imported.
    """

    tag: str = ''
    platform: str = ''
    headers: bool = True
    versions: dict[str, str] = field(default_factory=dict)
    providers: dict[str, list[str]] = field(default_factory=dict)
    nvidia: list[str] = field(default_factory=list)
    torch: str = ''
    cuda: str | None = None
    archs: list[str] = field(default_factory=list)
    torch_error: str = ''


def output_of(command: list[str | Path], errors: bool = False) -> str:
    """Return the output (or errors) of a command, empty if it cannot run."""
    try:
        result = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    except OSError:
        return ''
    return result.stderr if errors else result.stdout


def probe(python: Path) -> Facts:
    """Find out what is installed in an environment.

    Raises:
        SetupError: Its Python does not run.
    """
    found = re.search(r'^FACTS(.*)$', output_of([python, '-c', _PROBE]), re.M)
    if found is None:
        raise SetupError(
            f'{python} does not run; it may be broken. Remove the '
            f'environment ({python.parent.parent}) and run this again'
        )
    return Facts(**json.loads(found[1]))


def works(python: Path, code: str) -> str:
    """Check that code runs in an environment.

    Returns:
        str: Empty if it ran, else the last line of the error.
    """
    result = subprocess.run(
        [str(python), '-c', code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if result.returncode == 0:
        return ''
    lines = result.stderr.strip().splitlines()
    return lines[-1] if lines else f'exit code {result.returncode}'


def make_venv(folder: Path, log: Path) -> Path:
    """Create a virtual environment, or complete an interrupted one.

    Returns:
        Path: Its Python.

    Raises:
        SetupError: This Python cannot create virtual environments.
    """
    python = folder / 'bin' / 'python'
    if output_of([python, '-m', 'pip', '--version']):
        return python
    try:
        import ensurepip  # noqa: F401
    except ImportError as error:
        name = f'python{sys.version_info[0]}.{sys.version_info[1]}-venv'
        raise SetupError(
            f'{sys.executable} cannot create virtual environments: the module '
            f'ensurepip is missing. On Debian and Ubuntu run apt-get install '
            f'{name}, then run this again'
        ) from error
    title = f'virtual environment {folder}'
    run(title, [sys.executable, '-m', 'venv', folder], log)
    return python


def need_compiler(facts: Facts) -> None:
    """Check that C++ extensions can be compiled.

    Raises:
        SetupError: The compiler or the headers of Python are missing.
    """
    if not shutil.which(os.environ.get('CXX', 'c++').split()[0]):
        raise SetupError(
            "no C++ compiler found (c++), which mmcv's ops need. On Debian "
            'and Ubuntu run apt-get install g++, then run this again'
        )
    if not facts.headers:
        raise SetupError(
            "Python.h is missing, which mmcv's ops need. On Debian and "
            'Ubuntu run apt-get install python3-dev, then run this again'
        )
