# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A look-alike of raw iLIDS-VID: people who walk past two cameras."""

import struct
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from ...errors import UserError
from ...formats.video_reid.layout import (
    FLOW_RECORD,
    FLOWS,
    IMAGES,
    META,
    SPLITS,
)
from ..output import check_at_least, new_folder, one_thread
from .looks import Look, random_look
from .surveillance import Camera, film, make_camera, random_track

#: Also what the converter makes of ``raw``; it goes when ``raw`` is replaced.
CONTENTS = ('raw', IMAGES, FLOWS, META, SPLITS, FLOW_RECORD)
SEQUENCES = 'raw/iLIDS-VID/i-LIDS-VID/sequences'
SPLIT_FILE = (
    'raw/iLIDS-VID/train-test people splits/train_test_splits_ilidsvid.mat'
)
NUM_SPLITS = 10
CAMERAS = 2
#: Fewest and most frames of a tracklet in iLIDS-VID; 73 on average.
FRAMES = (23, 192)
MIN_SIZE = 16
MAX_PERSONS = 900
# second number of the seed: what the chance is for
_PERSON, _CAMERA, _TRACK, _SPLIT = range(4)


def raw_number(person: int) -> int:
    """Number of a person (from 0) in the raw data, which has holes."""
    return person + 1 + person // 15


def person_look(seed: int, person: int) -> Look:
    """What a person wears."""
    return random_look(_rng(seed, _PERSON, person))


def generate_video_reid(
    out: str | Path,
    *,
    num: int = 40,
    seed: int = 0,
    size: int = 128,
    frames: tuple[int, int] = FRAMES,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Write a look-alike of iLIDS-VID as it is published, without flow.

    Every file is the same to the byte for the same arguments and the same
    versions of NumPy and OpenCV; a person's frames do not depend on
    ``num``. Nothing is left behind if it fails.

    Args:
        out (str | Path): Folder to create; ``out/raw`` is what the converter
            takes.
        num (int): Persons, half of them for training. Defaults to 40.
        seed (int): Seed, not negative. Defaults to 0.
        size (int): Height of the frames in px; the width is half of it.
            Defaults to 128, as in iLIDS-VID.
        frames (tuple[int, int]): Fewest and most frames of a tracklet; the
            average is 0.3 of the way. Defaults to 23 and 192.
        overwrite (bool): Replace an earlier data set at ``out``.
        progress (bool): Show a progress bar.

    Returns:
        Path: ``out``.

    Raises:
        UserError: A number is out of range, or ``out`` is not empty.
    """
    out = Path(out).absolute()
    least, most = frames
    check_at_least(
        num=(num, 2),
        seed=(seed, 0),
        size=(size, MIN_SIZE),
        frames=(least, 1),
    )
    if most < least:
        raise UserError(
            f'frames must be the fewest and the most, got {least} and {most}'
        )
    if num > MAX_PERSONS:
        raise UserError(f'num must be at most {MAX_PERSONS}, got {num}')
    with one_thread(), new_folder(out, CONTENTS, overwrite) as folder:
        places = [
            make_camera(_rng(seed, _CAMERA, c), c, size)
            for c in range(CAMERAS)
        ]
        for person in track(
            range(num), 'synthetic iLIDS-VID', disable=not progress
        ):
            for name, image in _person(seed, person, places, size, frames):
                file = folder / SEQUENCES / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(cv2.imencode('.png', image)[1])
        _write_splits(folder / SPLIT_FILE, num, seed)
    return out


def _rng(*numbers: int) -> np.random.Generator:
    return np.random.default_rng(numbers)


def _person(
    seed: int,
    person: int,
    places: list[Camera],
    size: int,
    frames: tuple[int, int],
) -> Iterator[tuple[str, np.ndarray]]:
    """Names below the folder of sequences and (h, w, 3) BGR pictures."""
    look = person_look(seed, person)
    who = f'person{raw_number(person):03d}'
    for number, place in enumerate(places):
        rng = _rng(seed, _TRACK, person, number)
        share = rng.beta(1.2, 2.8)
        length = frames[0] + round(share * (frames[1] - frames[0]))
        passers = [random_look(rng) for _ in range(3)]
        way = random_track(rng, place, length, size, passers)
        first = int(rng.integers(1, 5000))
        folder = f'cam{number + 1}/{who}/cam{number + 1}_{who}'
        for k in range(length):
            image = film(rng, place, way, look, size, k)
            yield f'{folder}_{first + k:05d}.png', image


def _write_splits(path: Path, num: int, seed: int) -> None:
    """Ten ways to part the persons: rows of ``ls_set``, counted from 1.

    In MATLAB's format 4: five numbers (kind, rows, columns, no imaginary
    part, length of the name), the name, the columns.
    """
    rng = _rng(seed, _SPLIT)
    rows = np.array([rng.permutation(num) + 1.0 for _ in range(NUM_SPLITS)])
    name = b'ls_set\0'
    header = struct.pack('<5i', 0, *rows.shape, 0, len(name))
    path.parent.mkdir(parents=True)
    path.write_bytes(header + name + rows.astype('<f8').tobytes('F'))
