# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Install everything this project needs, mmcv's compiled ops included.

``make setup`` calls it; users of an installed wheel run the copy in
``mmfashion_ext/.mim/tools`` with ``--torch keep``. It uses the standard
library only, because it runs before anything is installed. See
docs/get_started.md.
"""

import argparse
import sys
from pathlib import Path

# Before imports that an older Python cannot parse.
if sys.version_info < (3, 10):  # noqa: UP036
    sys.exit(
        'error: Python 3.10 or later is needed, {} is Python {}.{}. Choose '
        'another one: make setup PYTHON=python3.11'.format(
            sys.executable, *sys.version_info[:2]
        )
    )

import hashlib
import json
import signal
import tempfile

from setup_env import cuda, environment, lock, wheels
from setup_env.environment import Facts, probe, works
from setup_env.process import SetupError, pip_steps, run

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / 'requirements' / 'lock.txt'
RUNTIME = ROOT / 'requirements' / 'runtime.txt'
MINIMUM_TORCH = (2, 4)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description='Install mmfashion_ext and everything it needs.'
    )
    parser.add_argument(
        '--venv',
        type=Path,
        metavar='DIR',
        help='virtual environment to create or use (default: .venv; with '
        '--torch keep: the environment of the Python that runs this)',
    )
    parser.add_argument(
        '--torch',
        choices=('lock', 'keep'),
        default='lock',
        help='lock: install the pinned version of everything; keep: keep the '
        'installed torch (2.4 or later), torchvision, NumPy and host '
        'libraries, and install what is missing around them',
    )
    parser.add_argument(
        '--system',
        choices=sorted(lock.UNUSED),
        default='all',
        help='install the host libraries of one system only (default: all)',
    )
    parser.add_argument(
        '--only-mmcv',
        action='store_true',
        help='only compile and install mmcv for the installed torch',
    )
    parser.add_argument(
        '--dev',
        action='store_true',
        help='also install what tests and lint need',
    )
    parser.add_argument(
        '--cuda',
        action='store_true',
        help="compile mmcv's ops for CUDA even if this machine has no GPU; "
        "CUDA's compiler is installed if it is missing (CUDA 13, 102 MB)",
    )
    parser.add_argument(
        '--cuda-arch',
        default='',
        metavar='X.Y',
        help='CUDA architectures, such as 9.0 or "8.0;9.0" (default: those '
        'of the GPUs of this machine); PTX of the newest is added for later '
        'GPUs',
    )
    return parser.parse_args(argv)


def digest(args: argparse.Namespace) -> str:
    """Return a hash of everything that decides what a set-up installs."""
    parts = [LOCK, Path(__file__), *(ROOT / 'tools/setup_env').glob('*.py')]
    if (ROOT / 'setup.py').is_file():
        parts += [ROOT / 'setup.py', ROOT / 'mmfashion_ext' / '__init__.py']
    text = json.dumps([sorted(vars(args).items()), str(ROOT)], default=str)
    sha = hashlib.sha256(text.encode())
    for part in sorted(parts):
        sha.update(part.read_bytes())
    return sha.hexdigest()


def pip_install(
    python: Path, title: str, requirements: list[str], *options: str | Path
) -> None:
    """Install requirement lines with pip, and show the progress."""
    if not requirements:
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'requirements.txt'
        file.write_text('\n'.join(requirements) + '\n', encoding='utf-8')
        # lines for other versions of Python are not collected
        count = len({lock.name_of(line) for line in requirements})
        run(
            title,
            [python, '-m', 'pip', 'install', *options, '-r', file],
            wheels.cache_dir() / 'logs' / f'{title.replace(" ", "-")}.log',
            step=pip_steps(count),
        )


def refuse_upstream(facts: Facts) -> None:
    """Stop before a fork's files would overwrite those of upstream."""
    for package, distribution in lock.PROVIDES.items():
        others = set(facts.providers.get(package, [])) - {distribution}
        if others:
            name = min(others)
            raise SetupError(
                f'{name} is installed, and {distribution} would overwrite '
                f'its files (both provide the package {package}). Run pip '
                f'uninstall {name}, or keep it: python '
                f'{environment.SCRIPT} --torch keep'
            )


def check_kept(facts: Facts) -> None:
    """Check that the installed torch can be used with ``--torch keep``."""
    problem = ''
    if not facts.torch:
        problem = f'no torch works in this environment ({facts.torch_error})'
    elif lock.version(facts.torch) < MINIMUM_TORCH:
        problem = f'torch {facts.torch} is too old, 2.4 or later is needed'
    elif 'torchvision' not in facts.versions:
        problem = (
            'torchvision is missing; install the release that belongs to '
            f'torch {facts.torch}'
        )
    if problem:
        remedy = (
            'Without --torch keep the pinned versions are installed in an '
            'environment of their own'
            if environment.IN_CLONE
            else 'Run first: pip install -U torch torchvision'
        )
        raise SetupError(f'--torch keep: {problem}. {remedy}')


def missing_runtime(facts: Facts, names: list[str]) -> list[str]:
    """Return the requirements to install; never a second OpenCV."""
    has_cv2 = bool(facts.providers.get('cv2'))
    return lock.without(names, {'opencv-python'} if has_cv2 else ())


def missing_hosts(facts: Facts, hosts: list[str]) -> list[str]:
    """Return the host libraries whose import package is not installed."""
    present = {
        distribution
        for package, distribution in lock.PROVIDES.items()
        if facts.providers.get(package)
    }
    return lock.without(hosts, present)


def kept_versions(facts: Facts) -> list[str]:
    """Return pip constraints for the packages that must not change."""
    names = {'torch', 'torchvision', 'triton', 'numpy'}
    names |= set(facts.providers.get('cv2', []))
    return [f'{n}=={v}' for n, v in facts.versions.items() if n in names]


def install_locked(
    python: Path, sections: dict[str, list[str]], dev: bool
) -> None:
    """Install exactly the pinned versions, without resolving dependencies."""
    refuse_upstream(probe(python))
    packages = sections['build'] + sections['torch'] + sections['runtime']
    packages += sections['dev'] if dev else []
    # Byte-compiling all of torch now would take longer than all later imports.
    pip_install(python, 'packages', packages, '--no-deps', '--no-compile')
    # Some hosts are published as source only, and need torch to build a wheel.
    options = ['--no-deps', '--no-build-isolation']
    pip_install(python, 'hosts', sections['hosts'], *options)


def install_around(
    python: Path, sections: dict[str, list[str]], unused: frozenset[str]
) -> None:
    """Install what is missing around the installed torch."""
    facts = probe(python)
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / 'constraints.txt'
        text = '\n'.join(kept_versions(facts))
        constraints.write_text(text, encoding='utf-8')
        names = missing_runtime(facts, lock.read_names(RUNTIME))
        tools = [lock.name_of(line) for line in sections['build']]
        packages = lock.without(names, unused)
        packages += [n for n in tools if n not in map(lock.name_of, packages)]
        pip_install(python, 'packages', packages, '-c', constraints)
    pip_install(
        python,
        'hosts',
        missing_hosts(facts, sections['hosts']),
        '--no-deps',
        '--no-build-isolation',
    )


def install_compiled(
    python: Path,
    args: argparse.Namespace,
    pins: dict[str, str],
    compiler: list[str],
) -> None:
    """Install mmcv and xtcocotools from the cache, or compile them.

    Args:
        python (Path): The Python of the environment.
        args (argparse.Namespace): Result of :func:`parse_args`.
        pins (dict): Package to compile -> version.
        compiler (list[str]): Requirement lines that bring nvcc.
    """
    facts = probe(python)
    nvcc = cuda.find_nvcc(facts)
    if cuda.brings_compiler(facts, args.cuda, cuda.nvcc_release(nvcc)):
        print("CUDA's compiler is not there: installing its wheels, 102 MB")
        # no resolver: it would bring parts of several releases
        pip_install(python, 'CUDA compiler', compiler, '--no-deps')
        facts = probe(python)
        nvcc = cuda.find_nvcc(facts)
    archs = cuda.cuda_archs(facts, args.cuda, args.cuda_arch, nvcc)
    keep = args.torch == 'keep'
    check = wheels.MMCV_WORKS.format(cuda=bool(archs))
    if not keep or works(python, check):
        others = sorted({*facts.providers.get('mmcv', [])} - {'onedl-mmcv'})
        if others:
            print(
                f"mmcv's ops do not work in this environment: {others[0]} is "
                'replaced'
            )
            log = wheels.cache_dir() / 'logs' / 'uninstall.log'
            command = [python, '-m', 'pip', 'uninstall', '-y', *others]
            run('removing the broken mmcv', command, log)
        wheels.install_mmcv(python, pins['onedl-mmcv'], facts, archs)
    else:
        print('mmcv: the installed version works and is kept')
    if 'xtcocotools' not in pins or args.only_mmcv:
        return
    if not keep or works(python, wheels.XTCOCOTOOLS_WORKS):
        wheels.install_xtcocotools(python, pins['xtcocotools'], facts)


def keep_one_opencv(python: Path, sections: dict[str, list[str]]) -> None:
    """Repair an environment in which two OpenCVs overwrote each other."""
    names = probe(python).providers.get('cv2', [])
    if len(names) < 2:
        return
    log = wheels.cache_dir() / 'logs' / 'opencv.log'
    print(f'several OpenCVs are installed ({", ".join(names)}): keeping one')
    keep = 'opencv-python' if 'opencv-python' in names else names[0]
    requirement = f'{keep}=={probe(python).versions[keep]}'
    run(
        'OpenCV removal', [python, '-m', 'pip', 'uninstall', '-y', *names], log
    )
    pip_install(python, 'OpenCV', [requirement], '--no-deps')


def install_project(python: Path) -> None:
    """Install this project in editable mode, if it is a clone."""
    if not (ROOT / 'setup.py').is_file():
        return
    command = [python, '-m', 'pip', 'install', '--no-deps']
    run(
        'mmfashion_ext',
        [*command, '--no-build-isolation', '-e', ROOT],
        wheels.cache_dir() / 'logs' / 'project.log',
    )


def check_imports(python: Path, hosts: list[str]) -> None:
    """Check that the installed packages can be imported."""
    packages = [p for p, name in lock.PROVIDES.items() if name in hosts]
    problem = works(python, f'import cv2, {", ".join(packages)}')
    if problem:
        raise SetupError(
            f'everything is installed, but importing it fails: {problem}. '
            f'Run `{environment.DOCTOR}` to see what is wrong'
        )


def set_up(args: argparse.Namespace) -> Path:
    """Install everything that the arguments ask for.

    Args:
        args (argparse.Namespace): Result of :func:`parse_args`.

    Returns:
        Path: The Python of the environment.

    Raises:
        SetupError: A step failed; its message says what to do.
    """
    if not environment.IN_CLONE and not (args.venv or args.torch == 'keep'):
        raise SetupError(
            f'{ROOT} is the copy in an installed package, which is not the '
            'place for a virtual environment. Add --torch keep to complete '
            'the environment of this Python, or run make setup in a clone'
        )
    unused = lock.UNUSED[args.system]
    sections = {
        name: lock.without(lines, unused)
        for name, lines in lock.read_lock(LOCK).items()
    }
    pins = dict(line.split('==') for line in sections['compiled'])
    stamp = None
    if args.torch == 'keep' and args.venv is None:
        python = Path(sys.executable)
    else:
        folder = (args.venv or ROOT / '.venv').absolute()
        python, stamp = folder / 'bin' / 'python', folder / '.mmfashion_ext'
        ready = python.exists() and stamp.is_file()
        if ready and stamp.read_text() == digest(args):
            print(f'{folder} is up to date')
            return python
        stamp.unlink(missing_ok=True)
        log = wheels.cache_dir() / 'logs' / 'venv.log'
        environment.make_venv(folder, log)
    if args.torch == 'keep':
        check_kept(probe(python))
    if args.only_mmcv:
        tools = [lock.name_of(line) for line in sections['build']]
        pip_install(python, 'build tools', tools)
        install_compiled(python, args, pins, sections['cuda'])
        return python
    if args.torch == 'keep':
        install_around(python, sections, unused)
        if args.dev:
            pip_install(python, 'tools for tests and lint', sections['dev'])
    else:
        install_locked(python, sections, args.dev)
    keep_one_opencv(python, sections)
    install_compiled(python, args, pins, sections['cuda'])
    install_project(python)
    check_imports(python, [*map(lock.name_of, sections['hosts']), *pins])
    if stamp is not None and args.torch == 'lock':
        stamp.write_text(digest(args))
    return python


def main(argv: list[str] | None = None) -> int:
    """Run the set-up, and report a failure in one line."""
    args = parse_args(argv)
    try:
        python = set_up(args)
    except (SetupError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            '\ninterrupted: run the same command again, it continues where it '
            'stopped',
            file=sys.stderr,
        )
        return 130
    print(f'ready: {python}')
    return 0


if __name__ == '__main__':
    # So that a termination of this process also stops the compilers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
