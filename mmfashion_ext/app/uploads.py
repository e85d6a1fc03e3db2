# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Read uploaded photographs and clips: bounded, and only what they claim."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ..errors import UserError
from ..utils.images import image_size, natural_order, read_image
from ..utils.video import VideoReader, is_video_file

#: Largest uploaded file; the server refuses larger ones while they come in.
MAX_FILE_BYTES = 100 * 2**20
#: Largest photograph that is decoded, in px: a third of what the package
#: allows elsewhere, since several visitors share the memory.
MAX_PIXELS = 50_000_000
#: Longer side, px, that larger photographs are reduced to.
MAX_SIDE = 2048
#: Most frames of a tracklet, and the height in px that they are reduced to.
MAX_FRAMES = 600
MAX_FRAME_HEIGHT = 256
#: Options of FFmpeg inside OpenCV: an uploaded video opens no other source.
FFMPEG_OPTIONS = 'protocol_whitelist;file'

#: Offset and first bytes of the containers of video that are opened: a
#: playlist, which would make the decoder open other files, is none of them.
_CONTAINERS = (
    (4, b'ftyp'),  # MP4, MOV, M4V
    (0, b'\x1a\x45\xdf\xa3'),  # Matroska, WebM
    (0, b'RIFF'),  # AVI
    (0, b'\x30\x26\xb2\x75'),  # WMV
    (0, b'\x00\x00\x01\xba'),  # MPEG
    (0, b'\x00\x00\x01\xb3'),
)


class Upload(NamedTuple):
    """A file that a visitor chose.

    Attributes:
        path (Path): Where it lies on the server.
        name (str): What the visitor calls it.
    """

    path: Path
    name: str


class Photo(NamedTuple):
    """A photograph that was read.

    Attributes:
        image (np.ndarray): (h, w, 3) uint8 BGR.
        name (str): What the visitor calls it.
        note (str): What was done to it; empty if nothing.
    """

    image: np.ndarray
    name: str
    note: str = ''


@contextmanager
def visible_names(uploads: Sequence[Upload]) -> Iterator[None]:
    """Name files in errors as the visitor does, not by the server's paths.

    Args:
        uploads (Sequence[Upload]): The files that may be named.
    """
    try:
        yield
    except UserError as error:
        text = str(error)
        for path, name in uploads:
            text = text.replace(str(path), name)
        raise UserError(text) from None


def read_photo(upload: Upload | None, what: str = 'a photo') -> Photo:
    """Read an uploaded photograph.

    Args:
        upload (Upload, optional): None if nothing was chosen.
        what (str): What is expected, for the message.

    Returns:
        Photo: Upright, of 2048 px at most on its longer side.

    Raises:
        UserError: Nothing was chosen, or it is damaged, too large or not an
            image.
    """
    if upload is None:
        raise UserError(f'No file was chosen; choose {what} first.')
    with visible_names([upload]):
        w, h = image_size(upload.path)
        if w * h > MAX_PIXELS:
            raise UserError(
                f'{upload.name}: {w} x {h} px, more than the '
                f'{MAX_PIXELS // 10**6} megapixels that are decoded here; '
                'make it smaller'
            )
        image = read_image(upload.path)
    scale = MAX_SIDE / max(w, h)
    if scale >= 1:
        return Photo(image, upload.name)
    size = max(round(w * scale), 1), max(round(h * scale), 1)
    return Photo(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA),
        upload.name,
        f'{upload.name}: reduced from {w} x {h} to {size[0]} x {size[1]} px.',
    )


def read_frames(uploads: Sequence[Upload]) -> list[np.ndarray]:
    """Read the frames of a person: image files in order, or one video clip.

    Args:
        uploads (Sequence[Upload]): Images, or one clip.

    Returns:
        list[np.ndarray]: (h, w, 3) uint8 BGR each, of 256 px at most in
        height.

    Raises:
        UserError: One cannot be read, or there are too many.
    """
    if len(uploads) > MAX_FRAMES:
        raise UserError(
            f'{len(uploads)} frames, more than the {MAX_FRAMES} that are read '
            'here; choose fewer'
        )
    with visible_names(uploads):
        if len(uploads) == 1 and is_video_file(uploads[0].name):
            return [*_clip_frames(uploads[0])]
        return [_reduced(read_photo(upload).image) for upload in uploads]


def check_video(upload: Upload) -> None:
    """Refuse a file that is not a video by its first bytes.

    Args:
        upload (Upload): With the name of a video.

    Raises:
        UserError: It is something else, such as a playlist.
    """
    with upload.path.open('rb') as file:
        head = file.read(16)
    if not any(
        head[start : start + len(magic)] == magic
        for start, magic in _CONTAINERS
    ):
        raise UserError(
            f'{upload.name}: cannot be read as a video; expected an MP4, MOV, '
            'MKV, WebM, AVI, WMV or MPEG file'
        )


def natural_name(upload: Upload) -> list[list[tuple[int, str]]]:
    """Return a sorting key that puts 2.jpg before 10.jpg."""
    return natural_order(Path(upload.name))


def _clip_frames(upload: Upload) -> Iterator[np.ndarray]:
    """Yield the frames of a clip; too many are an error."""
    check_video(upload)
    for number, frame in enumerate(VideoReader(upload.path)):
        if number == MAX_FRAMES:
            raise UserError(
                f'{upload.name}: more than the {MAX_FRAMES} frames that are '
                'read here; cut it shorter'
            )
        yield _reduced(frame)


def _reduced(frame: np.ndarray) -> np.ndarray:
    """Return a frame (h, w, 3) of no more than ``MAX_FRAME_HEIGHT`` px."""
    h, w = frame.shape[:2]
    if h <= MAX_FRAME_HEIGHT:
        return frame
    size = max(round(w * MAX_FRAME_HEIGHT / h), 1), MAX_FRAME_HEIGHT
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
