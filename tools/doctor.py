# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Show what is installed, what each system needs, and how to fix problems.

``make doctor`` calls it; users of an installed wheel run the copy in
``mmfashion_ext/.mim/tools``. Paste its output into an issue. It needs only
the standard library, so it also runs before anything is installed.

Exit code: 0 if no problem was found, 1 otherwise.
"""

import importlib
import importlib.util
import platform
import subprocess
import sys
import warnings
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from setup_env.cuda import find_nvcc, nvcc_release
from setup_env.environment import Facts

ROOT = Path(__file__).resolve().parents[1]
if not importlib.util.find_spec('mmfashion_ext'):
    # a clone, or the folder .mim of an installed package
    installed = not (ROOT / 'mmfashion_ext').is_dir()
    sys.path.insert(0, str(ROOT.parents[1] if installed else ROOT))

from mmfashion_ext import plugins  # noqa: E402

SET_UP = plugins.set_up_command()


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        name (str): What was checked.
        found (str): What was found.
        state (str): ``ok``, ``-`` (absent, not needed) or ``PROBLEM``.
        remedy (str): The command that fixes a problem.
    """

    name: str
    found: str
    state: str = 'ok'
    remedy: str = ''


def one_line(error: BaseException) -> str:
    """Return an exception as one line of at most 200 characters."""
    text = ' '.join(str(error).split())
    return f'{type(error).__name__}: {text}'[:200]


def first_line(*command: str) -> str:
    """Return the first line a command prints, empty if it cannot run."""
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=30, cwd=ROOT
        )
    except (OSError, subprocess.TimeoutExpired):
        return ''
    lines = result.stdout.strip().splitlines()
    return lines[0] if lines and result.returncode == 0 else ''


def project_row() -> Row:
    """Return the version of this package and, in a clone, its commit."""
    import mmfashion_ext

    commit = ''
    if plugins.is_clone():  # an installed package may lie in another's clone
        commit = first_line('git', 'rev-parse', '--short=10', 'HEAD')
    if commit and first_line('git', 'status', '--porcelain'):
        commit += ' with local changes'
    parts = [mmfashion_ext.__version__, f'commit {commit}' if commit else '']
    return Row('mmfashion_ext', ', '.join(filter(None, parts)))


def machine_rows() -> list[Row]:
    """Return the rows of Python, system, compilers and GPU."""
    python = f'{platform.python_version()} ({sys.executable})'
    old = sys.version_info < (3, 10)
    rows = [
        Row('Python', python, 'PROBLEM', 'install Python 3.10 or later')
        if old
        else Row('Python', python),
        Row('system', platform.platform()),
    ]
    compiler = first_line('c++', '--version')
    rows.append(
        Row('C++ compiler', compiler)
        if compiler
        else Row('C++ compiler', 'none', 'PROBLEM', 'apt-get install g++')
    )
    spec = importlib.util.find_spec('nvidia')
    roots = spec.submodule_search_locations or [] if spec else []
    wheels = [str(f) for root in roots for f in sorted(Path(root).glob('*'))]
    nvcc = find_nvcc(Facts(nvidia=wheels))
    found = f'{nvcc_release(nvcc)} ({nvcc})' if nvcc else 'none'
    rows.append(Row('nvcc', found, 'ok' if nvcc else '-'))
    query = '--query-gpu=name,driver_version,memory.total'
    gpu = first_line('nvidia-smi', query, '--format=csv,noheader')
    rows.append(Row('GPU, driver', gpu) if gpu else Row('GPU', 'none', '-'))
    return rows


def package_row(package: str, needed: bool = True) -> Row:
    """Return the version of a package, or why it cannot be imported."""
    if importlib.util.find_spec(package) is None:
        if needed:
            return Row(package, 'not installed', 'PROBLEM', SET_UP)
        return Row(package, 'not installed', '-')
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            module = importlib.import_module(package)
    except Exception as error:
        return Row(package, one_line(error), 'PROBLEM', SET_UP)
    providers = metadata.packages_distributions().get(package, [])
    found = getattr(module, '__version__', '') or ', '.join(
        metadata.version(name) for name in sorted(set(providers))
    )
    others = sorted(set(providers) - {package})
    return Row(package, found + (f' ({", ".join(others)})' if others else ''))


def torch_row() -> Row:
    """Return the version of PyTorch, its CUDA and the number of GPUs."""
    row = package_row('torch')
    if row.state != 'ok':
        return row
    import torch

    cuda = torch.version.cuda
    found = f'{torch.__version__}, ' + (f'CUDA {cuda}' if cuda else 'CPU only')
    if cuda:
        count = torch.cuda.device_count()
        found += f', {count} GPU(s) usable'
    return Row('torch', found)


def opencv_row() -> Row:
    """Return the version of OpenCV; only one distribution may provide it."""
    row = package_row('cv2')
    names = sorted(set(metadata.packages_distributions().get('cv2', [])))
    if row.state == 'ok' and len(names) > 1:
        remedy = f'pip uninstall -y {" ".join(names)}; {SET_UP}'
        found = f'{len(names)} distributions: {", ".join(names)}'
        return Row('OpenCV', found, 'PROBLEM', remedy)
    return Row('OpenCV', row.found, row.state, row.remedy)


def mmcv_ops_row() -> Row:
    """Return for what mmcv's ops are compiled, and whether they run."""
    name = "mmcv's ops"
    remedy = plugins.mmcv_command()
    if importlib.util.find_spec('mmcv') is None:
        return Row(name, 'mmcv is not installed', 'PROBLEM', SET_UP)
    try:
        import torch
        from mmcv.ops import get_compiling_cuda_version, nms

        cuda = get_compiling_cuda_version()
        on_cuda = cuda != 'not available'
        boxes = torch.tensor([[0.0, 0, 9, 9], [0, 0, 9, 8]])
        scores = torch.tensor([0.8, 0.9])
        devices = ['cpu'] + ['cuda'] * torch.cuda.is_available()
        if torch.cuda.is_available() and not on_cuda:
            found = 'compiled for the CPU only, but this machine has a GPU'
            return Row(name, found, 'PROBLEM', remedy)
        for device in devices:
            indices = nms(boxes.to(device), scores.to(device), 0.5)[1]
            if indices.tolist() != [1]:
                found = f'nms gives wrong results on {device}'
                return Row(name, found, 'PROBLEM', remedy)
    except Exception as error:
        found = one_line(error)
        if 'no kernel image' in found:
            found = 'compiled for other GPUs than those of this machine'
        return Row(name, found, 'PROBLEM', remedy)
    target = f'CUDA {cuda}' if on_cuda else 'the CPU'
    ran = ' and '.join(devices)
    return Row(name, f'compiled for {target}; nms runs on {ran}')


def system_rows() -> list[Row]:
    """Return one row for each system of this project."""
    rows = []
    for system, hosts in plugins.SYSTEMS.items():
        needs = ', '.join(f'{host.package}>={host.minimum}' for host in hosts)
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter('always', UserWarning)
                plugins.require(system)
        except ImportError as error:
            found, _, remedy = str(error).partition('. Run: ')
            if not remedy or 'not installed' in found:
                remedy = SET_UP  # one command for all that is missing
            found = ' '.join(found.split())[:200]
            rows.append(Row(system, found, 'PROBLEM', remedy))
            continue
        notes = [str(w.message) for w in caught if 'newer' in str(w.message)]
        found = f'ready (needs {needs})'
        rows.append(Row(system, '; '.join([found, *notes])))
    return rows


def rows() -> list[Row]:
    """Return all rows of the table."""
    return [
        project_row(),
        *machine_rows(),
        torch_row(),
        package_row('torchvision'),
        package_row('numpy'),
        opencv_row(),
        package_row('mmengine'),
        package_row('mmcv'),
        mmcv_ops_row(),
        package_row('mmdet'),
        package_row('mmpretrain', needed=False),
        package_row('mmpose', needed=False),
        package_row('pycocotools'),
        package_row('faster_coco_eval'),
        package_row('xtcocotools', needed=False),
        *system_rows(),
    ]


def show(table: list[Row]) -> None:
    """Print the table, with rich if it is installed."""
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        for row in table:
            print(f'{row.state:8} {row.name:16} {row.found}')
    else:
        grid = Table('', 'found', 'state')
        styles = {'ok': 'green', '-': 'dim', 'PROBLEM': 'bold red'}
        for row in table:
            state = f'[{styles[row.state]}]{row.state}[/]'
            grid.add_row(row.name, row.found.replace('[', r'\['), state)
        Console(width=None if sys.stdout.isatty() else 110).print(grid)
    remedies: dict[str, list[str]] = {}
    for row in table:
        if row.remedy:
            remedies.setdefault(row.remedy, []).append(row.name)
    for remedy, names in remedies.items():
        print(f'to fix {", ".join(names)}: {remedy}')


def main() -> int:
    """Print the table; return 0 if no problem was found, else 1."""
    table = rows()
    show(table)
    problems = sum(row.state == 'PROBLEM' for row in table)
    print(f'{problems} problem(s)' if problems else 'no problems found')
    return int(problems > 0)


if __name__ == '__main__':
    sys.exit(main())
