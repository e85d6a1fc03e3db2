# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""File readers of try-on: image, mask, parse map, pose, DensePose, warp."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from zipfile import ZipFile

import numpy as np

from ...errors import UserError
from ...utils.files import read_json
from ...utils.images import (
    ImageInput,
    flatten,
    image_name,
    open_image,
    read_image,
)
from ...utils.sources import check_regular_file
from ..checks import require
from ..rules import MAX_SIDE, Array, ListOf, Numbers
from .constants import (
    BODY_25_JOINTS,
    NUM_JOINTS,
    NUM_PARTS,
    PARSE_LABEL_SETS,
    ParseLabels,
)
from .layout import FileKind

_DENSEPOSE_HINT = (
    'make it again, (h, w) of part ids (of I, U, V the first alone), not an '
    'image in colours'
)
_JOINTS = Numbers(
    (3 * NUM_JOINTS, 75), 'x, y, confidence of 18 or 25 joints', MAX_SIDE
)
#: Of a warp of 8192 x 8192 px in float32.
_MAX_FLOW_BYTES = 2**29
_FLOW = Array(('h', 'w', 2), 'f', note='x, y in px')


def name_of(source: ImageInput) -> str:
    """Return what to call an image in a message."""
    return image_name(source, 'the image given as an array')


def describe_size(source: ImageInput, array: np.ndarray) -> str:
    """Return name and size of an array (h, w, ...) from a file, for a message.

    Args:
        source (ImageInput): Where it was read from.
        array (np.ndarray): (h, w) or (h, w, C).
    """
    h, w = array.shape[:2]
    return f'{name_of(source)} has {w} x {h} px'


def check_size(
    source: ImageInput,
    array: np.ndarray,
    image: ImageInput,
    pixels: np.ndarray,
) -> None:
    """Check that a mask or label map has the size of its image.

    Args:
        source (ImageInput): Where it was read from.
        array (np.ndarray): (h, w, ...).
        image (ImageInput): Where its image was read from.
        pixels (np.ndarray): (h, w, 3).

    Raises:
        UserError: It has another size.
    """
    if array.shape[:2] != pixels.shape[:2]:
        raise UserError(
            f'{describe_size(source, array)}, but '
            f'{describe_size(image, pixels)}: both must have the same size; '
            'make the first again from the second'
        )


def read_rgb(source: ImageInput) -> np.ndarray:
    """Read an image as RGB, the order of channels inside try-on.

    Args:
        source (ImageInput): See there; arrays are BGR, as everywhere.
            Transparent pixels are laid on white, as shops show their
            clothes, and the EXIF orientation is followed.

    Returns:
        np.ndarray: (h, w, 3) uint8 RGB.

    Raises:
        UserError: It is missing, damaged or not an image.
    """
    return np.ascontiguousarray(read_image(source)[..., ::-1])


def read_mask(source: ImageInput) -> np.ndarray:
    """Read the mask of a garment; it is on where the value is at least 128.

    Args:
        source (ImageInput): See :func:`read_rgb`; also (h, w) bool. Colours
            become grey, what is transparent becomes 0.

    Returns:
        np.ndarray: (h, w) uint8, 0 ... 255.

    Raises:
        UserError: It cannot be read, or no pixel is on.
    """
    mask = np.array(flatten(open_image(source), 'black').convert('L'))
    if mask.max(initial=0) < 128:
        raise UserError(
            f'{name_of(source)}: an empty mask, its greatest value is '
            f'{mask.max(initial=0)}; expected 128 to 255 on the garment; '
            'make it again, or leave it out and GrabCut makes one'
        )
    return mask


def read_parse(path: str | Path, labels: ParseLabels = 'viton') -> np.ndarray:
    """Read a parse map.

    Args:
        path (str | Path): Image of label ids: grey, or with a palette (the
            ids are its indices).
        labels (str): ``'viton'``: 0 ... 13, kept as they are; ``'lip'``,
            ``'cihp'`` (VITON-HD): 0 ... 19, ``'atr'``: 0 ... 17, mapped to
            VITON's (:data:`~.constants.PARSE_LABEL_SETS`).

    Returns:
        np.ndarray: (h, w) uint8, 0 ... 13.

    Raises:
        UserError: It cannot be read or has other labels.
    """
    return map_labels(read_labels(path, labels), labels)


def read_labels(path: str | Path, labels: ParseLabels = 'viton') -> np.ndarray:
    """Read the labels of a parse map as they are.

    Args:
        path (str | Path): See :func:`read_parse`.
        labels (str): See :func:`read_parse`.

    Returns:
        np.ndarray: (h, w) uint8, ids of that set.

    Raises:
        UserError: It cannot be read or has labels that the set lacks.
    """
    count = len(label_set(labels))
    others = [
        name for name, table in PARSE_LABEL_SETS.items() if len(table) > count
    ]
    hint = f'make it again with the labels of {labels.upper()}'
    if others:
        hint = (
            f'those of {labels.upper()} are expected; name the set of others '
            f'by parse_labels={" or ".join(map(repr, others))} '
            "(--parse-labels), or VITON-HD's by layout='viton-hd'"
        )
    return _read_ids(path, count, 'labels', hint)


def label_set(labels: ParseLabels) -> tuple[tuple[str, int], ...]:
    """Return the names of a set of parse labels, and VITON's label of each.

    Raises:
        UserError: There is no such set.
    """
    try:
        return PARSE_LABEL_SETS[labels]
    except (KeyError, TypeError):
        raise UserError(
            f'parse_labels must be one of {sorted(PARSE_LABEL_SETS)}, got '
            f'{labels!r:.50}'
        ) from None


def map_labels(ids: np.ndarray, labels: ParseLabels) -> np.ndarray:
    """Map the ids of a parse map to VITON's labels.

    Args:
        ids (np.ndarray): (h, w) uint8, ids of the set.
        labels (str): The set.

    Returns:
        np.ndarray: (h, w) uint8, 0 ... 13.
    """
    table = np.array([label for _, label in label_set(labels)], np.uint8)
    return table[ids]


def read_densepose(path: str | Path) -> np.ndarray:
    """Read the DensePose parts of a person.

    Args:
        path (str | Path): ``.npy``, (h, w) of part ids, or a grey image of
            them.

    Returns:
        np.ndarray: (h, w) uint8, 0 ... 24.

    Raises:
        UserError: It cannot be read, or has another shape or other parts.
    """
    if Path(path).suffix.lower() != '.npy':
        return _read_ids(path, NUM_PARTS, 'part ids', _DENSEPOSE_HINT)
    check_regular_file(Path(path))
    try:
        # mapped: a header that promises more than the file holds is found out
        parts = np.load(path, mmap_mode='r', allow_pickle=False)
    except Exception as error:  # of zip files and torn headers, of many kinds
        raise UserError(
            f'{path} cannot be read as an array ({_first_line(error)}); make '
            'it again'
        ) from None
    if not isinstance(parts, np.ndarray):
        raise UserError(
            f'{path} is an archive of arrays, expected one array; save it '
            'with numpy.save'
        )
    return _check_ids(parts, path, NUM_PARTS, 'part ids', _DENSEPOSE_HINT)


def _first_line(error: Exception) -> str:
    return ' '.join(str(error).split())[:200] or type(error).__name__


def _read_ids(
    path: str | Path, count: int, what: str, hint: str
) -> np.ndarray:
    """Read an image of ids below ``count``: (h, w) uint8."""
    image = open_image(path)
    ids = np.array(image)
    if image.mode == 'RGB' and (ids == ids[:, :, :1]).all():
        ids = ids[:, :, 0]
    if ids.ndim != 2:
        raise UserError(
            f'{path} is an image in colours ({image.mode}), expected {what} '
            f'from 0 to {count - 1} as grey values or with a palette'
        )
    return _check_ids(ids, path, count, what, hint)


def _check_ids(
    ids: np.ndarray, path: str | Path, count: int, what: str, hint: str
) -> np.ndarray:
    rule = Array(('h', 'w'), 'biuf', below=count)
    if problem := rule(ids):
        raise UserError(f'{path} has {what}{problem}; {hint}')
    return ids.astype(np.uint8)


def read_pose(path: str | Path) -> np.ndarray:
    """Read the joints of the first person of an OpenPose file.

    Args:
        path (str | Path): JSON; ``people[0]`` has ``pose_keypoints`` (older)
            or ``pose_keypoints_2d``: x, y in px and confidence of 18 joints
            (COCO), or of 25 (BODY_25), of which those 18 are used.

    Returns:
        np.ndarray: (18, 3) float32, rows of x, y and confidence in the order
        of :data:`~.constants.JOINTS`; 0 for a joint that was not found. All 0
        if no person was found.

    Raises:
        UserError: It is missing, damaged or not such a file.
    """
    where, again = str(path), 'make it again with OpenPose'
    if Path(path).exists():
        check_regular_file(Path(path))
    content = read_json(path, 'pose')
    require(content, {'people': ListOf(None, 'people')}, where, again)
    if not content['people']:
        return np.zeros((NUM_JOINTS, 3), np.float32)
    person = content['people'][0]
    keys = ('pose_keypoints', 'pose_keypoints_2d')
    older = not isinstance(person, dict) or keys[1] not in person
    key = keys[0] if older or keys[0] in person else keys[1]
    require(person, {key: _JOINTS}, f'{where}: people[0]', again)
    joints = np.array(person[key], np.float32).reshape(-1, 3)
    if len(joints) == NUM_JOINTS:
        return joints
    return joints[list(BODY_25_JOINTS)]


def read_flow(path: str | Path) -> np.ndarray:
    """Read a true warp.

    Args:
        path (str | Path): ``.npz`` with ``flow`` (h, w, 2).

    Returns:
        np.ndarray: (h, w, 2) float32, for each pixel of the person where it
        lies on the flat cloth, x and y in px; NaN where no cloth is seen.

    Raises:
        UserError: It is missing, damaged or not such a file.
    """
    check_regular_file(Path(path))
    try:
        with ZipFile(path) as archive:
            size = archive.getinfo('flow.npy').file_size
        if size > _MAX_FLOW_BYTES:
            raise UserError(
                f'{path} unpacks to {size:,} bytes, more than the '
                f'{_MAX_FLOW_BYTES:,} that are read; make it smaller'
            )
        with np.load(path, allow_pickle=False) as content:
            flow = content['flow']
    except UserError:
        raise
    except Exception as error:  # zipfile's and zlib's errors have no parent
        raise UserError(
            f'{path} cannot be read as an .npz file with an array flow '
            f'({_first_line(error)}); make it again'
        ) from None
    if problem := _FLOW(flow):
        raise UserError(f'{path} has flow{problem}; make it again')
    return flow.astype(np.float32)


_READERS: dict[FileKind, Callable[[Any], np.ndarray]] = {
    'person': read_rgb,
    'cloth': read_rgb,
    'cloth_mask': read_mask,
    'densepose': read_densepose,
    'pose': read_pose,
    'flow': read_flow,
    'truth': read_rgb,
    'truth_flow': read_flow,
}


def read_file(
    kind: FileKind, source: ImageInput, labels: ParseLabels = 'viton'
) -> np.ndarray:
    """Read a file of a kind with the reader above that fits.

    Args:
        kind (str): What it is.
        source (ImageInput): The file; of an image or mask any image input.
        labels (str): Labels of a parse map.

    Returns:
        np.ndarray: Image (h, w, 3) RGB, mask, parse map and DensePose (h, w)
        uint8; pose (18, 3), warp (h, w, 2) float32.

    Raises:
        UserError: It is missing, damaged or not of that kind.
    """
    if kind == 'parse':
        return read_parse(cast(str | Path, source), labels)
    return _READERS[kind](source)
