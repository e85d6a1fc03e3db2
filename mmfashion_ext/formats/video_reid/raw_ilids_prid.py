# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Raw iLIDS-VID and PRID2011, as they are published.

What is expected below the raw folder; archives are unpacked if the folder of
the same name is missing::

    iLIDS-VID.tar     iLIDS-VID/i-LIDS-VID/sequences/cam1/person001/
                          cam1_person001_00317.png
                      iLIDS-VID/train-test people splits/
                          train_test_splits_ilidsvid.mat
    optical_flow.tar  optical_flow/optical_flow/ like sequences/  (given flow)

    prid_2011.zip     prid_2011/multi_shot/{cam_a,cam_b}/person_0001/0001.png
    prid_xiong.tar    prid_xiong/ like multi_shot/                (given flow)
"""

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ...errors import UserError, describe
from ...utils.images import is_image_file
from ..archives import unpack
from ..matlab import MatlabError, read_variable
from .layout import PersonSplit

Splits = Literal['published', 'corrected']

#: Persons of PRID2011 that both cameras see.
PRID_PERSONS = 200
#: What the published training script seeds NumPy with before it draws them.
PRID_SEED = 1
NUM_SPLITS = 10


@dataclass(frozen=True)
class RawTracklet:
    """Raw frames of a person in one camera, in a row.

    Attributes:
        pid (int): Person, from 0 without holes.
        camid (int): Camera, from 0.
        frames (list[Path]): Image files, in order.
        flows (list[Path], optional): Given flow maps of the same frames.
    """

    pid: int
    camid: int
    frames: list[Path]
    flows: list[Path] | None = None


@dataclass(frozen=True)
class RawVideos:
    """A raw video re-identification dataset.

    Attributes:
        name (str): For ``meta.json``.
        num_cameras (int): Number of cameras.
        persons (list[str]): What the raw data call each person.
        tracklets (list[RawTracklet]): All of them. Without ``listed`` one
            for each person and camera, empty ones too.
        splits (list[PersonSplit]): Ways to divide the persons.
        listed (bool): Whether persons have several tracklets in a camera.
        expected_persons (int, optional): As published.
    """

    name: str
    num_cameras: int
    persons: list[str]
    tracklets: list[RawTracklet]
    splits: list[PersonSplit]
    listed: bool = False
    expected_persons: int | None = None

    def notes(self) -> list[str]:
        """Return what is unusual but can be used, one line each."""
        notes = []
        if self.expected_persons not in (None, len(self.persons)):
            notes.append(
                f'{len(self.persons)} persons, published are '
                f'{self.expected_persons}'
            )
        if not self.listed:
            notes += [
                f'{self.persons[t.pid]} has no frame in camera {t.camid}'
                for t in self.tracklets
                if not t.frames
            ]
        return notes


#: Files of one person and camera: key of the frame -> path.
_Frames = dict[tuple[int, int], dict[str, Path]]


def read_ilids_vid(
    raw: Path, given_flow: bool = False, splits: Splits = 'published'
) -> RawVideos:
    """Read iLIDS-VID; see the module for the layout.

    Persons get numbers without holes.

    Args:
        raw (Path): Folder of the archives.
        given_flow (bool): Also find the published flow maps.
        splits (str): Which half of the persons of a split is for training:
            ``'published'``: the first, as in the published SCAN.
            ``'corrected'``: the second, as deep-person-reid reads them.

    Raises:
        UserError: Something is missing or does not fit.
    """
    root = unpacked(raw, 'iLIDS-VID', '.tar')
    frames = _collect(root / 'i-LIDS-VID' / 'sequences', '*/*/*', _parse_ilids)
    numbers = sorted({number for number, _ in frames})
    flows = None
    if given_flow:
        root_of_flows = unpacked(raw, 'optical_flow', '.tar')
        flows = _collect(root_of_flows / 'optical_flow', '*/*/*', _parse_ilids)
    split_file = (
        root / 'train-test people splits' / 'train_test_splits_ilidsvid.mat'
    )
    return RawVideos(
        'iLIDS-sequence',
        2,
        [f'person{number:03d}' for number in numbers],
        _two_cameras(numbers, frames, flows),
        _ilids_splits(split_file, len(numbers), splits),
        expected_persons=300,
    )


def read_prid2011(
    raw: Path, given_flow: bool = False, splits: Splits = 'published'
) -> RawVideos:
    """Read the 200 persons of PRID2011 that both cameras see.

    Args:
        raw (Path): Folder of the archives.
        given_flow (bool): Also find the published flow maps.
        splits (str): The ten splits are random halves. ``'published'``: as
            the published code draws them, one too low: person -1, which
            stands for the last, to 198. ``'corrected'``: 0 to 199.

    Raises:
        UserError: Something is missing or does not fit.
    """
    root = unpacked(raw, 'prid_2011', '.zip')
    frames = _collect(root / 'multi_shot', 'cam_?/*/*', _parse_prid)
    flows = None
    if given_flow:
        flows = _collect(
            unpacked(raw, 'prid_xiong', '.tar'), 'cam_?/*/*', _parse_prid
        )
    last = max((n for n, _ in frames if n <= PRID_PERSONS), default=0)
    if not last:
        found = describe(sorted({number for number, _ in frames}))
        raise UserError(
            f'{root / "multi_shot"} holds none of person_0001 to '
            f'person_{PRID_PERSONS:04d}, whom both cameras see, only the '
            f'persons {found}; unpack the whole archive again'
        )
    numbers = list(range(1, last + 1))
    return RawVideos(
        'prid2011-sequence',
        2,
        [f'person_{number:04d}' for number in numbers],
        _two_cameras(numbers, frames, flows),
        prid_splits(len(numbers), splits),
        expected_persons=PRID_PERSONS,
    )


def prid_splits(
    persons: int = PRID_PERSONS, splits: Splits = 'published'
) -> list[PersonSplit]:
    """Draw the ten splits of PRID2011; see :func:`read_prid2011`."""
    shift = {'published': 1, 'corrected': 0}[splits]
    # the generator whose numbers are published
    legacy = np.random.RandomState(PRID_SEED)
    rows = [legacy.permutation(persons) - shift for _ in range(NUM_SPLITS)]
    return [_halves(row.tolist()) for row in rows]


def _parse_ilids(path: Path) -> tuple[int, int, str] | None:
    """Person, camera (from 0) and frame of ``cam1_person001_00317.png``."""
    found = re.fullmatch(r'\D*(\d)_\D*(\d{3})_(\d+)', path.stem)
    if not found:
        return None
    return int(found[2]), int(found[1]) - 1, found[3]


def _parse_prid(path: Path) -> tuple[int, int, str] | None:
    """Person, camera (from 0) and frame of ``cam_a/person_0001/0001.png``."""
    found = re.fullmatch(r'person_(\d+)', path.parent.name)
    if not found or not path.stem.isdigit():
        return None
    camera = 0 if path.parent.parent.name == 'cam_a' else 1
    return int(found[1]), camera, path.stem


def _collect(
    root: Path,
    pattern: str,
    parse: Callable[[Path], tuple[int, int, str] | None],
) -> _Frames:
    """Find frames: (person, camera) -> frame -> path, sorted as strings."""
    frames: _Frames = defaultdict(dict)
    for path in sorted(root.glob(pattern)):
        if not is_image_file(path) or path.name.startswith('.'):
            continue
        parsed = parse(path)
        if parsed is None or parsed[1] not in (0, 1):
            raise UserError(
                f'{path} is not named like a frame of this dataset; remove '
                'it, or unpack the archive again'
            )
        person, camera, frame = parsed
        other = frames[person, camera].setdefault(frame, path)
        if other != path:
            raise UserError(
                f'{path} is the same frame as {other.name}; remove one of them'
            )
    if not frames:
        raise UserError(
            f'{root} holds no {pattern}.png or other images; unpack the '
            'archive again (the layout is in docs/datasets.md)'
        )
    return frames


def _two_cameras(
    numbers: list[int], frames: _Frames, flows: _Frames | None
) -> list[RawTracklet]:
    """Return one tracklet for each person and camera."""
    tracklets = []
    for pid, number in enumerate(numbers):
        for camid in (0, 1):
            paths = frames.get((number, camid), {})
            maps = None
            if flows is not None:
                found = flows.get((number, camid), {})
                missing = [str(p) for f, p in paths.items() if f not in found]
                if missing:
                    raise UserError(
                        f'{len(missing)} frames of person {number} have no '
                        f'given flow map, the first is {missing[0]}; unpack '
                        'the flow again, or compute it with --flow farneback'
                    )
                maps = [found[frame] for frame in paths]
            tracklets.append(
                RawTracklet(pid, camid, list(paths.values()), maps)
            )
    return tracklets


def _ilids_splits(
    path: Path, persons: int, splits: Splits
) -> list[PersonSplit]:
    """Read ``ls_set``: rows of persons from 1, one half trains."""
    rows = read_matrix(path, 'ls_set', persons)
    if not len(rows):
        raise UserError(
            f'{path}: ls_set has no rows, expected {NUM_SPLITS} splits; '
            'unpack the archive again'
        )
    all_persons = list(range(1, persons + 1))
    for index, row in enumerate(rows.tolist()):
        if sorted(row) != all_persons:
            unknown = sorted(set(row) - set(all_persons))
            detail = (
                f'names {describe(unknown)}' if unknown else 'repeats some'
            )
            raise UserError(
                f'{path}: row {index + 1} of ls_set must name each of the '
                f'{persons} persons once, 1 to {persons}, but {detail}; '
                'unpack the archive again'
            )
    if splits == 'corrected':
        rows = np.roll(rows, persons // 2, axis=1)
    return [_halves((row - 1).tolist(), True) for row in rows]


def _halves(persons: list[int], ordered: bool = False) -> PersonSplit:
    half = len(persons) // 2
    train, test = persons[:half], persons[half:]
    if ordered:
        train, test = sorted(train), sorted(test)
    return PersonSplit(train, test, list(test))


def unpacked(raw: Path, name: str, ending: str) -> Path:
    """Return the folder of an archive, unpacked if it is missing.

    Args:
        raw (Path): Folder of the archives.
        name (str): Name of the folder, and of the archive without ending.
        ending (str): ``'.zip'`` or ``'.tar'``.

    Raises:
        UserError: There is neither, or the archive is damaged.
    """
    folder, archive = raw / name, raw / f'{name}{ending}'
    if folder.is_dir():
        return folder
    if not archive.exists():
        raise UserError(
            f'{raw} holds neither {folder.name}/ nor {archive.name}; '
            'docs/datasets.md says how to get the dataset'
        )
    return unpack(archive, folder)


def missing_file(path: Path) -> UserError:
    """Return the error of a file that does not exist."""
    return UserError(
        f'{path} does not exist; docs/datasets.md says how to get the dataset'
    )


def read_matrix(
    path: Path, variable: str, columns: int | None = None
) -> np.ndarray:
    """Read an integer matrix of a MATLAB file.

    Args:
        path (Path): ``.mat`` file.
        variable (str): Name of the matrix.
        columns (int, optional): How many it must have.

    Returns:
        np.ndarray: (rows, columns) int64.

    Raises:
        UserError: It is missing, damaged or of another shape.
    """
    if not path.exists():
        raise missing_file(path)
    try:
        matrix = read_variable(path, variable)
    except KeyError:
        raise UserError(
            f'{path} has no variable {variable}; download it again'
        ) from None
    except (OSError, MatlabError) as error:
        remedy = getattr(error, 'remedy', 'download it again')
        raise UserError(
            f'{path} cannot be read ({error}); {remedy}'
        ) from error
    with np.errstate(invalid='ignore'):  # NaN
        whole = matrix.astype(np.int64)
    if matrix.ndim != 2 or (whole != matrix).any():
        raise UserError(
            f'{path}: {variable} is not a matrix of whole numbers; download '
            'it again'
        )
    if columns not in (None, matrix.shape[1]):
        raise UserError(
            f'{path}: {variable} has {matrix.shape[1]} columns, expected '
            f'{columns}; the file and the frames do not belong together, '
            'unpack both again'
        )
    return whole
