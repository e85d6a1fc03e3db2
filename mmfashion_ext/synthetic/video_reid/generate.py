# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Generate raw iLIDS-VID: people who walk past two cameras."""

import struct
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from rich import progress as rich_progress

from ...errors import UserError
from ...formats.video_reid.layout import (
    FLOW_RECORD,
    FLOWS,
    IMAGES,
    META,
    SPLITS,
)
from ..output import check_at_least, new_folder, one_thread
from .appearance import Appearance, random_appearance
from .camera import Camera, make_camera, random_track, render_frame

#: Top level of ``OUT``, with the converter's output, which is removed when
#: ``raw`` is replaced.
CONTENTS = ('raw', IMAGES, FLOWS, META, SPLITS, FLOW_RECORD)
SEQUENCES = 'raw/iLIDS-VID/i-LIDS-VID/sequences'
SPLIT_FILE = (
    'raw/iLIDS-VID/train-test people splits/train_test_splits_ilidsvid.mat'
)
NUM_SPLITS = 10
CAMERAS = 2
#: Fewest and most frames of a tracklet in iLIDS-VID; 73 on average.
FRAMES = (23, 192)
MIN_SIZE = 16  # px, height
MAX_PERSONS = 900
# Second number of the seed: what the random numbers are for.
_PERSON, _CAMERA, _TRACK, _SPLIT, _CHOICE = range(5)


def raw_number(person: int) -> int:
    """Return the number of a person (from 0) in the raw data.

    The numbers there have gaps: every 16th is missing.
    """
    return person + 1 + person // 15


def person_appearance(seed: int, person: int) -> Appearance:
    """Return the appearance of a person (from 0) of a dataset."""
    return random_appearance(_rng(seed, _PERSON, person))


def generate_video_reid(
    out: str | Path,
    *,
    num: int = 40,
    seed: int = 0,
    size: int = 128,
    frames: tuple[int, int] = FRAMES,
    cameras: int = 1,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Write a synthetic dataset in the raw layout of iLIDS-VID, without flow.

    Frames are (h, h // 2, 3) with h = ``size`` px.

    Every file is the same to the byte for the same arguments and the same
    versions of NumPy and OpenCV; a person's frames do not depend on
    ``num``. Nothing is left behind if it fails.

    Args:
        out (str or Path): Folder to create; ``out/raw`` is the converter's
            input.
        num (int): Persons, half of them for training. Defaults to 40.
        seed (int): Seed, not negative. Defaults to 0.
        size (int): Height of the frames, px; the width is half of it.
            Defaults to 128, as in iLIDS-VID.
        frames (tuple[int, int]): Fewest and most frames of a tracklet; the
            average is 0.3 of the way. Defaults to 23 and 192.
        cameras (int): Halls in which each of the two cameras may stand, with
            a light of its own; every tracklet is filmed in one of them.
            Defaults to 1.
        overwrite (bool): Replace an earlier dataset at ``out``.
        progress (bool): Show a progress bar.

    Returns:
        Path: ``out``.

    Raises:
        UserError: A number is out of range, or ``out`` is not empty.
    """
    out = Path(out).absolute()
    _check_numbers(num, seed, size, frames, cameras)
    with one_thread(), new_folder(out, CONTENTS, overwrite) as folder:
        halls = [
            _halls(seed, number, cameras, size) for number in range(CAMERAS)
        ]
        for person in rich_progress.track(
            range(num), 'synthetic iLIDS-VID', disable=not progress
        ):
            for name, image in _person(seed, person, halls, size, frames):
                file = folder / SEQUENCES / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(cv2.imencode('.png', image)[1].tobytes())
        _write_splits(folder / SPLIT_FILE, num, seed)
    return out


def _check_numbers(
    num: int, seed: int, size: int, frames: tuple[int, int], cameras: int
) -> None:
    """Check the numbers given by the user."""
    least, most = frames
    check_at_least(
        num=(num, 2),
        seed=(seed, 0),
        size=(size, MIN_SIZE),
        frames=(least, 1),
        cameras=(cameras, 1),
    )
    if most < least:
        raise UserError(
            f'frames must be the fewest and the most, got {least} and {most}'
        )
    if num > MAX_PERSONS:
        raise UserError(f'num must be at most {MAX_PERSONS}, got {num}')


def _rng(*numbers: int) -> np.random.Generator:
    """Return a source of randomness seeded by all of these numbers."""
    return np.random.default_rng(numbers)


def _halls(seed: int, number: int, count: int, size: int) -> list[Camera]:
    """Build camera ``number`` in each of its halls, the usual one first."""
    usual = make_camera(_rng(seed, _CAMERA, number), number, size)
    others = [
        make_camera(_rng(seed, _CAMERA, number, hall), number, size, True)
        for hall in range(1, count)
    ]
    return [usual, *others]


def _person(
    seed: int,
    person: int,
    halls: list[list[Camera]],
    size: int,
    frames: tuple[int, int],
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield file names below ``SEQUENCES`` and (h, w, 3) BGR frames."""
    appearance = person_appearance(seed, person)
    name = f'person{raw_number(person):03d}'
    for number, choices in enumerate(halls):
        hall = _rng(seed, _CHOICE, person, number).integers(len(choices))
        camera = choices[hall]
        rng = _rng(seed, _TRACK, person, number)
        position = rng.beta(1.2, 2.8)  # in the range of lengths, 0-1
        length = frames[0] + round(position * (frames[1] - frames[0]))
        passers_by = [random_appearance(rng) for _ in range(3)]
        track = random_track(rng, camera, length, size, passers_by)
        first = int(rng.integers(1, 5000))
        prefix = f'cam{number + 1}/{name}/cam{number + 1}_{name}'
        for k in range(length):
            image = render_frame(rng, camera, track, appearance, size, k)
            yield f'{prefix}_{first + k:05d}.png', image


def _write_splits(path: Path, num: int, seed: int) -> None:
    """Write ten random orders of the persons: rows of ``ls_set``, from 1.

    The file is in MATLAB's format 4: five numbers (type, rows, columns, no
    imaginary part, length of the name), the name, the columns.
    """
    rng = _rng(seed, _SPLIT)
    rows = np.array([rng.permutation(num) + 1.0 for _ in range(NUM_SPLITS)])
    name = b'ls_set\0'
    header = struct.pack('<5i', 0, *rows.shape, 0, len(name))
    path.parent.mkdir(parents=True)
    path.write_bytes(header + name + rows.astype('<f8').tobytes('F'))
