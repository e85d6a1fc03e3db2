# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Transforms of mmdet that also transform the 294 landmarks and styles.

Added to the host's ``results``, aligned with ``gt_bboxes``:

- ``gt_keypoints`` (N, 294, 3) float32: x, y in pixels of the current image
  and v (2 visible, 1 occluded, 0 not labelled, then x = y = 0).
- ``gt_styles`` (N,) int64: identity inside a pair; 0: not part of a pair.

Pixel convention: as in mmdet, coordinates are measured from the outer edge of
the image, so pixel i covers [i, i + 1]. Resizing multiplies x and y by
``new size / old size`` and mirroring maps x to w - x, for boxes, polygons and
landmarks alike.

mmdet's own transforms leave the landmarks as they are when they move the
image or drop items. Each transform here, and at last ``PackClothes``, detects
this and names the transform to use instead: they compare the boxes with those
that the landmarks were last moved with.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from mmdet.datasets.transforms import (
    FilterAnnotations,
    LoadAnnotations,
    PackDetInputs,
    RandomCrop,
    RandomFlip,
    Resize,
)
from mmdet.structures.mask import BitmapMasks
from mmengine.structures import InstanceData

from ..errors import UserError
from ..formats.deepfashion2.constants import (
    CATEGORIES,
    NUM_LANDMARKS,
    flip_indices,
)
from ..registry import TRANSFORMS
from .landmark_alignment import check_landmarks, check_size, mark_moved
from .masks import decode_rle, usable_polygons

_FIELDS = ('gt_keypoints', 'gt_styles')


def _select_items(results: dict, index: np.ndarray) -> None:
    """Drop the items that mmdet dropped; ``index`` (n,) are those it kept."""
    for field in _FIELDS:
        if field in results:
            results[field] = results[field][index]


@TRANSFORMS.register_module()
class LoadClothes(LoadAnnotations):
    """Load boxes, labels, masks, landmarks and styles of an image's items.

    An item without a usable mask is not lost: mmdet marks it with
    ``gt_ignore_flags`` and it becomes one of ``ignored_instances``. Masks may
    be polygons or run lengths (RLE, compressed or not); an image that has any
    of the latter gets bitmaps.

    Added keys: those of mmdet's ``LoadAnnotations``, ``gt_keypoints``
    (N, 294, 3) float32, x and y in px of the image and v, and ``gt_styles``
    (N,) int64.

    Args:
        with_mask (bool): Load masks. Defaults to True.
        poly2mask (bool): Bitmaps instead of polygons; slower and heavier.
            Both give the union of an item's polygons, which is what
            DeepFashion2 means: the first is the whole outline, the others
            are parts inside it. Defaults to False.
        **kwargs: Further arguments of mmdet's ``LoadAnnotations``.
    """

    def __init__(
        self, with_mask: bool = True, poly2mask: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(with_mask=with_mask, poly2mask=poly2mask, **kwargs)

    def _load_masks(self, results: dict) -> None:
        instances = results.get('instances', [])
        if not any(isinstance(item['mask'], dict) for item in instances):
            super()._load_masks(results)
            return
        h, w = results['ori_shape']
        masks = []
        for item in instances:
            if isinstance(item['mask'], dict):
                mask = decode_rle(item['mask'], (h, w))
            elif polygons := usable_polygons(item['mask']):
                mask = self._poly2mask(polygons, h, w)
            else:
                mask = np.zeros((h, w), np.uint8)
            if not mask.any():
                item['ignore_flag'] = 1
            masks.append(mask)
        results['gt_masks'] = BitmapMasks(masks, h, w)
        results['gt_ignore_flags'] = np.array(
            [item['ignore_flag'] for item in instances], bool
        )

    def transform(self, results: dict) -> dict:
        """Add the items of ``results['instances']``.

        Args:
            results (dict): ``instances`` have ``keypoints`` (n, 3): x, y in px
                and v of the n landmarks of their category.

        Returns:
            dict: The same, with the keys that the class names.

        Raises:
            UserError: An item has no ``'keypoints'``, or the image has
                another size than its annotations.
        """
        check_size(results)
        results = super().transform(results)
        instances = results.get('instances', [])
        keypoints = np.zeros((len(instances), NUM_LANDMARKS, 3), np.float32)
        styles = np.zeros(len(instances), np.int64)
        for i, instance in enumerate(instances):
            if 'keypoints' not in instance:
                raise UserError(
                    f'an item of {results.get("img_path")} has no '
                    "'keypoints': LoadClothes reads what "
                    'mmfashion_ext.DeepFashion2Dataset delivers; use that '
                    'dataset, or mmdet.LoadAnnotations for one without '
                    'landmarks'
                )
            styles[i] = instance['style']
            if len(instance['keypoints']):  # of a known category
                category = CATEGORIES[instance['bbox_label']]
                keypoints[i, category.slice] = instance['keypoints']
        keypoints[keypoints[..., 2] == 0] = 0
        results['gt_keypoints'] = keypoints
        results['gt_styles'] = styles
        mark_moved(results)
        return results


@TRANSFORMS.register_module()
class ResizeClothes(Resize):
    """Resize image and landmarks: mmdet's ``Resize``, landmarks included.

    Also the ``resize_type`` of ``RandomResize`` and ``RandomChoiceResize``.
    Landmarks (N, 294, 3) outside the image stay where they are; only boxes
    are clipped.
    """

    def transform(self, results: dict) -> dict:
        """Resize; multiply x by the factor of the width, y by the height's.

        Args:
            results (dict): ``img`` (h, w, 3) uint8 BGR and, if loaded,
                ``gt_keypoints`` (N, 294, 3).

        Returns:
            dict: The same, resized.
        """
        check_landmarks(results)
        results = super().transform(results)
        if 'gt_keypoints' in results:
            factor = np.array([*results['scale_factor'], 1.0])
            results['gt_keypoints'] = (
                results['gt_keypoints'] * factor
            ).astype(np.float32)
            mark_moved(results)
        return results


@TRANSFORMS.register_module()
class RandomFlipClothes(RandomFlip):
    """Mirror image and landmarks at random, exchanging left and right ones.

    Landmarks are (N, 294, 3): x and y in px, v.

    Args:
        prob (float): Probability of a flip, 0-1.
        direction (str): Only ``'horizontal'``: no garment of the
            dataset is upside down.
        outwear_flip_pairs (str): Which of the two contradicting landmark
            layouts of short sleeve outwear to follow, ``'sigmas'`` or
            ``'figure'``; see
            ``formats.deepfashion2.constants.OUTWEAR_FLIP_PAIRS_FIGURE``.
    """

    def __init__(
        self,
        prob: float,
        direction: str = 'horizontal',
        outwear_flip_pairs: Literal['sigmas', 'figure'] = 'sigmas',
    ) -> None:
        if direction != 'horizontal':
            raise UserError(
                f'RandomFlipClothes flips horizontally only, got direction='
                f'{direction!r}: the landmarks have no vertical symmetry. '
                f"Remove the argument or set direction='horizontal'"
            )
        super().__init__(prob=prob, direction=direction)
        self.flip_indices = flip_indices(outwear_flip_pairs)

    def _flip(self, results: dict) -> None:
        check_landmarks(results)
        super()._flip(results)
        if 'gt_keypoints' not in results:
            return
        keypoints = results['gt_keypoints'][:, self.flip_indices]
        labelled = keypoints[..., 2] > 0
        width = results['img'].shape[1]
        keypoints[labelled, 0] = width - keypoints[labelled, 0]
        results['gt_keypoints'] = keypoints
        mark_moved(results)


@TRANSFORMS.register_module()
class RandomCropClothes(RandomCrop):
    """Crop image and landmarks at random: mmdet's ``RandomCrop``.

    Landmarks (N, 294, 3) that leave the crop become unlabelled
    (v = x = y = 0), items that leave it are dropped with all their fields.
    """

    def transform(self, results: dict) -> dict | None:
        """Crop; None if no item is left and that is not allowed.

        Args:
            results (dict): ``img`` (h, w, 3) uint8 BGR and, if loaded,
                ``gt_bboxes`` and ``gt_keypoints`` (N, 294, 3).

        Returns:
            dict, optional: The same, cropped.
        """
        if 'gt_keypoints' not in results:
            return super().transform(results)
        check_landmarks(results)
        homography = results.get('homography_matrix', np.eye(3))
        # mmdet crops these with the boxes, which tells which items it kept.
        results['gt_instances_ids'] = np.arange(len(results['gt_keypoints']))
        results = super().transform(results)
        if results is None:
            return None
        _select_items(results, results.pop('gt_instances_ids'))
        # Offsets are whole pixels; rounding removes the error of float32.
        offset = np.rint(homography - results['homography_matrix'])[:2, 2]
        keypoints = results['gt_keypoints'].copy()
        keypoints[..., :2] -= offset.astype(np.float32)
        x, y, _ = np.moveaxis(keypoints, -1, 0)
        height, width = results['img_shape']
        inside = (x >= 0) & (x <= width) & (y >= 0) & (y <= height)
        keypoints[~inside | (keypoints[..., 2] == 0)] = 0
        results['gt_keypoints'] = keypoints
        mark_moved(results)
        return results


@TRANSFORMS.register_module()
class FilterClothes(FilterAnnotations):
    """Drop small items: mmdet's ``FilterAnnotations``, landmarks included.

    ``gt_keypoints`` (N, 294, 3) of the dropped items go with them.
    """

    def transform(self, results: dict) -> dict | None:
        """Drop small items; None if nothing is left and ``keep_empty``."""
        check_landmarks(results)
        labels = results['gt_bboxes_labels']
        # mmdet does not report which items it keeps, but filters labels.
        results['gt_bboxes_labels'] = np.arange(len(labels))
        results = super().transform(results)
        if results is None:
            return None
        index = results['gt_bboxes_labels']
        results['gt_bboxes_labels'] = labels[index]
        _select_items(results, index)
        mark_moved(results)
        return results


@TRANSFORMS.register_module()
class PackClothes(PackDetInputs):
    """Pack model inputs: mmdet's ``PackDetInputs``, landmarks included.

    ``gt_instances`` gets ``keypoints`` (N, 294, 2) float32 in pixels of the
    network's input, ``keypoints_visible`` (N, 294) int64 in {0, 1, 2} and
    ``styles`` (N,) int64.

    Args:
        meta_keys (Sequence[str]): Keys of the sample's metainfo, those that
            ``results`` has. Defaults to mmdet's, ``source``, ``pair_id`` and
            ``pair_numbering``.
    """

    mapping_table = {
        **PackDetInputs.mapping_table,
        'gt_keypoints': 'keypoints',
        'gt_styles': 'styles',
    }

    def __init__(
        self,
        meta_keys: Sequence[str] = (
            'img_id',
            'img_path',
            'ori_shape',
            'img_shape',
            'scale_factor',
            'flip',
            'flip_direction',
            'source',
            'pair_id',
            'pair_numbering',
        ),
    ) -> None:
        super().__init__(meta_keys=meta_keys)

    def transform(self, results: dict) -> dict:
        """Pack image and items.

        Returns:
            dict: ``inputs`` (3, H, W) uint8 BGR and ``data_samples``.

        Raises:
            UserError: A transform of mmdet moved the image or dropped items
                without their landmarks.
        """
        check_landmarks(results)
        packed = super().transform(results)
        if 'gt_keypoints' in results:
            sample = packed['data_samples']
            self._split(sample.gt_instances)
            self._split(sample.ignored_instances)
        return packed

    @staticmethod
    def _split(instances: InstanceData) -> None:
        """Split (N, 294, 3) into ``keypoints`` and ``keypoints_visible``."""
        if 'keypoints' in instances:
            keypoints = instances.keypoints
            instances.keypoints = keypoints[..., :2].contiguous()
            instances.keypoints_visible = keypoints[..., 2].long()
