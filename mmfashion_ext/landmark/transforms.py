# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What landmarks need before mmpose's codec and on the way to the metric."""

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.datasets.transforms import PackPoseInputs

from ..formats.deepfashion2.constants import CATEGORY_BY_ID, NUM_LANDMARKS
from ..registry import TRANSFORMS
from .aggregation import MAX_LANDMARKS


@TRANSFORMS.register_module()
class SelectCategoryLandmarks(BaseTransform):
    """Keep the up to 39 landmarks of an item's category out of 294.

    Stands after the last geometric transform and before ``GenerateTarget``,
    whose codec may be any of mmpose's. The other 255 targets would be empty
    maps, made, copied between processes and compared for nothing. Heads of
    :mod:`~mmfashion_ext.landmark.head` expect it.

    The category's landmarks come first, in their order; the rest of the 39
    rows is not visible, so it has no weight in a loss.

    Required keys: ``category_id`` (1..13), ``keypoints`` (1, 294, 2) px,
    ``transformed_keypoints`` (1, 294, 2) px of the network's input, if there,
    ``keypoints_visible`` (1, 294).

    Modified keys: the last three, to 39 landmarks.
    """

    def transform(self, results: dict) -> dict:
        """Select; see the class.

        Raises:
            ValueError: There are not 294 landmarks.
        """
        category = CATEGORY_BY_ID[int(results['category_id'])]
        for key in ('keypoints', 'transformed_keypoints', 'keypoints_visible'):
            values = results.get(key)
            if values is None:
                continue
            if values.shape[:2] != (1, NUM_LANDMARKS):
                raise ValueError(
                    f'SelectCategoryLandmarks needs {key} of (1, '
                    f'{NUM_LANDMARKS}, ...), got {values.shape}; use '
                    'DeepFashion2LandmarkDataset'
                )
            shape = 1, MAX_LANDMARKS, *values.shape[2:]
            selected = np.zeros(shape, values.dtype)
            own = values[:, category.slice]
            selected[:, : category.num_landmarks] = own
            results[key] = selected
        return results


@TRANSFORMS.register_module()
class PackLandmarks(PackPoseInputs):
    """Pack a test sample with the states of its landmarks.

    :class:`~mmfashion_ext.landmark.metric.LandmarkMetric` tells visible from
    occluded landmarks by them.

    Args:
        **kwargs: Those of mmpose's ``PackPoseInputs``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.meta_keys = (*self.meta_keys, 'landmark_states')
