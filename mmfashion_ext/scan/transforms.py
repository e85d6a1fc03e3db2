# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Transforms of clips: RGB frames and flow maps in step.

A clip is ``results['img']`` and, unless there is no flow, ``results['flow']``,
each a list of T RGB pictures of Pillow. All chance comes from the item's own
generator, see :func:`~.randomness.rng_of`.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import UserError
from ..registry import TRANSFORMS
from .seeding import rng_of
from .structures import ClipDataSample

_MODALITIES = ('img', 'flow')
_META = ('pid', 'label', 'camid', 'tracklet', 'role', 'start', 'end')

Pictures = list[Image.Image]


def _modalities(results: dict) -> list[str]:
    return [key for key in _MODALITIES if key in results]


def _each(results: dict, change: Callable[[Image.Image], Image.Image]) -> dict:
    """Change every picture of both modalities."""
    for key in _modalities(results):
        results[key] = [change(picture) for picture in results[key]]
    return results


def load_picture(path: str) -> Image.Image:
    """Read a picture as RGB, whole.

    Raises:
        UserError: It does not exist or is damaged.
    """
    try:
        with Image.open(path) as picture:
            return picture.convert('RGB')
    except FileNotFoundError:
        raise UserError(
            f'{path} does not exist; convert the data set again'
        ) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(
            f'{path} cannot be read ({error}); it is damaged: remove it and '
            'convert the data set again'
        ) from error


@TRANSFORMS.register_module()
class LoadClip:
    """Read the frames of a clip, and its flow maps if it has any.

    A clip that is shorter than ``results['clip_length']`` (T) is continued
    with its last frame. Required keys: ``img_paths``; ``flow_paths`` and
    ``clip_length`` if known. Added: ``img``, ``flow``.
    """

    def __call__(self, results: dict) -> dict:
        """Add the pictures."""
        for key in _MODALITIES:
            paths = results.get(f'{key}_paths')
            if paths is None:
                continue
            if not paths:
                raise UserError(
                    f'{key}_paths is empty: a clip has at least one frame'
                )
            pictures = [load_picture(path) for path in paths]
            missing = results.get('clip_length', 0) - len(pictures)
            results[key] = pictures + pictures[-1:] * missing
        return results


@TRANSFORMS.register_module()
class ResizeClip:
    """Resize every frame, whatever its size, with Pillow's bilinear filter.

    The filter looks at all pixels when it shrinks.

    Args:
        size (tuple[int, int]): (h, w) in px. Defaults to (256, 128).
    """

    def __init__(self, size: tuple[int, int] = (256, 128)) -> None:
        self.height, self.width = size

    def __call__(self, results: dict) -> dict:
        """Resize the pictures that are of another size."""
        size = self.width, self.height
        return _each(
            results,
            lambda picture: (
                picture
                if picture.size == size
                else picture.resize(size, Image.Resampling.BILINEAR)
            ),
        )


@TRANSFORMS.register_module()
class FlipClip:
    """Mirror all frames and flow maps of a clip, or none.

    As published, the flow's values are not negated.

    Args:
        prob (float): Probability, 0-1.
    """

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = prob

    def __call__(self, results: dict) -> dict:
        """Draw once, mirror left and right."""
        if rng_of(results).random() >= self.prob:
            return results
        return _each(
            results,
            lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        )


@TRANSFORMS.register_module()
class EraseFrames:
    """Paint a rectangle of one random colour over single pictures.

    Drawn anew for every frame and modality. The rectangle has a share of the
    area from ``area`` and height / width from ``aspect`` to its inverse; it
    is drawn until it lies inside the picture.

    Args:
        prob (float): Probability for each picture, 0-1.
        area (tuple[float, float]): Least and greatest share of the picture.
        aspect (float): Least height / width, at most 1.
        paste (str): ``'reference'``: the rectangle of w x h px lies at
            x = w, y = h, cut off by the picture's edge. A slip of the
            published code: the upper left is never covered. ``'sampled'``:
            it lies where it was drawn.
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
                'area must be two shares between 0 and 1, the smaller first, '
                f'and aspect between 0 and 1, got {area} and {aspect}'
            )
        self.prob = prob
        self.area = area
        self.aspect = aspect
        self.paste = paste

    def __call__(self, results: dict) -> dict:
        """Erase parts of some pictures."""
        rng = rng_of(results)
        return _each(results, lambda picture: self._erase(picture, rng))

    def _erase(
        self, picture: Image.Image, rng: np.random.Generator
    ) -> Image.Image:
        if rng.random() >= self.prob:
            return picture
        x1, y1, x2, y2 = self.sample(*picture.size, rng)
        width, height = x2 - x1, y2 - y1
        if self.paste == 'reference':
            x1, y1 = width, height
        colour = rng.integers(0, 256, 3)
        picture = picture.copy()  # the frames of a short clip are one object
        picture.paste(
            tuple(colour.tolist()), (x1, y1, x1 + width, y1 + height)
        )
        return picture

    def sample(
        self, width: int, height: int, rng: np.random.Generator
    ) -> tuple[int, int, int, int]:
        """Draw a rectangle.

        Args:
            width (int): Of the picture in px.
            height (int): Of the picture in px.
            rng (np.random.Generator): Source of chance.

        Returns:
            tuple[int, int, int, int]: x1, y1, x2, y2 in px, inside the
            picture; without area if the picture is tiny.
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
            x2, y2 = int(np.floor(x + w)), int(np.floor(y + h))
            return x1, y1, max(x1, x2), max(y1, y2)


@TRANSFORMS.register_module()
class PackClip:
    """Make a clip an input of the model.

    Delivers ``inputs``, a dict of ``img`` and, if there is flow, ``flow``:
    (T, 3, H, W) uint8 RGB tensors, and ``data_samples``, a
    ``ClipDataSample`` with those of its metainfo that are known.
    """

    def __call__(self, results: dict) -> dict:
        """Stack the pictures."""
        sample = ClipDataSample(
            metainfo={key: results[key] for key in _META if key in results}
        )
        inputs = {
            key: self._stack(results, key) for key in _modalities(results)
        }
        return {'inputs': inputs, 'data_samples': sample}

    @staticmethod
    def _stack(results: dict, key: str) -> Tensor:
        pictures = results[key]
        sizes = sorted({picture.size for picture in pictures})
        if len(sizes) > 1:
            (w, h), (w2, h2) = sizes[:2]
            paths = results.get(f'{key}_paths', ['a clip'])
            raise UserError(
                f'{paths[0]} and the frames after it have different sizes '
                f'({w} x {h} and {w2} x {h2} px); put ResizeClip before '
                'PackClip'
            )
        frames = np.stack([np.asarray(picture) for picture in pictures])
        return torch.from_numpy(frames.transpose(0, 3, 1, 2).copy())
