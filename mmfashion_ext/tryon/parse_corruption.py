# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Transform that corrupts parse maps, to study robustness to parser errors."""

import zlib
from typing import Literal, get_args

import cv2
import numpy as np

from ..errors import UserError
from ..formats.viton.constants import NOISE, UPPER_CLOTHES
from ..formats.viton.garment_classes import ROLES
from ..registry import TRANSFORMS

Mode = Literal['erode', 'shift', 'relabel']


@TRANSFORMS.register_module()
class CorruptParse:
    """Transform that corrupts the parse map, the same for a person each time.

    ``rate`` p is the fraction of the garment's pixels (upper clothes, or what
    ``cloth_class`` says) that lose their label: exactly for ``erode`` and
    ``relabel``, and as nearly as whole pixels allow for ``shift``.

    - ``erode``: pixels along the garment's border, to a depth that varies,
      get the label next to them: background, arms, trousers.
    - ``shift``: the whole map is moved in a random direction, border labels
      repeated, until p is reached. Regions keep their shape, in the wrong
      position.
    - ``relabel``: connected patches of the garment become background, trousers
      or an arm. Of these the tutor uses trousers only.

    Required keys: ``parse`` (h, w) uint8, labels 0 ... 13; ``person_name``.
    Optional: ``cloth_class``.
    Changed: ``parse``. Added: ``true_parse``, the original map.

    Args:
        rate (float): p, 0-1. 0 does not change the map.
        mode (str): ``'erode'``, ``'shift'`` or ``'relabel'``.
        seed (int): Seed of the errors, together with the person's name.

    Raises:
        UserError: Another rate or mode.
    """

    def __init__(
        self, rate: float, mode: Mode = 'erode', seed: int = 0
    ) -> None:
        if not 0 <= rate <= 1:
            raise UserError(f'rate must be 0 to 1, got {rate}')
        if mode not in get_args(Mode):
            raise UserError(
                f'mode must be among {", ".join(get_args(Mode))}, got {mode}'
            )
        self.rate = rate
        self.mode = mode
        self.seed = seed

    def __call__(self, results: dict) -> dict:
        """Corrupt ``parse``.

        Raises:
            UserError: The sample has no parse map.
        """
        if 'parse' not in results:
            raise UserError(
                f'{results.get("person_name", "a person")} has no parse map '
                'to corrupt: CorruptParse needs a dataset with parse maps; '
                'load them, or remove it from the pipeline'
            )
        parse = results['true_parse'] = results['parse']
        roles = ROLES[results.get('cloth_class', 'upper_body')]
        # noise is read as upper clothes
        noise = {NOISE} if UPPER_CLOTHES in roles.garment else set()
        garment = np.isin(parse, [*roles.garment, *noise])
        if self.rate and garment.any():
            name = str(results.get('person_name', '')).encode()
            rng = np.random.default_rng([self.seed, zlib.crc32(name)])
            corrupt = _MODES[self.mode]
            results['parse'] = corrupt(
                parse, garment, self.rate, rng, roles.confused_with
            )
        return results


def _erode(
    parse: np.ndarray,
    garment: np.ndarray,
    rate: float,
    rng: np.random.Generator,
    confused_with: tuple[int, ...],
) -> np.ndarray:
    if garment.all():  # it has no border
        return _relabel(parse, garment, rate, rng, confused_with)
    depth, nearest = cv2.distanceTransformWithLabels(
        garment.astype(np.uint8),
        cv2.DIST_L2,
        cv2.DIST_MASK_5,
        labelType=cv2.DIST_LABEL_PIXEL,
    )
    label_of = np.zeros(nearest.max() + 1, parse.dtype)
    label_of[nearest[~garment]] = parse[~garment]
    eroded = _lowest(
        depth * np.exp(_smooth_noise(parse.shape, rng) / 2), garment, rate
    )
    return np.where(eroded, label_of[nearest], parse)


def _shift(
    parse: np.ndarray,
    garment: np.ndarray,
    rate: float,
    rng: np.random.Generator,
    confused_with: tuple[int, ...],  # not used
) -> np.ndarray:
    h, w = parse.shape
    rows, columns = np.nonzero(garment)
    angle = rng.uniform(0, 2 * np.pi)
    # the length whose fraction of lost pixels is closest to p
    best, error = (0, 0), rate
    for length in range(1, max(h, w)):
        dy = round(length * np.sin(angle))
        dx = round(length * np.cos(angle))
        unchanged = garment[
            np.clip(rows - dy, 0, h - 1), np.clip(columns - dx, 0, w - 1)
        ]
        lost = 1 - unchanged.mean()
        if abs(lost - rate) < error:
            best, error = (dy, dx), abs(lost - rate)
        if lost >= rate:
            break
    dy, dx = best
    source = np.ix_(
        np.clip(np.arange(h) - dy, 0, h - 1),
        np.clip(np.arange(w) - dx, 0, w - 1),
    )
    return parse[source]


def _relabel(
    parse: np.ndarray,
    garment: np.ndarray,
    rate: float,
    rng: np.random.Generator,
    confused_with: tuple[int, ...],
) -> np.ndarray:
    patches = _lowest(_smooth_noise(parse.shape, rng), garment, rate)
    count, patch = cv2.connectedComponents(patches.astype(np.uint8))
    labels = rng.choice(np.array(confused_with, parse.dtype), count)
    return np.where(patches, labels[patch], parse)


_MODES = {'erode': _erode, 'shift': _shift, 'relabel': _relabel}


def _smooth_noise(
    shape: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Draw (h, w) noise, mean 0, deviation 1, blobs of some % of the size."""
    noise = cv2.GaussianBlur(
        rng.standard_normal(shape), (0, 0), sigmaX=max(1.0, min(shape) / 24)
    )
    return (noise - noise.mean()) / (noise.std() or 1)


def _lowest(score: np.ndarray, garment: np.ndarray, rate: float) -> np.ndarray:
    """Select a fraction of the garment of lowest score, (h, w) bool."""
    rows, columns = np.nonzero(garment)
    count = round(rate * len(rows))
    lowest = np.argsort(score[rows, columns], kind='stable')[:count]
    selected = np.zeros_like(garment)
    selected[rows[lowest], columns[lowest]] = True
    return selected
