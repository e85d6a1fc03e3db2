# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""File readers of try-on: image, mask, parse map, pose, DensePose, warp."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from zipfile import ZipFile

import numpy as np

from ...errors import UserError, one_line
from ...utils.images import (
    ImageInput,
    flatten,
    image_name,
    open_image,
    read_image,
)
from ...utils.sources import check_regular_file
from ..rules import Array
from .constants import NUM_PARTS, PARSE_LABEL_SETS, ParseLabels
from .garment_classes import OTHER_LABELS, GarmentClass
from .layout import FileKind
from .pose_file import read_pose

_DENSEPOSE_HINT = (
    'make it again, (h, w) of part ids (of I, U, V the first alone), not an '
    'image in colours'
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


def read_parse(
    path: str | Path,
    labels: ParseLabels = 'viton',
    cloth_class: GarmentClass = 'upper_body',
) -> np.ndarray:
    """Read a parse map.

    Args:
        path (str | Path): Image of label ids: grey, or with a palette (the
            ids are its indices).
        labels (str): ``'viton'``: 0 ... 13, kept as they are; ``'lip'``,
            ``'cihp'`` (VITON-HD): 0 ... 19, ``'atr'``: 0 ... 17, mapped to
            VITON's (:data:`~.constants.PARSE_LABEL_SETS`).
        cloth_class (str): Class of the garment, see :func:`map_labels`.

    Returns:
        np.ndarray: (h, w) uint8, 0 ... 13.

    Raises:
        UserError: It cannot be read or has other labels.
    """
    return map_labels(read_labels(path, labels), labels, cloth_class)


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


def map_labels(
    ids: np.ndarray,
    labels: ParseLabels,
    cloth_class: GarmentClass = 'upper_body',
) -> np.ndarray:
    """Map the ids of a parse map to VITON's labels.

    Args:
        ids (np.ndarray): (h, w) uint8, ids of the set.
        labels (str): The set.
        cloth_class (str): Class of the garment: a skirt is a part of a dress,
            and socks are not a part of trousers
            (:data:`~.garment_classes.OTHER_LABELS`).

    Returns:
        np.ndarray: (h, w) uint8, 0 ... 13.
    """
    other = OTHER_LABELS[cloth_class]
    table = [other.get(name, label) for name, label in label_set(labels)]
    return np.array(table, np.uint8)[ids]


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
            f'{path} cannot be read as an array ({one_line(error)}); make '
            'it again'
        ) from None
    if not isinstance(parts, np.ndarray):
        raise UserError(
            f'{path} is an archive of arrays, expected one array; save it '
            'with numpy.save'
        )
    return _check_ids(parts, path, NUM_PARTS, 'part ids', _DENSEPOSE_HINT)


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
            f'({one_line(error)}); make it again'
        ) from None
    if problem := _FLOW(flow):
        raise UserError(f'{path} has flow{problem}; make it again')
    return flow.astype(np.float32)


_READERS: dict[FileKind, Callable[[Any], np.ndarray]] = {
    'person': read_rgb,
    'cloth': read_rgb,
    'cloth_mask': read_mask,
    'densepose': read_densepose,
    'flow': read_flow,
    'truth': read_rgb,
    'truth_flow': read_flow,
}


def read_file(
    kind: FileKind,
    source: ImageInput,
    labels: ParseLabels = 'viton',
    cloth_class: GarmentClass = 'upper_body',
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """Read a file of a kind with the reader above that fits.

    Args:
        kind (str): What it is.
        source (ImageInput): The file; of an image or mask any image input.
        labels (str): Labels of a parse map.
        cloth_class (str): Class of the garment, for a parse map.
        size (tuple[int, int], optional): (h, w) px of the person's image, for
            a pose, see :func:`read_pose`.

    Returns:
        np.ndarray: Image (h, w, 3) RGB, mask, parse map and DensePose (h, w)
        uint8; pose (18, 3), warp (h, w, 2) float32.

    Raises:
        UserError: It is missing, damaged or not of that kind.
    """
    if kind == 'parse':
        return read_parse(cast(str | Path, source), labels, cloth_class)
    if kind == 'pose':
        return read_pose(cast(str | Path, source), size)
    return _READERS[kind](source)
