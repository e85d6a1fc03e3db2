# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Check every file of a try-on dataset, and make the masks of its clothes.

What is wrong is collected, never raised: a user with 14,221 pairs wants to
see all defects at once.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ...errors import UserError, describe
from ...utils.images import write_image
from ...utils.parallel import run_parallel
from ...utils.progress import show_progress
from .cloth_mask import make_mask
from .constants import ParseLabels
from .file_check import FileGroup, check_files, list_doubts
from .files import read_rgb
from .garment_classes import GARMENT_CLASSES, GarmentClass
from .layout import LAYOUTS, FileKind, LayoutName, TryOnSplit
from .pairs import TryOnFiles
from .pairs_file import TryOnPair


class Findings(NamedTuple):
    """What a check found.

    Attributes:
        defects (list[str]): What is wrong, one line each.
        notes (list[str]): What is unusual but does no harm.
    """

    defects: list[str]
    notes: list[str]


def check_dataset(
    root: Path,
    layout: LayoutName,
    split: TryOnSplit | None = None,
    *,
    pairs_file: str | None = None,
    parse_labels: ParseLabels | None = None,
    check: bool = True,
    make_masks: bool = False,
    jobs: int = 1,
) -> None:
    """Check a dataset, make masks, and print what it holds and is wrong.

    Args:
        root (Path): Folder of the dataset.
        layout (str): Its layout, a name of :data:`~.layout.LAYOUTS`.
        split (str, optional): ``'train'`` or ``'test'``. None: those that
            exist.
        pairs_file (str, optional): File of pairs, below the root. None: that
            of the layout, if it exists.
        parse_labels (str, optional): Set of the parse maps' labels. None:
            that of the layout.
        check (bool): Read every file, and print counts.
        make_masks (bool): Write the masks that clothes lack.
        jobs (int): Processes.

    Raises:
        UserError: There is no split, or something is wrong.
    """
    defects, notes = [], []
    for found_files in find_splits(root, layout, split):
        files = replace(found_files, parse_labels=parse_labels)
        if make_masks:
            defects += write_masks(files, jobs)
            files = replace(files)  # list the folders again
        if check:
            found = check_split(files, pairs_file, jobs)
            defects += found.defects
            notes += found.notes
    print(f'defects: {len(defects)}, notes: {len(notes)}')
    for line in defects:
        print(line)
    for line in notes:
        print(f'note: {line}')
    if defects:
        raise UserError(
            f'{len(defects)} defects in {root}; get or make those files again'
        )


def find_splits(
    root: Path, layout: LayoutName, split: TryOnSplit | None = None
) -> list[TryOnFiles]:
    """Return the splits that exist, at least one.

    A split of a layout with a folder for each garment class is in parts.

    Args:
        root (Path): Folder of the dataset.
        layout (str): Its layout; ``'folder'`` has one split only.
        split (str, optional): The one to use. None: all that exist.

    Raises:
        UserError: There is none.
    """
    splits: list[TryOnSplit] = [split] if split else ['train', 'test']
    if layout == 'folder':
        splits = ['test']
    found: list[TryOnFiles] = []
    error = UserError(f'{root} holds no split')
    for name in splits:
        by_class = (layout, name) in LAYOUTS and LAYOUTS[layout, name].by_class
        classes: tuple[GarmentClass, ...] = GARMENT_CLASSES
        for cloth_class in classes if by_class else classes[:1]:
            files = TryOnFiles(root, layout, name, cloth_class=cloth_class)
            try:
                files.base  # noqa: B018  raises if it does not exist
                found.append(files)
            except UserError as missing:
                error = missing
    if not found:
        raise error
    return found


def check_split(
    files: TryOnFiles, pairs_file: str | None, jobs: int
) -> Findings:
    """Read all files of a split, and print counts.

    Args:
        files (TryOnFiles): The split.
        pairs_file (str, optional): See :func:`check_dataset`.
        jobs (int): Processes.

    Raises:
        UserError: There is no image or no such file of pairs, or two files
            have one name.
    """
    pairs_path = files.pairs_file(pairs_file)
    defects = list(list_missing(files, bool(pairs_path)))
    groups = file_groups(files)
    checked = list(
        show_progress(
            run_parallel(check_files, groups, jobs),
            f'{files.split} files',
            len(groups),
        )
    )
    defects += [line for found in checked for line in found.defects]
    notes = list_doubts([note for found in checked for note in found.notes])
    rows = [
        (len(files.named(kind)), f'{kind}, in {folder}')
        for kind, folder in files.layout.folders.items()
        if files.folder(kind).is_dir()
    ]
    if files.layout.worn_pairs:
        try:
            listed = len(files.pairs_by_name())
            rows.append((listed, f'pairs of {files.layout.worn_pairs}'))
        except UserError as error:
            defects.append(str(error))
    else:
        worn = [cloth for cloth in files.worn().values() if cloth]
        rows.append((len(worn), 'pairs of a person and the garment worn'))
    if pairs_path:
        try:
            pairs = files.read_pairs(pairs_path)
            rows.append((len(pairs), f'pairs of {pairs_path}'))
        except UserError as error:
            defects.append(str(error))
    sizes = Counter(found.size for found in checked if found.size)
    rows += [
        (count, f'images of {w} x {h} px')
        for (h, w), count in sizes.most_common(3)
    ]
    print(f'{files.layout_name} {files.split} in {files.base}')
    for count, what in rows:
        print(f'{count:>9,} {what}')
    return Findings(defects, [*notes, *list_notes(files, bool(pairs_path))])


def _person_kinds(files: TryOnFiles) -> list[FileKind]:
    training = files.split == 'train' and files.layout_name != 'folder'
    return files.person_kinds(needed=training)


def list_missing(files: TryOnFiles, has_pairs: bool) -> Iterator[str]:
    """Name every file that is missing, except masks.

    Args:
        files (TryOnFiles): The split.
        has_pairs (bool): Whether a file of pairs says who gets which garment,
            so that those worn may be missing.

    Raises:
        UserError: There is no image, or two files have one name.
    """
    kinds = _person_kinds(files)
    if not files.named('person'):
        raise UserError(f'{files.folder("person")} has no image')
    for person, cloth in files.worn().items():
        stem = files.stem('person', person)
        if cloth is None and not has_pairs:
            missing = files.folder('cloth') / files.expected_cloth(person)
            yield f'{missing} is missing: the garment of {person}'
        for kind in kinds:
            if not files.find(kind, TryOnPair(person, '', {})):
                ending = files.layout.endings[kind][0]
                missing = files.folder(kind) / f'{stem}{ending}'
                yield f'{missing} is missing: the {kind} of {person}'


def clothes_without_mask(files: TryOnFiles) -> list[Path]:
    """Return the images of clothes that have no mask."""
    masks = files.named('cloth_mask')
    return [
        files.folder('cloth') / name
        for stem, name in files.named('cloth').items()
        if stem not in masks
    ]


def list_notes(files: TryOnFiles, has_pairs: bool) -> Iterator[str]:
    """Name what is unusual but does no harm.

    Args:
        files (TryOnFiles): The split.
        has_pairs (bool): See :func:`list_missing`.
    """
    persons, clothes = files.named('person'), files.named('cloth')
    published = files.layout.published
    if published and published != len(persons):
        yield (
            f'{files.split}: {len(persons):,} persons, published are '
            f'{published:,}'
        )
    worn = files.worn()
    if has_pairs and (lacking := [p for p in worn if worn[p] is None]):
        yield (
            f'{len(lacking):,} persons lack the garment that they wear: '
            f'{describe(lacking)}; no test with paired=True'
        )
    if unworn := sorted({*clothes.values()} - {*worn.values()}):
        yield f'{len(unworn):,} clothes are not worn: {describe(unworn)}'
    for path in clothes_without_mask(files):
        yield f'{path} has no mask; --make-masks makes it'
    layout = files.layout
    for kind in layout.folders:
        for name in files.listing(kind):
            known = layout.stem(kind, name) is not None
            if not known and not layout.is_other(kind, name):
                yield (
                    f'{files.folder(kind) / name} is left out: expected names '
                    f'that end with {" or ".join(layout.endings[kind])}'
                )
    if files.layout_name == 'viton' and not has_pairs:
        yield from _compare_with_ranks(files)


def _compare_with_ranks(files: TryOnFiles) -> Iterator[str]:
    try:
        ranked = {p.person: p.cloth for p in files.pairs_by_rank()}
    except UserError as error:
        yield str(error)
        return
    worn = files.worn()
    others = sum(cloth != worn.get(p) for p, cloth in ranked.items())
    if others:
        yield f'{others:,} persons get another garment by rank than by name'


def file_groups(files: TryOnFiles) -> list[FileGroup]:
    """Return all files of a split, image by image."""
    persons = [
        TryOnPair(name, '', {}) for name in files.named('person').values()
    ]
    clothes = [
        TryOnPair('', name, {}) for name in files.named('cloth').values()
    ]
    kinds_and_pairs: list[tuple[list[FileKind], list[TryOnPair]]] = [
        (['person', *_person_kinds(files)], persons),
        (['cloth', 'cloth_mask'], clothes),
    ]
    return [
        FileGroup(
            {k: path for k in kinds if (path := files.find(k, pair))},
            files.labels,
            files.cloth_class,
        )
        for kinds, pairs in kinds_and_pairs
        for pair in pairs
    ]


def write_masks(files: TryOnFiles, jobs: int) -> list[str]:
    """Write the masks that clothes lack, and print how many.

    Args:
        files (TryOnFiles): The split.
        jobs (int): Processes.

    Returns:
        list[str]: What is wrong with clothes that get no mask.
    """
    folder = files.folder('cloth_mask')
    tasks = [
        (cloth, folder / f'{cloth.stem}.png')
        for cloth in clothes_without_mask(files)
    ]
    results = show_progress(
        run_parallel(write_mask, tasks, jobs), 'masks', len(tasks)
    )
    defects = [defect for defect in results if defect]
    print(f'wrote {len(tasks) - len(defects):,} masks to {folder}')
    return defects


def write_mask(task: tuple[Path, Path]) -> str | None:
    """Write the mask of a garment.

    Args:
        task (tuple[Path, Path]): Image of the garment, and the mask to write
            as PNG: (h, w) 0 or 255.

    Returns:
        str, optional: What is wrong, if anything; nothing is written then.
    """
    cloth, target = task
    try:
        mask = make_mask(read_rgb(cloth), str(cloth))
    except UserError as error:
        return str(error)
    write_image(target, mask)
    return None
