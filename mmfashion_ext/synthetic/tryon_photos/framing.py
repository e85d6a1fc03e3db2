# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Framing of photographs as try-on datasets are cropped: 3:4, person centred.

Upper garments: from above the head to the hips, as in VITON; the other
garments: the whole body, or from the waist down.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from .worn_region import WornRegion


@dataclass(frozen=True)
class Frame:
    """A crop of the photo frame, scaled to an image.

    Attributes:
        left (float): Of the crop, px of the photo, 0 is the left border.
        top (float): Of the crop, px of the photo.
        scale (float): px of the image by px of the photo.
        size (tuple[int, int]): (h, w) px of the image.
        mirrored (bool): Left and right are exchanged.
    """

    left: float
    top: float
    scale: float
    size: tuple[int, int]
    mirrored: bool = False

    @property
    def matrix(self) -> np.ndarray:
        """(2, 3) affine map from the photo frame to the image, px centres."""
        s = self.scale
        matrix = np.array(
            [
                [s, 0, s * (0.5 - self.left) - 0.5],
                [0, s, s * (0.5 - self.top) - 0.5],
            ]
        )
        if self.mirrored:
            matrix[0] *= -1
            matrix[0, 2] += self.size[1] - 1
        return matrix

    def move(self, points: np.ndarray) -> np.ndarray:
        """Move points (..., 2) of the photo frame into the image, px."""
        return points @ self.matrix[:, :2].T + self.matrix[:, 2]

    def crop(self, photo: np.ndarray, photo_scale: float = 1.0) -> np.ndarray:
        """Crop a photograph.

        Args:
            photo (np.ndarray): (h, w, 3) uint8.
            photo_scale (float): Its px by px of the photo frame.

        Returns:
            np.ndarray: (h, w, 3) uint8, of ``size``. Beyond the photograph
            it is mirrored.
        """
        matrix = self.matrix.copy()
        matrix[:, 2] += matrix[:, :2] @ np.full(2, 0.5 / photo_scale - 0.5)
        matrix[:, :2] /= photo_scale
        if self.scale < photo_scale:  # against aliasing
            sigma = 0.4 * (photo_scale / self.scale - 1) + 0.2
            photo = cv2.GaussianBlur(photo, (0, 0), sigma)
        return cv2.warpAffine(
            photo,
            matrix,
            self.size[::-1],
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )

    def crop_mask(self, mask: np.ndarray) -> np.ndarray:
        """Crop a mask (h, w) bool of the photo frame; False beyond it."""
        soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7)
        cropped = cv2.warpAffine(
            soft, self.matrix, self.size[::-1], flags=cv2.INTER_LINEAR
        )
        return cropped > 0.5


def choose_frame(
    region: WornRegion,
    size: tuple[int, int],
    rng: np.random.Generator | None = None,
) -> Frame:
    """Choose the crop of a person for a garment.

    Args:
        region (WornRegion): The worn garment and its person.
        size (tuple[int, int]): (h, w) px of the image.
        rng (np.random.Generator, optional): Varies crop, place and
            mirroring. None: the middle of each range, not mirrored.

    Returns:
        Frame: The crop. It holds the garment.
    """

    def draw(low: float, high: float) -> float:
        return (low + high) / 2 if rng is None else rng.uniform(low, high)

    rows = np.nonzero(region.person.any(1))[0]
    x, y, width, height = cv2.boundingRect(region.mask.astype(np.uint8))
    head, feet = float(rows[0]), float(rows[-1] + 1)
    whole = region.kind != 'upper'
    from_waist = draw(0, 1) > 0.75 and region.kind not in ('upper', 'dress')
    if from_waist:
        top = y - draw(0.10, 0.25) * height
        bottom = max(feet, y + height) + draw(0.01, 0.05) * height
    elif whole:
        top = head - draw(0.02, 0.07) * (feet - head)
        bottom = feet + draw(0.01, 0.06) * (feet - head)
    else:
        top = head - draw(0.04, 0.12) * (y + height - head)
        bottom = y + height + draw(0.04, 0.22) * (y + height - head)
    ratio = size[1] / size[0]
    least = 1.12 * width / ratio
    tall = max(bottom - top, least)
    top -= (tall - (bottom - top)) / 2
    wide = tall * ratio
    free = max(0.0, wide - 1.08 * width)
    middle = x + width / 2 + draw(-0.12, 0.12) * min(free, 0.5 * wide)
    left, photo_width = middle - wide / 2, region.mask.shape[1]
    if wide <= photo_width:  # rather move than repeat the border
        clipped = float(np.clip(left, 0, photo_width - wide))
        left = float(np.clip(clipped, x + width - wide, x))
    mirrored = bool(rng is not None and rng.random() < 0.5)
    return Frame(float(left), float(top), size[0] / tall, size, mirrored)
