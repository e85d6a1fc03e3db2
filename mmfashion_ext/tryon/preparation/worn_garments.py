# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Worn garments by a detector with masks: parse map, classes, region.

Match R-CNN finds garments only. A parse map made of them says where the worn
garments are, which is what a student's metrics need. Face, hair, arms and
legs, which a tutor is trained with, need a human parser.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ...errors import UserError
from ...formats.deepfashion2.constants import CLASS_NAMES
from ...formats.viton.constants import PANTS, UPPER_CLOTHES
from ...formats.viton.garment_classes import GARMENT_CLASSES, GarmentClass
from ..inference.frame import region_around

#: Least score of an item.
SCORE_THR = 0.5
_LOWER = ('shorts', 'trousers', 'skirt')
#: DeepFashion2's label -> class of try-on.
CLASS_OF_LABEL: tuple[GarmentClass, ...] = tuple(
    'lower_body'
    if name in _LOWER
    else 'dresses'
    if name.endswith('dress')
    else 'upper_body'
    for name in CLASS_NAMES
)
#: Height of head and neck, of the height of the garments below them, by the
#: class of the uppermost one.
_HEAD: dict[GarmentClass, float] = {
    'upper_body': 0.45,
    'dresses': 0.3,
    'lower_body': 0.0,
}


class WornGarments(NamedTuple):
    """Garments that a person wears, best first.

    Attributes:
        labels (np.ndarray): (N,) int, DeepFashion2's labels 0 ... 12.
        boxes (np.ndarray): (N, 4) float, xyxy px.
        masks (np.ndarray): (N, h, w) bool.
    """

    labels: np.ndarray
    boxes: np.ndarray
    masks: np.ndarray

    @classmethod
    def of(
        cls, prediction: Mapping[str, Any], score_thr: float = SCORE_THR
    ) -> 'WornGarments':
        """Select the items of a prediction of Match R-CNN.

        Args:
            prediction (Mapping): ``labels`` (N,), ``scores`` (N,) 0-1,
                ``bboxes`` (N, 4) xyxy px and ``masks`` (N, h, w) bool.
            score_thr (float): Least score, 0-1.

        Raises:
            UserError: The model has no masks.
        """
        if 'masks' not in prediction:
            raise UserError(
                'the parser finds boxes without masks; expected a model with '
                'a mask head, such as match-rcnn:balanced'
            )
        found = np.asarray(prediction['scores']) >= score_thr
        return cls(
            np.asarray(prediction['labels'], int)[found],
            np.asarray(prediction['bboxes'], float)[found],
            np.asarray(prediction['masks'], bool)[found],
        )

    @property
    def classes(self) -> list[GarmentClass]:
        """Classes of the garments, in the order of ``GARMENT_CLASSES``."""
        worn = {CLASS_OF_LABEL[label] for label in self.labels}
        return [name for name in GARMENT_CLASSES if name in worn]

    def parse_map(self) -> np.ndarray:
        """Draw the garments as a parse map with VITON's labels.

        Trousers and skirts lie below tops and dresses, outwear lies on top;
        of two garments of one kind the better one does.

        Returns:
            np.ndarray: (h, w) uint8: 4 upper clothes and dresses, 8 trousers
            and skirts, 0 all else.
        """
        ids = np.zeros(self.masks.shape[1:], np.uint8)
        names = [CLASS_NAMES[label] for label in self.labels]
        order = sorted(
            range(len(names)),
            key=lambda n: (
                names[n] not in _LOWER,
                names[n].endswith('outwear'),
                -n,
            ),
        )
        for n in order:
            label = PANTS if names[n] in _LOWER else UPPER_CLOTHES
            ids[self.masks[n]] = label
        return ids

    def region(self, ratio: float = 3 / 4) -> tuple[slice, slice]:
        """Return the part of the photograph that shows the person.

        The garments with space for the head above them, widened or heightened
        to a ratio and moved into the photograph where it fits.

        Args:
            ratio (float): Width by height of the part.

        Returns:
            tuple[slice, slice]: Rows and columns, px; all of them without
            garments.
        """
        h, w = self.masks.shape[1:]
        if not len(self.boxes):
            return slice(0, h), slice(0, w)
        return region_around(self.person_box(), (h, w), ratio)

    def person_box(self) -> tuple[float, float, float, float]:
        """Return a box around the garments and the head above them.

        Returns:
            tuple[float, float, float, float]: x1, y1, x2, y2 px; y1 may be
            above the photograph. There must be a garment.
        """
        left, top = self.boxes[:, :2].min(axis=0)
        right, bottom = self.boxes[:, 2:].max(axis=0)
        uppermost = CLASS_OF_LABEL[self.labels[self.boxes[:, 1].argmin()]]
        top -= _HEAD[uppermost] * (bottom - top)
        return float(left), float(top), float(right), float(bottom)
