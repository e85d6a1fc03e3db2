# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Page "Find in shop": the garments of a photo among those of a gallery."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import UserError
from ..utils.duplicates import DUPLICATE_IOU
from ..utils.images import read_image
from .clothes import readable
from .uploads import Photo, Upload, read_photo

#: Margin around a garment's box, a part of its longer side.
_MARGIN = 0.05


class Shop(NamedTuple):
    """A gallery of shop images, and what compares garments with it.

    Attributes:
        index (GalleryIndex): The garments.
        encoder (object): Detects and encodes garments, of the index's model.
        keep_missing (bool): Also match images that are gone.
    """

    index: Any
    encoder: Any
    keep_missing: bool = False


class Found(NamedTuple):
    """Matches of the garments of a photograph.

    Attributes:
        images (list[tuple[np.ndarray, str]]): Each garment, (h, w, 3) uint8
            BGR, and its caption, followed by its matches, best first.
        rows (list[tuple[str, ...]]): Garment, rank, similarity 0-1, category
            and file name of each match.
        notes (list[str]): What was done to the photograph.
    """

    images: list[tuple[np.ndarray, str]]
    rows: list[tuple[str, ...]]
    notes: list[str]


HEADINGS = 'garment', 'rank', 'similarity', 'found', 'shop image'


def find_in_shop(upload: Upload | None, shop: Shop, top: int) -> Found:
    """Find the garments of a photograph in a shop.

    Args:
        upload (Upload, optional): The photograph; None if none was chosen.
        shop (Shop): The gallery.
        top (int): Matches of each garment.

    Returns:
        Found: As ``mmfashion gallery query`` finds them.

    Raises:
        UserError: The photograph cannot be used, or shows no clothes.
    """
    from ..match_rcnn.gallery import query_gallery

    photo = read_photo(upload)
    garments = query_photo(photo, shop, top, query_gallery)
    found = Found([], [], [photo.note] if photo.note else [])
    for number, garment in enumerate(garments, 1):
        name = f'{number}: {readable(garment["category"])}'
        crop = _crop(photo.image, garment['bbox'])
        found.images.append((crop, f'Your garment {name}'))
        for rank, match in enumerate(garment['matches'], 1):
            category = readable(match['category'])
            similarity = f'{match["similarity"]:.3f}'
            file = Path(match['image']).name
            found.rows.append((name, str(rank), similarity, category, file))
            image = _shop_image(match)
            if image is not None:
                caption = f'Match {rank} of {name}: {similarity}, {file}'
                found.images.append((image, caption))
    return found


def query_photo(photo: Photo, shop: Shop, top: int, query: Any) -> list[dict]:
    """Return the garments of a photograph with their matches.

    Args:
        photo (Photo): The photograph.
        shop (Shop): The gallery.
        top (int): Matches of each garment.
        query (callable): ``match_rcnn.gallery.query_gallery``.

    Raises:
        UserError: It shows no clothes, or all images of the shop are gone.
    """
    try:
        return query(
            photo.image,
            shop.index,
            shop.encoder,
            top,
            keep_missing=shop.keep_missing,
            duplicate_iou=DUPLICATE_IOU,
        )
    except UserError as error:
        if 'no clothes found' not in str(error):
            raise
        raise UserError(
            f'{photo.name}: no clothes were found; choose a photo in which a '
            'garment is large and whole'
        ) from None


def _shop_image(match: dict) -> np.ndarray | None:
    """Return the garment of a match, (h, w, 3) uint8 BGR, if it is there."""
    try:
        return _crop(read_image(match['image']), match['bbox'])
    except UserError:
        return None


def _crop(image: np.ndarray, box: list[float]) -> np.ndarray:
    """Return a box (4) xyxy px of an image (h, w, 3), with a margin."""
    h, w = image.shape[:2]
    x1, y1, x2, y2 = box
    margin = _MARGIN * max(x2 - x1, y2 - y1)
    left, top = max(int(x1 - margin), 0), max(int(y1 - margin), 0)
    right, bottom = min(int(x2 + margin) + 1, w), min(int(y2 + margin) + 1, h)
    return image[top : max(bottom, top + 1), left : max(right, left + 1)]
