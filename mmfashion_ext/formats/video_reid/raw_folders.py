# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""One's own tracklets: folders of frames, any cameras, any names.

A layout says how the path of a tracklet's folder, or of a frame, names person,
camera and tracklet::

    {person}/{camera}                     anna/entrance/000.jpg
    {camera}/{person}_{tracklet}          cam3/0017_2/000.jpg
    {person}C{camera}T{tracklet}F{frame}  0001C1T0001F001.jpg, in one folder
"""

import random
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ...errors import UserError, describe
from ...utils.images import is_image_file, natural_order
from .layout import PersonSplit
from .raw_ilids_prid import NUM_SPLITS, RawTracklet, RawVideos

PLACEHOLDERS = ('person', 'camera', 'tracklet', 'frame')


@dataclass(frozen=True)
class FolderOptions:
    """How folders are read and divided.

    Attributes:
        layout (str): See the module.
        train_share (float): Part of the persons, 0-1, that trains, in ten
            random splits.
        seed (int): Seed of the splits.
        train_persons (Path, optional): Text file with the persons that
            train, one a line; then there is one split.
    """

    layout: str = '{person}/{camera}'
    train_share: float = 0.5
    seed: int = 0
    train_persons: Path | None = None


def read_folders(raw: Path, options: FolderOptions) -> RawVideos:
    """Read tracklets, the frames (h, w, 3) of a person in a camera.

    Of each test person that two cameras see, the first tracklet of the first
    camera is a query; all other tracklets of test persons are the gallery.

    Args:
        raw (Path): Folder of the frames.
        options (FolderOptions): How it is read.

    Raises:
        UserError: A path does not have the layout, or there are too few
            persons or cameras.
    """
    groups = _group(raw, options.layout)
    persons = sorted({key[0] for key in groups}, key=_natural)
    cameras = sorted({key[1] for key in groups}, key=_natural)
    if len(persons) < 2 or len(cameras) < 2:
        raise UserError(
            f'{raw}: found {len(persons)} persons in {len(cameras)} cameras '
            f'by the layout {options.layout}, expected 2 or more of both'
        )
    order = sorted(groups, key=lambda key: [_natural(part) for part in key])
    tracklets = [
        RawTracklet(
            persons.index(person),
            cameras.index(camera),
            sorted(groups[person, camera, number], key=natural_order),
        )
        for person, camera, number in order
    ]
    splits = [
        _split(tracklets, train, len(persons))
        for train in _training_persons(persons, options)
    ]
    if not any(split.query for split in splits):
        raise UserError(
            f'{raw}: none of the test persons is in two cameras, so that '
            'nothing can be tested'
        )
    return RawVideos(
        f'{raw.resolve().name}-sequence',
        len(cameras),
        persons,
        tracklets,
        splits,
        listed=True,
    )


def compile_layout(layout: str) -> re.Pattern[str]:
    """Return the pattern of a layout.

    Raises:
        UserError: It lacks person or camera, or names something else.
    """
    parts = re.split(r'\{(\w*)\}', layout)
    names = parts[1::2]
    unknown = [name for name in names if name not in PLACEHOLDERS]
    if unknown or not {'person', 'camera'} <= {*names}:
        raise UserError(
            f'--layout {layout!r}: expected {{person}} and {{camera}}, and '
            'perhaps {tracklet} and {frame}'
            + (f', got {{{unknown[0]}}}' if unknown else '')
        )
    pattern, seen = '', set[str]()
    for number, part in enumerate(parts):
        if number % 2 == 0:
            pattern += re.escape(part)
        elif part in seen:
            pattern += f'(?P={part})'
        else:
            pattern += f'(?P<{part}>[^/]+?)'
            seen.add(part)
    return re.compile(pattern)


def _group(raw: Path, layout: str) -> dict[tuple[str, str, str], list[Path]]:
    """Return the frames of each person, camera and tracklet."""
    pattern = compile_layout(layout)
    groups: dict[tuple[str, str, str], list[Path]] = defaultdict(list)
    foreign = []
    for path in sorted(raw.rglob('*')):
        if not is_image_file(path) or path.name.startswith('.'):
            continue
        relative = path.relative_to(raw)
        named = relative.parent
        if 'frame' in pattern.groupindex:
            named = relative.with_suffix('')
        found = pattern.fullmatch(named.as_posix())
        if found is None:
            foreign.append(relative.as_posix())
            continue
        parts = found.groupdict(default='')
        key = parts['person'], parts['camera'], parts.get('tracklet', '')
        groups[key].append(path)
    if foreign:
        raise UserError(
            f'{raw}: {len(foreign)} images do not have the layout {layout}: '
            f'{describe(foreign)}; pass another --layout, or move them away'
        )
    if not groups:
        raise UserError(f'{raw}: no images in folders, expected {layout}')
    return groups


def _training_persons(
    persons: list[str], options: FolderOptions
) -> list[set[int]]:
    """Return the persons that train, of each split."""
    if options.train_persons is not None:
        path = options.train_persons
        try:
            lines = path.read_text(encoding='utf-8-sig').split('\n')
        except (OSError, ValueError) as error:
            raise UserError(
                f'{path}: cannot be read as a list of persons ({error})'
            ) from None
        names = [line.strip() for line in lines if line.strip()]
        if unknown := [name for name in names if name not in persons]:
            raise UserError(
                f'{path} names {describe(unknown)}, who are not among the '
                f'{len(persons)} persons: {describe(persons)}'
            )
        return [{persons.index(name) for name in names}]
    count = round(len(persons) * options.train_share)
    if not 0 < count < len(persons):
        raise UserError(
            f'--train-share {options.train_share} of {len(persons)} persons '
            f'leaves {count} for training and {len(persons) - count} for '
            'test; expected 1 or more of both'
        )
    draw = random.Random(options.seed)
    everyone = range(len(persons))
    return [{*draw.sample(everyone, count)} for _ in range(NUM_SPLITS)]


def _split(
    tracklets: list[RawTracklet], train: set[int], persons: int
) -> PersonSplit:
    """Return one split of tracklets by the persons that train."""
    lists: dict[str, list[int]] = {'train': [], 'query': [], 'gallery': []}
    cameras: dict[int, set[int]] = defaultdict(set)
    for tracklet in tracklets:
        cameras[tracklet.pid].add(tracklet.camid)
    asked: set[int] = set()
    for number, tracklet in enumerate(tracklets):
        pid = tracklet.pid
        role = 'gallery'
        if pid in train:
            role = 'train'
        elif pid not in asked and len(cameras[pid]) > 1:
            role = 'query'
            asked.add(pid)
        lists[role].append(number)
    test = [pid for pid in range(persons) if pid not in train]
    return PersonSplit(
        sorted(train), sorted(asked), test, *(lists[role] for role in lists)
    )


def _natural(text: str) -> list:
    return natural_order(Path(text))
