# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Check VITON, VITON-HD or a folder of pictures; make masks of clothes.

Nothing is converted: TryOnDataset reads the data sets as they are. Without
--make-masks it only checks. A run that was stopped goes on where it was.
"""

import argparse
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.progress import track

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.viton.check import (
    check_files,
    check_tasks,
    clothes_without_mask,
    list_missing,
    list_oddities,
)
from mmfashion_ext.formats.viton.cloth_mask import grabcut_mask
from mmfashion_ext.formats.viton.files import read_rgb
from mmfashion_ext.formats.viton.layout import LAYOUTS
from mmfashion_ext.formats.viton.pairs import TryOnFiles
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import atomic_write
from mmfashion_ext.utils.parallel import run_parallel


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition('\n\n')[0],
        epilog=__doc__.partition('\n\n')[2],
    )
    parser.add_argument('root', type=Path, help='folder of the data set')
    parser.add_argument(
        '--layout',
        choices=sorted({name for name, _ in LAYOUTS}),
        default='viton',
        help='see docs/datasets.md (default: viton)',
    )
    parser.add_argument(
        '--split',
        choices=('train', 'test'),
        help='default: those that are there',
    )
    parser.add_argument(
        '--pairs-file',
        metavar='FILE',
        help='pairs to check, below the root (default: test_pairs.txt or '
        'pairs.txt if it is there)',
    )
    parser.add_argument(
        '--check',
        action='store_true',
        help='read every file, print counts and every defect',
    )
    parser.add_argument(
        '--make-masks',
        action='store_true',
        help='write the masks that clothes lack, by GrabCut',
    )
    parser.add_argument(
        '--jobs',
        type=int,
        default=os.cpu_count(),
        help='processes (default: number of cores)',
    )
    args = parser.parse_args(argv)
    args.check |= not args.make_masks
    return args


def find_splits(args: argparse.Namespace) -> list[TryOnFiles]:
    """The splits to work on, at least one."""
    splits = [args.split] if args.split else ['train', 'test']
    if args.layout == 'folder':
        splits = ['test']
    found, error = [], None
    for split in splits:
        files = TryOnFiles(args.root, args.layout, split)
        try:
            files.base  # noqa: B018  looks whether it is there
            found.append(files)
        except UserError as missing:
            error = missing
    if not found:
        raise error
    return found


def run(
    function: Callable, tasks: Sequence, title: str, jobs: int
) -> list[tuple]:
    """Apply a function to tasks in parallel, show the progress."""
    console = Console(stderr=True)
    return list(
        track(
            run_parallel(function, tasks, jobs),
            title,
            total=len(tasks),
            console=console,
            disable=not console.is_terminal,
        )
    )


def make_mask(task: tuple[Path, Path]) -> str | None:
    """Write the mask of a cloth; what is wrong with it, if anything."""
    cloth, target = task
    try:
        mask = grabcut_mask(read_rgb(cloth), str(cloth))
    except UserError as error:
        return str(error)
    with atomic_write(target) as temporary:
        Image.fromarray(mask).save(temporary, format='PNG')
    return None


def make_masks(files: TryOnFiles, jobs: int) -> list[str]:
    """Write all masks that are missing; what is wrong with some."""
    folder = files.folder('cloth_mask')
    tasks = [
        (cloth, folder / f'{cloth.stem}.png')
        for cloth in clothes_without_mask(files)
    ]
    defects = [
        defect for defect in run(make_mask, tasks, 'masks', jobs) if defect
    ]
    print(f'wrote {len(tasks) - len(defects):,} masks to {folder}')
    return defects


def check(
    files: TryOnFiles, pairs_file: str | None, jobs: int
) -> tuple[list[str], list[str]]:
    """Read everything, print counts; defects and notes."""
    listed = files.pairs_file(pairs_file)
    defects = list(list_missing(files, bool(listed)))
    checked = run(
        check_files, check_tasks(files), f'{files.split} files', jobs
    )
    defects += [defect for found in checked for defect in found.defects]
    notes = [note for found in checked for note in found.notes]
    rows = [
        (len(files.named(kind)), f'{kind}, in {folder}')
        for kind, folder in files.layout.folders.items()
        if files.folder(kind).is_dir()
    ]
    worn = [cloth for cloth in files.worn().values() if cloth]
    rows.append((len(worn), 'pairs of a person and the garment worn'))
    if listed:
        try:
            rows.append((len(files.read_pairs(listed)), f'pairs of {listed}'))
        except UserError as error:
            defects.append(str(error))
    sizes = Counter(found.size for found in checked if found.size)
    rows += [
        (count, f'pictures of {w} x {h} px')
        for (h, w), count in sizes.most_common(3)
    ]
    print(f'{files.layout_name} {files.split} in {files.base}')
    for count, what in rows:
        print(f'{count:>9,} {what}')
    return defects, [*notes, *list_oddities(files, bool(listed))]


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    args = parse_args(argv)
    defects, notes = [], []
    for files in find_splits(args):
        if args.make_masks:
            defects += make_masks(files, args.jobs)
            files = TryOnFiles(files.root, files.layout_name, files.split)
        if args.check:
            found, odd = check(files, args.pairs_file, args.jobs)
            defects += found
            notes += odd
    print(f'defects: {len(defects)}, notes: {len(notes)}')
    for line in defects:
        print(line)
    for line in notes:
        print(f'note: {line}')
    if defects:
        raise UserError(
            f'{len(defects)} defects in {args.root}; get or make those files '
            'again'
        )


if __name__ == '__main__':
    run_tool(main)
