# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Cloth and backgrounds cut from photographs of garments.

A step from drawn textures toward real ones: folds, knit, prints, and the
table or floor behind. GrabCut finds the garment; a square of cloth inside it
becomes the texture of a drawn garment, a square outside it a background. Both
are mirrored where they repeat. Images are (h, w, 3) BGR uint8.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from ...utils.images import find_images, read_image
from .textures import Style

#: Shares (0-1) of the styles, and of the backgrounds, that are photographed.
CLOTH_RATE = 0.75
BACKGROUND_RATE = 0.5
#: Photographs of a dataset: cutting one out costs about 0.1 s.
MOST_PHOTOS = 400
TILE = 192  # px of one repeat of photographed cloth, two mirrored patches
_SIDE = 256  # px, longer side of a photograph as it is used
_CUT_SIDE = 64  # px, longer side of the copy that GrabCut sees
_MIN_PATCH = 40  # px, of a square that is cut out

#: Category -> class folders of clothing-dataset-small with such cloth.
CLASSES: dict[int, tuple[str, ...]] = {
    1: ('t-shirt',),
    2: ('longsleeve', 'shirt'),
    3: ('outwear', 'shirt'),
    4: ('outwear', 'longsleeve'),
    5: ('t-shirt',),
    6: ('t-shirt', 'dress'),
    7: ('shorts', 'pants'),
    8: ('pants',),
    9: ('skirt', 'dress'),
    **dict.fromkeys((10, 11, 12, 13), ('dress', 'skirt')),
}
#: Splits of a generator -> subfolders of photographs for it, best first.
_SPLITS = {
    'train': ('train',),
    'validation': ('validation', 'val', 'test'),
    'val': ('validation', 'val', 'test'),
    'test': ('test', 'validation', 'val'),
}


@dataclass(frozen=True)
class PhotoStyle(Style):
    """Style whose cloth was cut from a photograph.

    Attributes:
        patch (np.ndarray): (s, s, 3) BGR uint8.
    """

    patch: np.ndarray = field(
        default_factory=lambda: np.zeros((1, 1, 3), np.uint8),
        compare=False,
        repr=False,
    )

    @property
    def tile(self) -> np.ndarray:
        """One seamless repeat, (TILE, TILE, 3) BGR uint8.

        The patch hangs in the middle of the garment, below its neck.
        """
        half = cv2.resize(
            self.patch, (TILE // 2, TILE // 2), interpolation=cv2.INTER_AREA
        )
        return np.roll(_mirror(half), TILE // 4, axis=1)


class GarmentPhotos:
    """Photographs of garments that cloth and backgrounds are cut from.

    Args:
        folder (str or Path): Images, in class folders (``t-shirt``,
            ``pants`` ...) or not. If it has subfolders for splits
            (``train``, ``validation``, ``test``), only that of ``split`` is
            used, so that no photograph is in two splits.
        split (str): ``train``, ``validation``, ``val`` or ``test``.
        seed (int): Which photographs are used if there are more than
            ``MOST_PHOTOS``.

    Raises:
        UserError: There is no such folder, or no image in it.
    """

    def __init__(
        self, folder: str | Path, split: str = 'train', seed: int = 0
    ) -> None:
        folder = Path(folder)
        names = [name for name in _SPLITS[split] if (folder / name).is_dir()]
        files = find_images(
            folder / names[0] if names else folder, recursive=True
        )
        # of clothing-dataset-small neither shoes nor hats
        clothes = {name for classes in CLASSES.values() for name in classes}
        files = [f for f in files if f.parent.name in clothes] or files
        rng = np.random.default_rng([seed, len(split)])
        rows = rng.permutation(len(files))[:MOST_PHOTOS]
        self.files = [files[row] for row in sorted(rows.tolist())]

    def _choose(self, rng: np.random.Generator, category: int | None) -> Path:
        """Return a photograph, of the classes of a category if there are."""
        files = self.files
        if category is not None and rng.random() < 0.8:
            classes = CLASSES[category]
            files = [f for f in files if f.parent.name in classes] or files
        return files[rng.integers(len(files))]

    def style(
        self, rng: np.random.Generator, category: int, style: Style
    ) -> Style:
        """Replace a drawn style by a photographed one, three times in four.

        Args:
            rng (np.random.Generator): Source of randomness.
            category (int): DeepFashion2 category, 1..13.
            style (Style): The drawn style.

        Returns:
            Style: A :class:`PhotoStyle`, whose colours are those of the
            photograph; the drawn one if a photograph shows too little cloth.
        """
        if rng.random() > CLOTH_RATE:
            return style
        image, mask = cut_out(self._choose(rng, category))
        patch = _square(rng, image, mask)
        if patch is None:
            return style
        if rng.random() < 0.5:
            patch = patch[:, ::-1]
        base, second = _two_colours(patch)
        return PhotoStyle(
            base,
            second,
            second if rng.random() < 0.3 else base,
            style.pattern,
            # a repeat is two patches; a body is about two units wide
            2 * rng.uniform(1.4, 2.8),
            turned=False,
            fade=0.0,
            seed=style.seed,
            rim=bool(rng.random() < 0.3),
            patch=np.ascontiguousarray(patch),
        )

    def background(
        self, rng: np.random.Generator, h: int, w: int
    ) -> np.ndarray | None:
        """Cut a background from beside a garment, every second time.

        Args:
            rng (np.random.Generator): Source of randomness.
            h (int): Height of the image, px.
            w (int): Width of the image, px.

        Returns:
            np.ndarray, optional: (h, w, 3) BGR uint8. None: draw one.
        """
        if rng.random() > BACKGROUND_RATE:
            return None
        image, mask = cut_out(self._choose(rng, None))
        patch = _square(rng, image, 255 - mask)
        if patch is None:
            return None
        side = max(8, round(max(h, w) * rng.uniform(0.4, 1.0)))
        patch = cv2.resize(patch, (side, side), interpolation=cv2.INTER_LINEAR)
        repeat = _mirror(patch)
        y, x = rng.integers(2 * side, size=2)
        repeat = np.roll(repeat, (y, x), axis=(0, 1))
        count = -(-h // (2 * side)), -(-w // (2 * side)), 1
        background = np.tile(repeat, count)[:h, :w]
        sigma = rng.uniform(0.3, 0.012 * w)
        return cv2.GaussianBlur(background, (0, 0), sigma)


@lru_cache(MOST_PHOTOS)
def cut_out(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a photograph of a garment and find the garment.

    Args:
        path (Path): An image.

    Returns:
        tuple[np.ndarray, np.ndarray]: (h, w, 3) BGR uint8, its longer side
        256 px, and (h, w) uint8: 255 inside the garment, 0 outside it, 128
        near its edge. All 128 if no garment was found.

    Raises:
        UserError: The image cannot be read.
    """
    image = _resize(read_image(path), _SIDE)
    found = _grabcut(_resize(image, _CUT_SIDE))
    if found is None:
        return image, np.full(image.shape[:2], 128, np.uint8)
    size = image.shape[1], image.shape[0]
    soft = cv2.resize(found, size, interpolation=cv2.INTER_LINEAR)
    brush = np.ones((9, 9), np.uint8)
    mask = np.full(image.shape[:2], 128, np.uint8)
    mask[cv2.erode(soft, brush, borderValue=0) == 255] = 255
    mask[cv2.dilate(soft, brush, borderValue=0) == 0] = 0
    return image, mask


def _grabcut(image: np.ndarray) -> np.ndarray | None:
    """Find the garment in the middle of an image by GrabCut.

    The margin is background, an eighth of the image in its middle is cloth.
    The mask of a try-on garment (``formats.viton.cloth_mask``) starts from
    its first row and column only, as the published masks did; that is enough
    for shop images on white, but not for a table.

    Returns:
        np.ndarray, optional: (h, w) uint8, 0 or 255; None if nothing is left.
    """
    h, w = image.shape[:2]
    labels = np.full((h, w), cv2.GC_PR_BGD, np.uint8)
    labels[h // 8 : -(h // 8), w // 8 : -(w // 8)] = cv2.GC_PR_FGD
    middle = slice(h * 3 // 8, h * 5 // 8), slice(w * 3 // 8, w * 5 // 8)
    labels[middle] = cv2.GC_FGD
    labels[[0, -1]] = labels[:, [0, -1]] = cv2.GC_BGD
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # k-means of the colours
    try:
        cv2.grabCut(image, labels, None, *models, 4, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # too few pixels, or too few colours
        return None
    cloth = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    return cloth * np.uint8(255) if cloth[:, 1:-1].any() else None


def _resize(image: np.ndarray, side: int) -> np.ndarray:
    """Resize an image so that its longer side has ``side`` px."""
    h, w = image.shape[:2]
    scale = side / max(h, w)
    size = max(2, round(w * scale)), max(2, round(h * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _square(
    rng: np.random.Generator, image: np.ndarray, mask: np.ndarray
) -> np.ndarray | None:
    """Cut one of the largest squares in which ``mask`` is 255.

    Returns:
        np.ndarray, optional: (s, s, 3), None if it would be too small.
    """
    inside = np.pad((mask == 255).astype(np.uint8), 1)
    # distance to the nearest pixel outside, in the maximum norm: half the
    # side of the largest square around each pixel
    radii = cv2.distanceTransform(inside, cv2.DIST_C, 3)[1:-1, 1:-1]
    largest = radii.max()
    if 2 * largest - 1 < _MIN_PATCH:
        return None
    rows, columns = np.nonzero(radii >= max(0.8 * largest, _MIN_PATCH / 2))
    at = rng.integers(len(rows))
    y, x = int(rows[at]), int(columns[at])
    reach = int(radii[y, x]) - 1
    return image[y - reach : y + reach + 1, x - reach : x + reach + 1]


def _mirror(patch: np.ndarray) -> np.ndarray:
    """Return a patch and its mirror images, (2s, 2s, 3), which repeats."""
    row = np.concatenate([patch, patch[:, ::-1]], axis=1)
    return np.concatenate([row, row[::-1]])


def _two_colours(
    patch: np.ndarray,
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return the usual colour of a patch and the one that differs most."""
    pixels = cv2.resize(patch, (8, 8), interpolation=cv2.INTER_AREA)
    pixels = pixels.reshape(-1, 3).astype(int)
    base = np.median(pixels, axis=0).astype(int)
    second = pixels[np.abs(pixels - base).sum(1).argmax()]
    return _integers(base), _integers(second)


def _integers(colour: np.ndarray) -> tuple[int, int, int]:
    """Convert a (3,) colour to integers."""
    b, g, r = colour.tolist()
    return b, g, r
