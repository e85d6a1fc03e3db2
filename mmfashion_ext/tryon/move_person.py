# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Random shift and scale of the person in a try-on item."""

import cv2
import numpy as np

from ..errors import UserError
from ..registry import TRANSFORMS
from .transforms import LABEL_MAPS, TRUTH_MAPS


@TRANSFORMS.register_module()
class RandomMovePerson:
    """Shift and scale the person off the centre of the image.

    What belongs to the person moves together (image, truth, label maps, the
    maps of the truth, joints, flow); the garment stays. The flow says where a
    pixel of the person lies on the garment, so its positions move and its
    values do not. The background is continued by the pixels of the border;
    outside the image label maps and maps are 0, and no garment is visible.

    It is an augmentation, and with ``seed`` the test of Flow-Style's claim
    (arXiv:2204.01046): people who do not stand where those of the training
    set stand.

    Args:
        shift (tuple[float, float]): Largest shift along x and y, as a share
            of width and height, 0-1.
        scale (tuple[float, float]): Smallest and largest factor of the size.
        seed (int, optional): Draw each item by this seed and its
            ``sample_idx``, always alike, as tests need it. None: by NumPy's
            generator, differently each time.

    Raises:
        UserError: ``shift`` is not in 0-1, or ``scale`` not positive and
            ascending.
    """

    def __init__(
        self,
        shift: tuple[float, float] = (0.15, 0.1),
        scale: tuple[float, float] = (0.75, 1.1),
        seed: int | None = None,
    ) -> None:
        if not all(0 <= value <= 1 for value in shift):
            raise UserError(
                f'shift of RandomMovePerson must be two shares in 0-1, got '
                f'{shift}'
            )
        if not 0 < scale[0] <= scale[1]:
            raise UserError(
                'scale of RandomMovePerson must be two positive factors, the '
                f'smaller first, got {scale}'
            )
        self.shift = shift
        self.scale = scale
        self.seed = seed

    def __call__(self, results: dict) -> dict:
        """Move the person's arrays; they keep their size.

        Args:
            results (dict): Required: ``person`` (h, w, 3); arrays as in
                :mod:`.transforms`.

        Returns:
            dict: The same, moved.
        """
        h, w = results['person'].shape[:2]
        x, y, zoom = self._draw(results)
        factor = self.scale[0] + zoom * (self.scale[1] - self.scale[0])
        centre = np.array([w - 1, h - 1]) / 2
        offset = np.array([x * self.shift[0] * w, y * self.shift[1] * h])
        matrix = np.array(
            [
                [factor, 0, centre[0] * (1 - factor) + offset[0]],
                [0, factor, centre[1] * (1 - factor) + offset[1]],
            ],
            np.float32,
        )
        _move(results, matrix, (w, h))
        return results

    def _draw(self, results: dict) -> np.ndarray:
        """Draw the shifts in -1 ... 1 and the place in the scales, 0-1."""
        low, high = [-1, -1, 0], [1, 1, 1]
        if self.seed is None:
            return np.random.uniform(low, high)  # noqa: NPY002
        generator = np.random.default_rng([self.seed, results['sample_idx']])
        return generator.uniform(low, high)


def _move(results: dict, matrix: np.ndarray, size: tuple[int, int]) -> None:
    """Apply an affine map (2, 3) of pixels to the person's arrays."""
    for keys, interpolation, border in (
        (('person', 'truth'), cv2.INTER_LINEAR, cv2.BORDER_REPLICATE),
        (
            (*LABEL_MAPS, *TRUTH_MAPS),
            cv2.INTER_NEAREST,
            cv2.BORDER_CONSTANT,
        ),
    ):
        for key in keys:
            if key in results:
                results[key] = cv2.warpAffine(
                    results[key],
                    matrix,
                    size,
                    flags=interpolation,
                    borderMode=border,
                )
    if 'flow' in results:
        # a mean with NaN is NaN: only pixels whose neighbours are known stay
        results['flow'] = cv2.warpAffine(
            results['flow'],
            matrix,
            size,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(np.nan, np.nan),
        )
    if 'pose' in results:
        pose = results['pose'].copy()
        found = (pose[:, :2] > 1).all(axis=1)
        pose[found, :2] = pose[found, :2] @ matrix[:, :2].T + matrix[:, 2]
        inside = (pose[:, :2] > 1).all(axis=1)
        inside &= (pose[:, :2] < np.array(size)).all(axis=1)
        pose[~inside] = 0
        results['pose'] = pose
