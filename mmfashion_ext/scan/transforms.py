# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Transforms of clips: load, resize, flip, erase, pack frames and flow maps.

A clip is ``results['img']`` and, if flow is used, ``results['flow']``, each a
list of T RGB images of Pillow. All random draws use the item's own
generator, see :func:`~.seeding.rng_of`.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import UserError
from ..registry import TRANSFORMS
from ..utils.images import open_image
from .seeding import rng_of
from .structures import ClipDataSample

_MODALITIES = ('img', 'flow')
_META = ('pid', 'label', 'camid', 'tracklet', 'role', 'start', 'end')


def _modalities(results: dict) -> list[str]:
    """Return the modalities that an item has."""
    return [key for key in _MODALITIES if key in results]


def _each(results: dict, change: Callable[[Image.Image], Image.Image]) -> dict:
    """Change every image of both modalities."""
    for key in _modalities(results):
        results[key] = [change(image) for image in results[key]]
    return results


def load_frame(path: str) -> Image.Image:
    """Read a frame or flow map of a dataset.

    Args:
        path (str): Image file; its pixels are used as stored, without the
            EXIF orientation.

    Returns:
        Image.Image: 8-bit RGB of (w, h) px, loaded.

    Raises:
        UserError: It does not exist or is damaged.
    """
    try:
        return open_image(path, orientation=False).convert('RGB')
    except UserError as error:
        raise UserError(f'{error}; convert the dataset again') from None


@TRANSFORMS.register_module()
class LoadClip:
    """Load the frames of a clip, and its flow maps if it has any.

    A clip that is shorter than ``results['clip_length']`` (T) is extended by
    repeating its last frame. Required keys: ``img_paths``; ``flow_paths`` and
    ``clip_length`` if known. Added keys: ``img``, ``flow``, lists of T 8-bit
    RGB images of (w, h) px.
    """

    def __call__(self, results: dict) -> dict:
        """Add the images.

        Raises:
            UserError: A file is missing or damaged, or the clip is empty.
        """
        for key in _MODALITIES:
            paths = results.get(f'{key}_paths')
            if paths is None:
                continue
            if not paths:
                raise UserError(
                    f'{key}_paths is empty: a clip needs at least one frame'
                )
            images = [load_frame(path) for path in paths]
            missing = results.get('clip_length', 0) - len(images)
            results[key] = images + images[-1:] * missing
        return results


@TRANSFORMS.register_module()
class ResizeClip:
    """Resize every frame to one size with Pillow's bilinear filter.

    When it shrinks, the filter averages all pixels (antialiasing).

    Args:
        size (tuple[int, int]): (h, w) in px. Defaults to (256, 128).
    """

    def __init__(self, size: tuple[int, int] = (256, 128)) -> None:
        self.height, self.width = size

    def __call__(self, results: dict) -> dict:
        """Resize the images that have another size."""
        size = self.width, self.height
        return _each(
            results,
            lambda image: (
                image
                if image.size == size
                else image.resize(size, Image.Resampling.BILINEAR)
            ),
        )


@TRANSFORMS.register_module()
class FlipClip:
    """Flip all frames and flow maps of a clip horizontally, or none.

    Both are lists of T RGB images of (w, h) px. As published, the flow's
    values are not negated.

    Args:
        prob (float): Probability, 0-1.
    """

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = prob

    def __call__(self, results: dict) -> dict:
        """Draw once, then flip or not."""
        if rng_of(results).random() >= self.prob:
            return results
        return _each(
            results,
            lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        )


@TRANSFORMS.register_module()
class EraseFrames:
    """Random erasing: cover a rectangle of single frames with one colour.

    Everything is drawn separately for each frame and modality. The fraction
    of the image's area is drawn from ``area``, height / width between
    ``aspect`` and its inverse, until the rectangle fits into the image.

    Args:
        prob (float): Probability for each image, 0-1.
        area (tuple[float, float]): Smallest and largest fraction of the
            image's area, 0-1.
        aspect (float): Smallest height / width, at most 1.
        paste (str): ``'reference'``: a rectangle of w x h px is placed at
            (x, y) = (w, h), cut off by the image's border. A slip of the
            published code: the upper left is never covered. ``'sampled'``:
            it is placed where it was drawn.

    Raises:
        UserError: A value is outside its range.
    """

    def __init__(
        self,
        prob: float = 0.5,
        area: tuple[float, float] = (0.02, 0.2),
        aspect: float = 0.3,
        paste: Literal['reference', 'sampled'] = 'reference',
    ) -> None:
        if paste not in ('reference', 'sampled'):
            raise UserError(
                f"paste must be 'reference' or 'sampled', got {paste!r}"
            )
        if not (0 < area[0] <= area[1] < 1 and 0 < aspect <= 1):
            raise UserError(
                'area must be two fractions between 0 and 1, the smaller '
                f'first, and aspect between 0 and 1, got {area} and {aspect}'
            )
        self.prob = prob
        self.area = area
        self.aspect = aspect
        self.paste = paste

    def __call__(self, results: dict) -> dict:
        """Erase parts of some images."""
        rng = rng_of(results)
        return _each(results, lambda image: self._erase(image, rng))

    def _erase(
        self, image: Image.Image, rng: np.random.Generator
    ) -> Image.Image:
        """Return the image, or a copy with a covered rectangle."""
        if rng.random() >= self.prob:
            return image
        x1, y1, x2, y2 = self.sample(image.width, image.height, rng)
        width, height = x2 - x1, y2 - y1
        if self.paste == 'reference':
            x1, y1 = width, height
        colour = rng.integers(0, 256, 3)
        image = image.copy()  # the repeated frames of a clip are one object
        image.paste(tuple(colour.tolist()), (x1, y1, x1 + width, y1 + height))
        return image

    def sample(
        self, width: int, height: int, rng: np.random.Generator
    ) -> tuple[int, int, int, int]:
        """Draw a rectangle; its size is added to the rounded corner.

        Args:
            width (int): Width of the image, px.
            height (int): Height of the image, px.
            rng (np.random.Generator): Random generator.

        Returns:
            tuple[int, int, int, int]: (x1, y1, x2, y2) in px, inside the
            image; without area if the image is tiny.
        """
        uniform = rng.uniform
        while True:
            area = uniform(*self.area) * width * height
            aspect = uniform(self.aspect, 1 / self.aspect)
            h, w = (area * aspect) ** 0.5, (area / aspect) ** 0.5
            if w >= width or h >= height:
                continue
            x, y = uniform(0, width - w), uniform(0, height - h)
            x1, y1 = int(np.ceil(x)), int(np.ceil(y))
            return x1, y1, x1 + int(w), y1 + int(h)


@TRANSFORMS.register_module()
class PackClip:
    """Pack a clip into the inputs of the model.

    Returns ``inputs``, a dict of ``img`` and, if there is flow, ``flow``:
    (T, 3, H, W) uint8 RGB tensors, and ``data_samples``, a
    ``ClipDataSample`` with the known part of its metainfo.
    """

    def __call__(self, results: dict) -> dict:
        """Stack the images.

        Raises:
            UserError: The images differ in size.
        """
        sample = ClipDataSample(
            metainfo={key: results[key] for key in _META if key in results}
        )
        inputs = {
            key: self._stack(results, key) for key in _modalities(results)
        }
        return {'inputs': inputs, 'data_samples': sample}

    @staticmethod
    def _stack(results: dict, key: str) -> Tensor:
        """Stack T images of Pillow to (T, 3, H, W) uint8."""
        images = results[key]
        sizes = sorted({image.size for image in images})
        if len(sizes) > 1:
            (w, h), (w2, h2) = sizes[:2]
            paths = results.get(f'{key}_paths', ['a clip'])
            raise UserError(
                f'{paths[0]} and the frames after it have different sizes '
                f'({w} x {h} and {w2} x {h2} px); put ResizeClip before '
                'PackClip'
            )
        frames = np.stack([np.asarray(image) for image in images])
        return torch.from_numpy(frames.transpose(0, 3, 1, 2).copy())
