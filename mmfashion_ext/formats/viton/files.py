# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Read one picture, mask, parse map, pose, DensePose or flow of a try-on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from ...errors import UserError, describe
from .constants import (
    BODY_25_JOINTS,
    CIHP_TO_VITON,
    NUM_JOINTS,
    NUM_LABELS,
    NUM_PARTS,
    ParseLabels,
)
from .layout import FileKind

#: A file, an array, or a picture of Pillow.
Picture = str | Path | np.ndarray | Image.Image

_CIHP = np.array([label for _, label in CIHP_TO_VITON], np.uint8)


def name_of(source: Picture) -> str:
    """What to call a picture in a message."""
    if isinstance(source, str | Path):
        return str(source)
    return 'the picture given as an array'


def describe_size(source: Picture, array: np.ndarray) -> str:
    """Name and size of what was read from a file, for a message."""
    h, w = array.shape[:2]
    return f'{name_of(source)} has {w} x {h} px'


def check_size(
    source: Picture, array: np.ndarray, picture: Picture, pixels: np.ndarray
) -> None:
    """Check that a mask or label map has the size of its picture.

    Args:
        source (Picture): Where it was read from.
        array (np.ndarray): (h, w, ...).
        picture (Picture): Where its picture was read from.
        pixels (np.ndarray): (h, w, 3).

    Raises:
        UserError: It has another size.
    """
    if array.shape[:2] != pixels.shape[:2]:
        raise UserError(
            f'{describe_size(source, array)}, but '
            f'{describe_size(picture, pixels)}: both must have the same '
            'size; make the first again from the second'
        )


def read_picture(source: Picture) -> np.ndarray:
    """Read a picture as RGB.

    Grey pictures get three equal channels. Transparent ones are laid on
    white, as shops show their clothes. A camera's note of its orientation is
    followed.

    Args:
        source (Picture): File, picture of Pillow, or array of uint8: (h, w)
            grey, (h, w, 3) RGB or (h, w, 4) RGBA.

    Returns:
        np.ndarray: (h, w, 3) uint8.

    Raises:
        UserError: It is missing, damaged or no such picture.
    """
    return np.array(_flatten(_open(source), 'white').convert('RGB'))


def read_mask(source: Picture) -> np.ndarray:
    """Read the mask of a garment; it is on where the value is at least 128.

    Args:
        source (Picture): See :func:`read_picture`; also (h, w) bool. Colours
            become grey, what is transparent becomes 0.

    Returns:
        np.ndarray: (h, w) uint8, 0 ... 255.

    Raises:
        UserError: It cannot be read, or is nowhere on.
    """
    mask = np.array(_flatten(_open(source), 'black').convert('L'))
    if mask.max(initial=0) < 128:
        raise UserError(
            f'{name_of(source)}: an empty mask, its greatest value is '
            f'{mask.max(initial=0)}; expected 128 to 255 on the garment; '
            'make it again, or leave it out and GrabCut makes one'
        )
    return mask


def _flatten(picture: Image.Image, background: str) -> Image.Image:
    """Lay what is transparent on a colour."""
    if not picture.has_transparency_data:
        return picture
    picture = picture.convert('RGBA')
    under = Image.new('RGBA', picture.size, background)
    return Image.alpha_composite(under, picture)


def _open(source: Picture) -> Image.Image:
    """A picture of 8 bits, upright and fully read.

    Raises:
        UserError: It is none.
    """
    name = name_of(source)
    try:
        picture = source
        if isinstance(source, np.ndarray):
            picture = _from_array(source)
        elif not isinstance(source, Image.Image):
            picture = Image.open(source)
        picture.load()
    except FileNotFoundError:
        raise UserError(f'{name} does not exist') from None
    except (
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:
        raise UserError(
            f'{name} cannot be read as a picture ({error}); get or make it '
            'again'
        ) from None
    if picture.mode.startswith(('I', 'F')):
        raise UserError(
            f'{name} has values of 16 or 32 bits (mode {picture.mode}), '
            'expected a picture of 8 bits a channel; save it as one'
        )
    return ImageOps.exif_transpose(picture)


def _from_array(array: np.ndarray) -> Image.Image:
    if (
        array.dtype not in (np.uint8, bool)
        or not (array.ndim == 2 or array.shape[2:] in ((3,), (4,)))
        or not array.size
    ):
        raise ValueError(
            f'got an array {array.shape} of {array.dtype}, expected uint8 of '
            'shape (h, w), (h, w, 3) or (h, w, 4)'
        )
    if array.dtype == bool:  # of which Pillow would take the bits
        array = array * np.uint8(255)
    return Image.fromarray(array)


def read_parse(path: str | Path, labels: ParseLabels = 'viton') -> np.ndarray:
    """Read a parse map.

    Args:
        path (str | Path): Picture of label ids: grey, or with a palette (the
            ids are its indices).
        labels (str): ``'viton'``: 0 ... 13, kept as they are. ``'cihp'``:
            those of VITON-HD, 0 ... 19, mapped to VITON's
            (:data:`~.viton.CIHP_TO_VITON`).

    Returns:
        np.ndarray: (h, w) uint8, 0 ... 13.

    Raises:
        UserError: It cannot be read or has other labels.
    """
    if labels == 'viton':
        hint = "; 14 to 19 are VITON-HD's: layout='viton-hd'"
        return _read_ids(path, NUM_LABELS, 'labels', hint)
    return _CIHP[_read_ids(path, len(_CIHP), 'labels', '')]


def read_densepose(path: str | Path) -> np.ndarray:
    """Read the DensePose parts of a person.

    Args:
        path (str | Path): ``.npy``, (h, w) of part ids, or a grey picture of
            them.

    Returns:
        np.ndarray: (h, w) uint8, 0 ... 24.

    Raises:
        UserError: It cannot be read, or has another shape or other parts.
    """
    hint = '; make it again, of part ids, not a picture in colours'
    if Path(path).suffix != '.npy':
        return _read_ids(path, NUM_PARTS, 'parts', hint)
    try:
        parts = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f'{path} does not exist') from None
    except (OSError, ValueError, EOFError) as error:
        raise UserError(
            f'{path} cannot be read as an array ({error}); make it again'
        ) from None
    if parts.ndim != 2 or parts.dtype.kind not in 'biuf':
        raise UserError(
            f'{path} holds an array {parts.shape} of {parts.dtype}, expected '
            '(h, w) of part ids 0 to 24 (of I, U, V the first alone)'
        )
    return _checked_ids(parts, path, NUM_PARTS, 'parts', hint)


def _read_ids(
    path: str | Path, count: int, what: str, hint: str
) -> np.ndarray:
    """A picture of ids below ``count``, (h, w) uint8."""
    picture = _open(path)
    ids = np.array(picture)
    if picture.mode == 'RGB' and (ids == ids[:, :, :1]).all():
        ids = ids[:, :, 0]
    if ids.ndim != 2:
        raise UserError(
            f'{path} is a picture in colours ({picture.mode}), expected the '
            f'ids of {what}, 0 to {count - 1}, as grey values or with a '
            'palette'
        )
    return _checked_ids(ids, path, count, what, hint)


def _checked_ids(
    ids: np.ndarray, path: str | Path, count: int, what: str, hint: str
) -> np.ndarray:
    with np.errstate(invalid='ignore'):  # NaN
        whole = ids.astype(np.uint8)
    wrong = (whole != ids) | (whole >= count)
    if wrong.any():
        found = describe(np.unique(ids[wrong]).tolist())
        raise UserError(
            f'{path} has {what} {found}, expected whole numbers 0 to '
            f'{count - 1}{hint}'
        )
    return whole


def read_pose(path: str | Path) -> np.ndarray:
    """Read the joints of the first person of an OpenPose file.

    Args:
        path (str | Path): JSON; ``people[0]`` has ``pose_keypoints`` (older)
            or ``pose_keypoints_2d``: x, y in px and confidence of 18 joints
            (COCO), or of 25 (BODY_25), of which those 18 are taken.

    Returns:
        np.ndarray: (18, 3) float32, rows of x, y and confidence in the order
        of :data:`~.viton.JOINTS`; 0 for a joint that was not found. All 0 if
        there is nobody.

    Raises:
        UserError: It is no such file.
    """
    again = 'make it again with OpenPose'
    try:
        people = json.loads(Path(path).read_bytes())['people']
        if not people:
            return np.zeros((NUM_JOINTS, 3), np.float32)
        person = people[0]
        keys = [k for k in ('', '_2d') if f'pose_keypoints{k}' in person]
        if not keys:
            raise KeyError('pose_keypoints')
        joints = np.array(person[f'pose_keypoints{keys[0]}'], np.float32)
    except FileNotFoundError:
        raise UserError(f'{path} does not exist') from None
    except KeyError as error:
        raise UserError(f'{path} lacks the key {error}; {again}') from None
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f'{path} is no pose file ({error}); {again}') from None
    if joints.shape not in ((54,), (75,)) or not np.isfinite(joints).all():
        raise UserError(
            f'{path} has joints of shape {joints.shape}, expected 54 or 75 '
            f'finite numbers (x, y and confidence of 18 or 25); {again}'
        )
    joints = joints.reshape(-1, 3)
    return joints if len(joints) == 18 else joints[list(BODY_25_JOINTS)]


def read_flow(path: str | Path) -> np.ndarray:
    """Read a true warp.

    Args:
        path (str | Path): ``.npz`` with ``flow`` (h, w, 2).

    Returns:
        np.ndarray: (h, w, 2) float32, for each pixel of the person where it
        lies on the flat cloth, x and y in px; NaN where no cloth is seen.

    Raises:
        UserError: It is no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            flow = content['flow']
        if flow.ndim != 3 or flow.shape[2] != 2 or flow.dtype.kind != 'f':
            raise ValueError(
                f'flow is {flow.shape} of {flow.dtype}, expected (h, w, 2)'
            )
    except FileNotFoundError:
        raise UserError(f'{path} does not exist') from None
    # zipfile.BadZipFile is an Exception of its own
    except Exception as error:
        raise UserError(f'{path} is no flow file ({error})') from None
    return flow.astype(np.float32)


_READERS: dict[FileKind, Callable[[Any], np.ndarray]] = {
    'person': read_picture,
    'cloth': read_picture,
    'cloth_mask': read_mask,
    'densepose': read_densepose,
    'pose': read_pose,
    'flow': read_flow,
    'truth': read_picture,
    'truth_flow': read_flow,
}


def read_file(
    kind: FileKind, source: Picture, labels: ParseLabels = 'viton'
) -> np.ndarray:
    """Read a file of a kind with the reader above that fits.

    Args:
        kind (str): What it is.
        source (Picture): The file; of a picture or mask also an array.
        labels (str): Those of a parse map.

    Raises:
        UserError: It is missing, damaged or not of that kind.
    """
    if kind == 'parse':
        return read_parse(source, labels)
    return _READERS[kind](source)
