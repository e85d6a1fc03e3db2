# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Find nvcc, and decide for which GPUs mmcv's ops are compiled.

nvcc is part of a CUDA toolkit, or of the wheels that PyPI has of CUDA 13
(the section ``cuda`` of the lock): with those a driver is enough.
"""

import os
import re
import shutil
from pathlib import Path

from .environment import Facts, output_of
from .lock import version
from .process import SetupError

#: CUDA release of the section ``cuda`` of the lock.
LOCKED = '13.0'
#: Where a toolkit's installer puts it.
SYSTEM = Path('/usr/local/cuda')


def _candidates(facts: Facts) -> list[Path]:
    """Return where nvcc may be, in the order in which it is looked for."""
    home = os.environ.get('CUDA_HOME') or os.environ.get('CUDA_PATH')
    if home:
        return [Path(home) / 'bin' / 'nvcc']
    on_path = shutil.which('nvcc')
    return [
        *([Path(on_path)] if on_path else []),
        *(Path(folder) / 'bin' / 'nvcc' for folder in facts.nvidia),
        SYSTEM / 'bin' / 'nvcc',
    ]


def nvcc_release(nvcc: Path | None) -> str:
    """Return the release of nvcc such as ``13.0``, empty without nvcc."""
    text = output_of([nvcc, '--version']) if nvcc else ''
    found = re.search(r'release ([\d.]+)', text)
    return found[1] if found else ''


def find_nvcc(facts: Facts) -> Path | None:
    """Find an nvcc: ``CUDA_HOME``, the PATH, the environment, /usr/local.

    Args:
        facts (Facts): The environment; its CUDA wheels may include nvcc.

    Returns:
        Path, optional: The first one of torch's major CUDA release, otherwise
        the first one that runs, otherwise None.
    """
    found = [
        (nvcc, nvcc_release(nvcc))
        for nvcc in dict.fromkeys(_candidates(facts))
        if nvcc.is_file()
    ]
    working = [(nvcc, release) for nvcc, release in found if release]
    for nvcc, release in working:
        if facts.cuda and version(release)[0] == version(facts.cuda)[0]:
            return nvcc
    return working[0][0] if working else None


def cuda_home(nvcc: Path) -> str:
    """Return the folder of the CUDA toolkit as nvcc reports it.

    torch uses the folder above the nvcc on the PATH, which is wrong if that is
    a script which calls the real nvcc.
    """
    command = [nvcc, '--dryrun', '-E', '-x', 'cu', os.devnull]
    found = re.search(r'TOP=(.+)', output_of(command, errors=True))
    return os.path.realpath(found[1].strip()) if found else ''


def compiler_command(facts: Facts) -> str:
    """Say how to get an nvcc for the CUDA release of torch."""
    if version(facts.cuda)[0] < 13:
        return (
            f'install the CUDA toolkit {facts.cuda} (or set CUDA_HOME): the '
            "wheels of CUDA 12, such as nvidia-cuda-nvcc-cu12, hold CUDA's "
            'assembler but no nvcc'
        )
    # the release that torch requires; another one mixes compilers of several
    toolkit = facts.versions.get('cuda-toolkit', f'{facts.cuda}.*')
    return (
        f"run pip install 'cuda-toolkit[nvcc,cccl]=={toolkit}', or install "
        f'the CUDA toolkit {facts.cuda} (or set CUDA_HOME)'
    )


def brings_compiler(facts: Facts, required: bool, nvcc: str) -> bool:
    """Decide whether to install nvcc from the section ``cuda`` of the lock.

    Args:
        facts (Facts): The environment.
        required (bool): ``--cuda``: build for CUDA even without a GPU.
        nvcc (str): Release of the nvcc that is there, empty without one.

    Returns:
        bool: Only where the pinned wheels are of torch's CUDA release, and
        nothing else was asked for by ``CUDA_HOME``.
    """
    if not (required or facts.archs) or facts.cuda != LOCKED:
        return False
    if os.environ.get('CUDA_HOME') or os.environ.get('CUDA_PATH'):
        return False
    return not nvcc or version(nvcc)[0] != version(facts.cuda)[0]


def compilable(nvcc: Path | None) -> list[str]:
    """Return the architectures that an nvcc knows: ``['7.5', ... '12.1']``."""
    text = output_of([nvcc, '--list-gpu-arch']) if nvcc else ''
    found = {int(number) for number in re.findall(r'compute_(\d+)\b', text)}
    return [f'{number // 10}.{number % 10}' for number in sorted(found)]


def with_ptx(archs: str, known: list[str]) -> str:
    """Add PTX of the newest architecture, which later GPUs compile again.

    Args:
        archs (str): Such as ``8.0;9.0``, also with ``+PTX``.
        known (list[str]): See :func:`compilable`; empty: not known.

    Returns:
        str: In order, each once, such as ``8.0;9.0+PTX``. GPUs newer than
        nvcc are replaced by the newest that it knows.

    Raises:
        SetupError: nvcc cannot compile for a GPU that old.
    """
    wanted = {a.removesuffix('+PTX') for a in re.split('[; ]+', archs) if a}
    chosen = set(wanted)
    if known:
        oldest, newest = version(known[0]), version(known[-1])
        old = sorted(a for a in wanted if version(a) < oldest)
        if old:
            raise SetupError(
                f'nvcc compiles for GPUs of compute capability {known[0]} and '
                f'later, not for {", ".join(old)}: an older GPU needs a torch '
                'of CUDA 12 and its toolkit'
            )
        new = sorted(a for a in wanted if version(a) > newest)
        if new:
            print(
                f'note: nvcc does not know GPUs of compute capability '
                f'{", ".join(new)}: they get PTX of {known[-1]}, which the '
                'driver compiles at the first call'
            )
            chosen = chosen - set(new) | {known[-1]}
    return ';'.join(sorted(chosen, key=version)) + '+PTX'


def cuda_archs(
    facts: Facts, required: bool, archs: str, nvcc: Path | None
) -> str:
    """Decide for which CUDA architectures mmcv's ops are compiled.

    Args:
        facts (Facts): The environment.
        required (bool): ``--cuda``: build for CUDA even without a GPU.
        archs (str): ``--cuda-arch``, empty for those of the GPUs present.
        nvcc (Path, optional): See :func:`find_nvcc`.

    Returns:
        str: Such as ``9.0+PTX`` or ``8.0;9.0+PTX``; empty for a CPU build.

    Raises:
        SetupError: ``--cuda`` was given and something it needs is missing.
    """
    archs = archs or ';'.join(facts.archs)
    if not required and not facts.archs:
        return ''
    release = nvcc_release(nvcc)
    if not facts.cuda:
        problem = f'torch {facts.torch} is a build without CUDA'
    elif not release:
        problem = f'nvcc was not found; {compiler_command(facts)}'
    elif version(release)[0] != version(facts.cuda)[0]:
        problem = (
            f'nvcc belongs to CUDA {release}, torch to CUDA {facts.cuda}; '
            f'{compiler_command(facts)}'
        )
    elif not archs:
        problem = (
            'this machine has no GPU whose architecture could be used: add '
            '--cuda-arch, for example --cuda-arch 9.0'
        )
    else:
        try:
            return with_ptx(archs, compilable(nvcc))
        except SetupError as error:
            problem = str(error)
    if required:
        raise SetupError(f'cannot compile mmcv for CUDA: {problem}')
    print(f"note: mmcv's ops are compiled for the CPU only: {problem}")
    return ''


def cuda_paths(facts: Facts, links: Path) -> dict[str, str]:
    """Return search paths that add torch's CUDA wheels to a small toolkit.

    A toolkit of nvcc alone has neither cusparse.h nor libcudart.so. These
    paths are searched last, so a complete toolkit is not affected.

    Args:
        facts (Facts): The environment.
        links (Path): A folder to create for links: the wheels have only
            ``libcudart.so.13``, and the linker needs the plain name.

    Returns:
        dict[str, str]: Environment variables.
    """
    folders = [Path(folder) for folder in facts.nvidia]
    links.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        for library in folder.glob('lib/libcudart.so.*'):
            link = links / 'libcudart.so'
            link.unlink(missing_ok=True)
            link.symlink_to(library)
    return {
        name: os.pathsep.join(
            filter(None, [os.environ.get(name), *map(str, paths)])
        )
        for name, paths in (
            ('CPLUS_INCLUDE_PATH', [f / 'include' for f in folders]),
            ('LIBRARY_PATH', [links]),
        )
    }
