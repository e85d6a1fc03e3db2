# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Demo: every system predicts, is fine-tuned for seconds, and is tested.

It needs about three minutes on 2 cores without a GPU. All results are on one
page, work_dirs/demo/index.html. demo/train_demo.py trains for an hour.

Examples:
    python demo/run_demo.py
    python demo/run_demo.py --image street.jpg
"""

import argparse
import os
import platform
import time
from pathlib import Path

from rich.console import Console
from tour.page import write_page
from tour.steps import Step, Workspace, cpu_seconds, duration, run_steps
from tour.systems import INTROS, Demo

import mmfashion_ext
from mmfashion_ext import hub, plugins
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import atomic_write
from mmfashion_ext.utils.images import read_image


def next_steps() -> list[tuple[str, str]]:
    """Return what to do after the demo, and its command."""
    script = f'python {Path(__file__).resolve().parent}/'
    clone = plugins.is_clone()
    return [
        (
            'Your own image',
            'make demo IMAGE=photo.jpg'
            if clone
            else f'{script}run_demo.py --image photo.jpg',
        ),
        (
            'Train every system from random weights, an hour on 2 cores',
            'make train-demo' if clone else f'{script}train_demo.py',
        ),
    ]


def lead() -> list[str]:
    """Return the first paragraphs of the page."""
    import torch

    cores = len(os.sched_getaffinity(0))
    device = 'no GPU'
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    return [
        'Four systems for images of fashion: each predicts with its published '
        'weights, is fine-tuned for some seconds with tools/train.py and '
        'tested with tools/test.py.',
        'Everything on this page was made on this machine, by the commands '
        f'that stand beside it: {cores} cores, {device}, Python '
        f'{platform.python_version()}, torch {torch.__version__}, '
        f'mmfashion_ext {mmfashion_ext.__version__}, '
        f'{time.strftime("%Y-%m-%d %H:%M")}.',
    ]


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--image', type=Path, help='an image of yours to find clothes in'
    )
    parser.add_argument(
        '--only',
        choices=('match_rcnn', 'landmark', 'scan', 'tryon'),
        nargs='+',
        help='systems that are shown (default: all)',
    )
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/demo'),
        help='folder of the page (default: %(default)s)',
    )
    return parser.parse_args()


def main() -> int:
    """Run all steps and say where the page is.

    Returns:
        int: Exit status: 1 if a step failed.
    """
    args = parse_args()
    # Threads that wait for each other are many times slower wherever another
    # program uses a core, and gain little on models of this size.
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    for system in plugins.SYSTEMS:  # before any work
        plugins.require(system)
    if args.image:
        read_image(args.image)
    work = Workspace(args.work_dir, hub.root())
    steps = Demo(work, args.image).steps(args.only)
    page = args.work_dir / 'index.html'
    console = Console()
    expected = duration(sum(step.seconds for step in steps))
    console.print(
        f'{len(steps)} steps, about {expected} on 2 cores without a GPU.\n'
        f'Results: {page}, which grows with each step.\n',
        highlight=False,
    )

    def write() -> None:
        html = write_page(
            'mmfashion_ext: the demo', lead(), INTROS, steps, next_steps()
        )
        with atomic_write(page) as file:
            file.write_text(html)

    start = time.perf_counter()
    bad = run_steps(steps, write, console)
    write()
    return report(steps, bad, page, time.perf_counter() - start)


def report(steps: list[Step], bad: list[Step], page: Path, took: float) -> int:
    """Say what was done, what was not, and where to look.

    Args:
        steps (list[Step]): All steps.
        bad (list[Step]): Those that failed or were left out.
        page (Path): Of results.
        took (float): Seconds.

    Returns:
        int: Exit status.
    """
    print(
        f'\n{len(steps) - len(bad)} of {len(steps)} steps done in '
        f'{duration(took)} ({duration(cpu_seconds())} of CPU time).'
    )
    for step in bad:
        print(f'{step.state}: {step.title}')
    print(f'Open {page.absolute().as_uri()}')
    if bad:
        print(f'`{plugins.doctor_command()}` shows what may be missing.')
    else:
        print('`make train-demo` trains every system for longer.')
    return 1 if bad else 0


if __name__ == '__main__':
    run_tool(main)
