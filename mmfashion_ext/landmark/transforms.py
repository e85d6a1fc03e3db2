# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Landmark transforms: select a category's landmarks, pack their states."""

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.datasets.transforms import PackPoseInputs

from ..errors import UserError
from ..formats.deepfashion2.constants import CATEGORY_BY_ID, NUM_LANDMARKS
from ..registry import TRANSFORMS
from .aggregation import MAX_LANDMARKS


@TRANSFORMS.register_module()
class SelectCategoryLandmarks(BaseTransform):
    """Keep the up to 39 landmarks of a garment's category out of 294.

    Place it after the last geometric transform and before ``GenerateTarget``,
    whose codec may be any of mmpose's. The targets of the other landmarks
    (255 or more) would be empty maps that cost time and memory. The heads of
    :mod:`~mmfashion_ext.landmark.head` expect this transform.

    The category's landmarks come first, in their order; the rest of the 39
    rows is not visible, so it has no weight in a loss.

    Required keys: ``category_id`` (1..13), ``keypoints`` (1, 294, 2) px,
    ``transformed_keypoints`` (1, 294, 2) px of the network's input (optional),
    ``keypoints_visible`` (1, 294).

    Modified keys: the last three, to 39 landmarks.
    """

    def transform(self, results: dict) -> dict:
        """Select the landmarks; see the class for the keys and shapes.

        Args:
            results (dict): One garment's sample, changed in place.

        Returns:
            dict: ``results`` with (1, 39, ...) instead of (1, 294, ...).

        Raises:
            UserError: The sample does not have 294 landmarks.
        """
        category = CATEGORY_BY_ID[int(results['category_id'])]
        for key in ('keypoints', 'transformed_keypoints', 'keypoints_visible'):
            values = results.get(key)
            if values is None:
                continue
            if values.shape[:2] != (1, NUM_LANDMARKS):
                raise UserError(
                    f'SelectCategoryLandmarks needs {key} of shape (1, '
                    f'{NUM_LANDMARKS}, ...), got {values.shape}; use '
                    'DeepFashion2LandmarkDataset'
                )
            shape = 1, MAX_LANDMARKS, *values.shape[2:]
            selected = np.zeros(shape, values.dtype)
            selected[:, : category.num_landmarks] = values[:, category.slice]
            results[key] = selected
        return results


@TRANSFORMS.register_module()
class PackLandmarks(PackPoseInputs):
    """Pack a test sample, its ``landmark_states`` (1, K) included.

    :class:`~mmfashion_ext.landmark.metric.LandmarkMetric` tells visible (2)
    from occluded (1) landmarks by them.

    Args:
        **kwargs: Arguments of mmpose's ``PackPoseInputs``.
    """

    meta_keys: tuple[str, ...]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.meta_keys = (*self.meta_keys, 'landmark_states')
