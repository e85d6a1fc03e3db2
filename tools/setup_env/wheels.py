# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Compile mmcv and xtcocotools once, and cache the wheels.

A compiled wheel is valid for one combination of package, torch (or NumPy),
Python, platform and CUDA, so the name of its folder in the cache has all of
them. Pip's own cache distinguishes only Python and platform.
"""

import contextlib
import fcntl
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from . import cuda
from .environment import DOCTOR, Facts, need_compiler, works
from .lock import version
from .process import SetupError, ninja_step, run

#: Increased when the way of building changes, so that no old build is resumed.
_RECIPE = 1
#: The compiler needs almost 1 GB for a file with torch's headers.
_GB_PER_JOB = 2
#: nvcc needs 1.4-1.6 GB for most files, 3.05 for the largest.
_GB_PER_CUDA_JOB = 3.5

MMCV_WORKS = """
import torch
from mmcv.ops import get_compiling_cuda_version, nms
compiled = get_compiling_cuda_version() != 'not available'
assert compiled or not {cuda}, 'compiled without CUDA'
for device in ['cpu'] + ['cuda'] * (torch.cuda.is_available() and {cuda}):
    boxes = torch.tensor([[0., 0, 9, 9], [0, 0, 9, 8]], device=device)
    scores = torch.tensor([.8, .9], device=device)
    assert nms(boxes, scores, .5)[1].tolist() == [1]
"""
XTCOCOTOOLS_WORKS = 'import xtcocotools.mask, xtcocotools.cocoeval'

# For each file of mmcv the compiler needs about 10 s for torch's headers and
# 1 s for the file itself. The files of this folder (one per op, short) are
# therefore compiled eight at a time; those of cpu/ define the same names and
# are compiled one by one.
_MERGE = """
def merge_sources(files):
    import os
    thin = [f for f in sorted(files)
            if os.path.dirname(f).endswith('csrc/pytorch')
            and f.endswith('.cpp') and not f.endswith('pybind.cpp')]
    merged = []
    os.makedirs('build', exist_ok=True)
    for first in range(0, len(thin), 8):
        path = f'build/merged_{first // 8}.cpp'
        text = ''.join(f'#include "{os.path.abspath(f)}"\\n'
                       for f in thin[first:first + 8])
        if not os.path.exists(path):  # otherwise ninja would recompile it
            with open(path, 'w') as file:
                file.write(text)
        merged.append(path)
    return merged + sorted(set(files) - set(thin))


"""


def cache_dir() -> Path:
    """Return the folder of this project in the user's cache directory."""
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base) / 'mmfashion_ext'


def mmcv_key(mmcv: str, facts: Facts, archs: str) -> str:
    """Return the name of the cache folder of a wheel of mmcv.

    Args:
        mmcv (str): Version of mmcv.
        facts (Facts): The environment that the wheel is for.
        archs (str): CUDA architectures, empty for a CPU build.

    Returns:
        str: With everything that the wheel depends on.
    """
    target = 'cpu'
    if archs:
        release = facts.cuda.replace('.', '')
        target = f'cu{release}-sm{archs.replace(";", "-")}'
    return '_'.join(
        [
            f'mmcv-{mmcv}',
            f'torch-{facts.torch}',
            facts.tag,
            facts.platform,
            target,
        ]
    )


def xtcocotools_key(xtcocotools: str, numpy: str, facts: Facts) -> str:
    """Return the name of the cache folder of a wheel of xtcocotools."""
    return (
        f'xtcocotools-{xtcocotools}_numpy-{numpy}_{facts.tag}_{facts.platform}'
    )


def jobs(for_cuda: bool = False) -> int:
    """Return how many compilers to run: one per core, if memory allows."""
    affinity = getattr(os, 'sched_getaffinity', None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    free = []
    with contextlib.suppress(OSError, TypeError):
        info = Path('/proc/meminfo').read_text()
        free.append(int(re.search(r'MemAvailable:\s+(\d+)', info)[1]) * 1024)
    with contextlib.suppress(OSError, ValueError):  # 'max': no limit
        free.append(int(Path('/sys/fs/cgroup/memory.max').read_text()))
    if free:
        needed = _GB_PER_CUDA_JOB if for_cuda else _GB_PER_JOB
        cores = min(cores, int(min(free) / 1e9 / needed))
    return max(1, cores)


def patch_setup(text: str, torch: str) -> str:
    """Adapt mmcv's setup.py to the installed torch.

    Its flag for the C++ standard comes last on the command line, where CFLAGS
    cannot override it, and torch needs C++20 from 2.13 on.

    Args:
        text (str): Content of setup.py.
        torch (str): Version of torch.

    Returns:
        str: The adapted content.
    """
    standard = 'c++20' if version(torch) >= (2, 13) else 'c++17'
    text = re.sub(r'-std=c\+\+1[47]', f'-std={standard}', text)
    text = text.replace('sources=op_files', 'sources=merge_sources(op_files)')
    return text.replace('def get_extensions', _MERGE + 'def get_extensions', 1)


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Lock a file, so that one process at a time builds the same wheel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print('waiting for another set-up that is building this wheel')
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unpack_mmcv(python: Path, mmcv: str, facts: Facts, source: Path) -> None:
    """Download and adapt mmcv's sources, unless an earlier build has them."""
    if source.is_dir():
        print(f'mmcv ops: continuing the build in {source}')
        return
    source.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=source.parent) as temporary:
        command = [python, '-m', 'pip', 'download', f'onedl-mmcv=={mmcv}']
        options = ['--no-deps', '--no-build-isolation', '--no-binary=:all:']
        run(
            f'mmcv {mmcv} sources',
            [*command, *options, '-d', temporary],
            cache_dir() / 'logs' / 'mmcv-sources.log',
        )
        (archive,) = Path(temporary).glob('*.tar.gz')
        with tarfile.open(archive) as file:
            # `filter` came with 3.12 and late releases of 3.10 and 3.11
            safe = (
                {'filter': 'data'} if hasattr(tarfile, 'data_filter') else {}
            )
            file.extractall(temporary, **safe)
        unpacked = archive.with_name(archive.name[: -len('.tar.gz')])
        setup = unpacked / 'setup.py'
        text = setup.read_text(encoding='utf-8')
        setup.write_text(patch_setup(text, facts.torch), encoding='utf-8')
        unpacked.rename(source)


def _build_mmcv(
    python: Path, mmcv: str, facts: Facts, archs: str, out: Path
) -> None:
    """Compile mmcv to a wheel; an interrupted build is continued."""
    need_compiler(facts)
    key = mmcv_key(mmcv, facts, archs)
    work = cache_dir() / 'build' / f'{key}-{_RECIPE}'
    source = work / 'mmcv'
    _unpack_mmcv(python, mmcv, facts, source)
    # Setuptools uses CFLAGS instead of Python's own flags, so -O3 must be in
    # them: without it the ops would not be optimised.
    flags = '-O3 -DNDEBUG -g0'
    env = {
        'MMCV_WITH_OPS': '1',
        'CFLAGS': flags,
        'CXXFLAGS': flags,
        'MAX_JOBS': str(jobs(bool(archs))),
        'NINJA_STATUS': '[%f/%t] ',
        'FORCE_CUDA': '1' if archs else '0',
        # torch's BuildExtension finds ninja on the PATH only
        'PATH': f'{python.parent}{os.pathsep}{os.environ.get("PATH", "")}',
    }
    if archs:
        env['TORCH_CUDA_ARCH_LIST'] = archs
        env['CUDA_HOME'] = cuda.cuda_home(cuda.find_nvcc(facts))
        env |= cuda.cuda_paths(facts, work / 'lib')
    else:
        env['CUDA_VISIBLE_DEVICES'] = ''
    command = [python, '-m', 'pip', 'wheel', '-v', '--no-deps']
    run(
        'mmcv ops',
        [*command, '--no-build-isolation', '-w', out, source],
        cache_dir() / 'logs' / f'{key}.log',
        step=ninja_step,
        env=env,
    )


def _cached(key: str, build: Callable[[Path], None], force: bool) -> Path:
    """Return the wheel of a key from the cache; build it if missing."""
    folder = cache_dir() / 'wheels' / key
    with _exclusive(cache_dir() / 'build' / f'{key}.lock'):
        if force:
            shutil.rmtree(folder, ignore_errors=True)
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
                ready = Path(temporary) / 'wheel'
                ready.mkdir()
                build(ready)
                ready.rename(folder)
        (wheel,) = folder.glob('*.whl')
        return wheel


def _install(
    python: Path,
    key: str,
    build: Callable[[Path], None],
    check: str,
) -> None:
    """Install a compiled wheel, check that it works, rebuild a broken one."""
    name = key.partition('_')[0]
    for attempt in range(2):
        known = (cache_dir() / 'wheels' / key).is_dir() and not attempt
        wheel = _cached(key, build, force=attempt > 0)
        command = [python, '-m', 'pip', 'install', '--no-deps']
        run(
            name + (' (from the cache)' if known else ''),
            [*command, '--force-reinstall', wheel],
            cache_dir() / 'logs' / f'{name}-install.log',
        )
        problem = works(python, check)
        if not problem:
            # The build folder is needed after an interruption only.
            work = cache_dir() / 'build' / f'{key}-{_RECIPE}'
            shutil.rmtree(work, ignore_errors=True)
            return
        if not known:
            raise SetupError(
                f'{name} was built but does not work: {problem}. The wheel '
                f'is {wheel}; run `{DOCTOR}` to see the versions'
            )
        print(
            f'{name}: the cached wheel does not work ({problem}); rebuilding'
        )


def install_mmcv(python: Path, mmcv: str, facts: Facts, archs: str) -> None:
    """Install mmcv with its ops compiled for this environment."""
    _install(
        python,
        mmcv_key(mmcv, facts, archs),
        lambda out: _build_mmcv(python, mmcv, facts, archs, out),
        MMCV_WORKS.format(cuda=bool(archs)),
    )


def install_xtcocotools(python: Path, release: str, facts: Facts) -> None:
    """Install xtcocotools compiled against the installed NumPy."""
    key = xtcocotools_key(release, facts.versions['numpy'], facts)

    def build(out: Path) -> None:
        need_compiler(facts)
        command = [python, '-m', 'pip', 'wheel', '--no-deps', '--no-cache-dir']
        options = ['--no-build-isolation', '--no-binary=xtcocotools']
        run(
            f'xtcocotools {release}',
            [*command, *options, '-w', out, f'xtcocotools=={release}'],
            cache_dir() / 'logs' / f'{key}.log',
        )

    _install(python, key, build, XTCOCOTOOLS_WORKS)
