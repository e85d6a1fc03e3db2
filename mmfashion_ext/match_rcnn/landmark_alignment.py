# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Alignment of image, boxes and landmarks between transforms: its checks."""

import numpy as np

from ..errors import UserError


def mark_moved(results: dict) -> None:
    """Record that the landmarks match image and boxes at this point.

    Args:
        results (dict): Of a pipeline, with ``gt_bboxes`` (N, 4) px.
    """
    results['gt_keypoints_homography'] = results.get('homography_matrix')
    results['gt_keypoints_boxes'] = _boxes(results)


def _boxes(results: dict) -> np.ndarray | None:
    """Return a copy of the boxes (N, 4) px, if they were loaded."""
    boxes = results.get('gt_bboxes')
    if boxes is None:
        return None
    return np.array(getattr(boxes, 'tensor', boxes))


def check_landmarks(results: dict) -> None:
    """Refuse landmarks that a transform of mmdet left behind.

    Args:
        results (dict): Of a pipeline; landmarks ``gt_keypoints`` (N, 294, 3)
            and boxes ``gt_bboxes`` (N, 4) px.

    Raises:
        UserError: A transform moved the image or the boxes, or dropped or
            added items, since :func:`mark_moved`.
    """
    if 'gt_keypoints' not in results:
        return
    boxes, moved_with = _boxes(results), results['gt_keypoints_boxes']
    items = len(results['gt_keypoints'])
    still = _are_equal(
        results.get('homography_matrix'), results['gt_keypoints_homography']
    )
    if still and boxes is not None and len(boxes) != items:
        raise UserError(
            f'{len(boxes)} boxes but landmarks of {items} items in '
            f'{results.get("img_path")}: a transform of the pipeline '
            'dropped or added items without their landmarks. Use '
            "mmfashion_ext.FilterClothes in place of mmdet's "
            'FilterAnnotations, RandomCropClothes in place of any crop, and '
            'nothing that joins images (Mosaic, MixUp, CopyPaste)'
        )
    if not still or not _are_equal(boxes, moved_with):
        raise UserError(
            f'{results.get("img_path")}: the image was moved without its '
            'landmarks. In the pipeline, use mmfashion_ext.ResizeClothes, '
            "RandomFlipClothes and RandomCropClothes in place of mmdet's "
            'Resize, RandomFlip and RandomCrop, and no other geometric '
            'transform (such as MinIoURandomCrop, RandomShift, RandomAffine, '
            'Expand, Rotate, Albu)'
        )


def check_size(results: dict) -> None:
    """Refuse an image that is not as large as its annotations say.

    Args:
        results (dict): Of a pipeline; ``ori_shape`` (h, w) of the image that
            was loaded, ``height`` and ``width`` of the annotations, px.

    Raises:
        UserError: They differ, for instance by an EXIF orientation.
    """
    expected = results.get('height'), results.get('width')
    found = tuple(results['ori_shape'])
    if None in expected or found == expected:
        return
    hint = 'correct the annotation file, or put the right image there'
    if found == expected[::-1]:
        hint = (
            'the file has an EXIF orientation, and the annotations refer to '
            'the pixels as they are stored: give LoadImageFromFile '
            "color_type='color_ignore_orientation'; if they refer to the "
            'rotated image, store it rotated'
        )
    raise UserError(
        f'{results.get("img_path")}: the image was loaded with {found[1]} x '
        f'{found[0]} px, but its annotations are for {expected[1]} x '
        f'{expected[0]} px; {hint}'
    )


def _are_equal(first: np.ndarray | None, second: np.ndarray | None) -> bool:
    """Compare arrays that may be missing."""
    if first is None or second is None:
        return first is second
    return np.array_equal(first, second)
