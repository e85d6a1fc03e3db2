# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Image reader, finder and writer of all systems, formats and tools.

Every image that a user names is opened here: by path, URL, bytes, file object,
array or as an image of Pillow. Only regular files are opened, and the size in
the header is checked before pixels are decoded, so that a device, a pipe or a
decompression bomb ends in one line.
"""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias
from urllib.parse import unquote, urlparse

import numpy as np
from PIL import Image, ImageOps

from ..errors import UserError, one_line
from .files import atomic_write
from .sources import is_url, open_source

#: Endings of image files, in lower case; any case is recognised.
IMAGE_SUFFIXES = (
    '.bmp',
    '.jpeg',
    '.jpg',
    '.png',
    '.ppm',
    '.tif',
    '.tiff',
    '.webp',
)

#: Largest image that is decoded: 450 MB as RGB, above the 108 megapixels of
#: a phone's camera.
MAX_PIXELS = 150_000_000

#: A path, URL, array (h, w), (h, w, 3) BGR or (h, w, 4) BGRA of uint8, image
#: of Pillow, content of an image file, or file opened for reading bytes.
ImageInput: TypeAlias = (
    str | Path | np.ndarray | Image.Image | bytes | BinaryIO
)


def is_image_file(path: str | Path) -> bool:
    """Return whether a file's name ends like that of an image, in any case."""
    return Path(path).suffix.lower() in IMAGE_SUFFIXES


def is_image_input(source: object) -> bool:
    """Return whether a value is one image input (its content unchecked)."""
    kinds = (str, Path, np.ndarray, Image.Image, bytes, bytearray)
    return isinstance(source, kinds) or hasattr(source, 'read')


def image_name(source: ImageInput, default: str = 'image') -> str:
    """Return what to call an input in messages and results.

    Args:
        source (ImageInput): An image.
        default (str): Name of an input that has none. Defaults to 'image'.

    Returns:
        str: The path or URL as given; of an opened file or an image of Pillow
        that was read from a file, that file's; otherwise ``default``.
    """
    if isinstance(source, str | Path):
        return str(source)
    for attribute in ('filename', 'name'):
        found = getattr(source, attribute, None)
        if isinstance(found, str | Path) and str(found):
            return str(found)
    return default


def image_stem(name: str) -> str:
    """Return the stem of a path or URL: its last part without the ending."""
    path = unquote(urlparse(name).path) if is_url(name) else name
    return Path(path).stem or 'image'


def read_image(
    source: ImageInput, *, orientation: bool = True, background: str = 'white'
) -> np.ndarray:
    """Read an image as BGR, whatever its colour mode.

    Grey images get three equal channels, 16-bit ones keep their upper 8 bits,
    and transparent ones are laid on a colour, as shops show their clothes.

    Args:
        source (ImageInput): See there.
        orientation (bool): Rotate as the EXIF orientation says, as viewers
            do. False where annotations refer to the stored pixels.
            Defaults to True.
        background (str): Colour under transparent pixels, any name Pillow
            knows. Defaults to 'white'.

    Returns:
        np.ndarray: (h, w, 3) uint8 BGR, contiguous.

    Raises:
        UserError: It is missing, damaged, too large or not an image.
    """
    image = _open(source, orientation)
    if image.mode.startswith('I'):  # 16 bits a channel, of which 8 are kept
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode == 'F':
        raise UserError(
            f'{image_name(source)}: values of 32-bit floating point, expected '
            'an image of 8 or 16 bits a channel; save it as one'
        )
    rgb = np.asarray(flatten(image, background).convert('RGB'))
    return np.ascontiguousarray(rgb[..., ::-1])


def read_as_loaded(
    source: ImageInput, shape: tuple[int, ...] | None
) -> np.ndarray:
    """Read an image as a test pipeline did, to draw its predictions on it.

    The configs load the pixels as they are stored; a pipeline of one's own
    may follow the EXIF orientation.

    Args:
        source (ImageInput): See there.
        shape (tuple[int, ...], optional): (h, w) px of the image that the
            pipeline loaded, ``ori_shape`` of its data sample.

    Returns:
        np.ndarray: (h, w, 3) uint8 BGR.

    Raises:
        UserError: It is missing, damaged, too large or not an image.
    """
    image = read_image(source, orientation=False)
    if shape is not None and image.shape[:2] != tuple(shape[:2]):
        return read_image(source)
    return image


def open_image(source: ImageInput, *, orientation: bool = True) -> Image.Image:
    """Open an image with Pillow and load it, e.g. a mask or a label map.

    Args:
        source (ImageInput): See there.
        orientation (bool): See :func:`read_image`. Defaults to True.

    Returns:
        Image.Image: (w, h) px of 8 bits a channel, loaded; RGB(A), not BGR(A).

    Raises:
        UserError: It is missing, damaged, too large, not an image, or has
            more than 8 bits a channel.
    """
    image = _open(source, orientation)
    if image.mode.startswith(('I', 'F')):
        raise UserError(
            f'{image_name(source)} has values of 16 or 32 bits (mode '
            f'{image.mode}), expected an image of 8 bits a channel; save it '
            'as one'
        )
    return image


def image_size(
    source: ImageInput, *, orientation: bool = True
) -> tuple[int, int]:
    """Read the size of an image from its header.

    Args:
        source (ImageInput): See there.
        orientation (bool): Size after the rotation that the EXIF orientation
            asks for. Defaults to True.

    Returns:
        tuple[int, int]: (w, h) in px.

    Raises:
        UserError: It is missing, damaged, too large or not an image.
    """
    with _reading(source), _header(source) as image:
        turned = orientation and exif_orientation(image) in (5, 6, 7, 8)
        return image.size[::-1] if turned else image.size


def image_orientation(source: ImageInput) -> int:
    """Read the EXIF orientation of an image from its header, 1 to 8.

    Args:
        source (ImageInput): See there.

    Raises:
        UserError: It is missing, damaged, too large or not an image.
    """
    with _reading(source), _header(source) as image:
        return exif_orientation(image)


def exif_orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of an image, 1 (upright) to 8.

    From 5 on (w, h) is (h, w) of what is shown. A damaged EXIF block counts as
    upright.
    """
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # whatever a damaged block makes Pillow raise
        return 1
    return value if value in range(1, 9) else 1


def flatten(image: Image.Image, background: str) -> Image.Image:
    """Lay the transparent parts of an image on a colour.

    Args:
        image (Image.Image): Of any mode.
        background (str): Name of a colour.

    Returns:
        Image.Image: RGBA without transparency, or the image itself, of the
        same size (w, h).
    """
    if not image.has_transparency_data:
        return image
    image = image.convert('RGBA')
    under = Image.new('RGBA', image.size, background)
    return Image.alpha_composite(under, image)


def find_images(folder: str | Path, *, recursive: bool = False) -> list[Path]:
    """Return the image files of a folder in the natural order of their names.

    Files are recognised by their endings, see :data:`IMAGE_SUFFIXES`. Hidden
    files are left out. 2.jpg comes before 10.jpg.

    Args:
        folder (str | Path): An existing folder.
        recursive (bool): Look into subfolders too; links to folders are not
            followed. Defaults to False.

    Returns:
        list[Path]: At least one.

    Raises:
        UserError: There is no such folder, or no image in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f'{folder}: no such folder')
    found = sorted(_walk(folder, recursive), key=natural_order)
    if not found:
        raise UserError(
            f'{folder}: no images in this folder; expected files ending in '
            f'{", ".join(IMAGE_SUFFIXES)}'
        )
    return found


def natural_order(path: Path) -> list[list[tuple[int, str]]]:
    """Return a sorting key that puts 2.jpg before 10.jpg, folder by folder."""
    return [
        [
            (int(part) if part.isdecimal() else -1, part)
            for part in re.findall(r'\d+|\D+', name)
        ]
        for name in path.parts
    ]


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write an image file, whole or not at all.

    Args:
        path (str | Path): File to write; its ending chooses the format. Its
            folder is made if missing.
        image (np.ndarray): (h, w, 3) BGR or (h, w) grey, uint8.

    Raises:
        UserError: The ending is not that of an image format.
    """
    path = Path(path)
    if not is_image_file(path):
        raise UserError(
            f'{path}: cannot write an image with this ending; expected one '
            f'of {", ".join(IMAGE_SUFFIXES)}'
        )
    if image.ndim == 3:
        image = image[..., ::-1]
    form: dict[str, Any] = {
        'format': Image.registered_extensions()[path.suffix.lower()]
    }
    if form['format'] == 'JPEG':
        form |= {'quality': 95, 'subsampling': 0}
    with atomic_write(path) as temporary:
        Image.fromarray(np.ascontiguousarray(image)).save(temporary, **form)


def _walk(folder: Path, recursive: bool) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        if not recursive:
            folders.clear()
        folders[:] = [name for name in folders if not name.startswith('.')]
        for name in files:
            if is_image_file(name) and not name.startswith('.'):
                yield Path(root, name)


def _open(source: ImageInput, orientation: bool) -> Image.Image:
    """Open, check and load an image; see :func:`open_image`."""
    with _reading(source):
        image = _header(source)
        image.load()
        if orientation and exif_orientation(image) != 1:
            image = ImageOps.exif_transpose(image)
    return image


def _header(source: ImageInput) -> Image.Image:
    """Open an image and check its size; pixels are not decoded yet."""
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        image = source
    else:
        with warnings.catch_warnings():  # the bound below is ours
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            image = Image.open(open_source(source))
    if image.format == 'EPS':
        raise UserError(
            f'{image_name(source)}: is a PostScript file, a program that is '
            'not run; expected a JPEG, PNG or other image file'
        )
    w, h = image.size
    if w * h > MAX_PIXELS:
        raise UserError(
            f'{image_name(source)}: {w} x {h} px, more than the '
            f'{MAX_PIXELS // 10**6} megapixels that are decoded; make it '
            'smaller'
        )
    return image


def _from_array(array: np.ndarray) -> Image.Image:
    """Return an image of Pillow from BGR(A) or grey values."""
    if (
        array.dtype not in (np.uint8, bool)
        or not (array.ndim == 2 or array.shape[2:] in ((1,), (3,), (4,)))
        or not array.size
    ):
        raise UserError(
            f'got an array {array.shape} of {array.dtype}, expected an image '
            '(h, w), (h, w, 3) BGR or (h, w, 4) BGRA of uint8'
        )
    if array.dtype == bool:  # of which Pillow would use single bits
        array = array * np.uint8(255)
    if array.ndim == 3:
        channels: dict[int, Any] = {1: 0, 3: [2, 1, 0], 4: [2, 1, 0, 3]}
        array = array[..., channels[array.shape[2]]]
    return Image.fromarray(np.ascontiguousarray(array))


@contextmanager
def _reading(source: ImageInput) -> Iterator[None]:
    """Turn whatever reading an image raises into one line."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:  # Pillow raises a dozen classes on damage
        raise UserError(
            f'{image_name(source)}: cannot be read as an image '
            f'({one_line(error)}); expected a JPEG, PNG or '
            'other image file'
        ) from None
