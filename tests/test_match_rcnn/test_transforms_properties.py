# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Properties of chains of transforms, for random images and items."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.structures.bbox import HorizontalBoxes

from mmfashion_ext.formats.deepfashion2.constants import CATEGORY_BY_ID
from mmfashion_ext.match_rcnn import (
    FilterClothes,
    PackClothes,
    RandomCropClothes,
    RandomFlipClothes,
    ResizeClothes,
)

H, W = 96, 128


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scale=st.floats(0.5, 3.0),
    flip=st.booleans(),
    window=st.tuples(*[st.floats(0, 1)] * 2),
)
def test_dots_in_the_image_move_with_the_landmarks(
    seed, scale, flip, window, instance, load, xy, crop_by_hand
):
    """Draw a dot at each landmark; after all transforms it is there."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.arange(10, W, 24), np.arange(10, H, 24)))
    cells = rng.permutation(grid.reshape(2, -1).T)[:8]
    image = np.zeros((H, W, 3), np.uint8)
    for x, y in cells:  # a square of 5 px around the pixel's centre
        image[y - 2 : y + 3, x - 2 : x + 3] = 255
    landmarks = np.column_stack([cells + 0.5, np.full(8, 2)])
    item = instance(9, (0, 0, W, H), landmarks=landmarks)
    results = load(item, image=image)
    results = ResizeClothes(scale_factor=scale).transform(results)
    results = RandomFlipClothes(prob=float(flip)).transform(results)
    height, width = results['img_shape']
    h, w = int(height * 0.8), int(width * 0.7)
    offset = int(window[0] * (width - w)), int(window[1] * (height - h))
    crop = RandomCropClothes((1, 1), allow_negative_crop=True)
    results = crop_by_hand(results, crop, *offset, w, h)
    radius = int(np.ceil(6 * scale))
    for x, y in xy(results):
        if not (radius < x < w - radius and radius < y < h - radius):
            continue  # the dot is cut
        left, top = int(x) - radius, int(y) - radius
        patch = results['img'][
            top : top + 2 * radius, left : left + 2 * radius
        ]
        weight = patch[..., 0].astype(float)
        rows, columns = np.indices(weight.shape) + 0.5
        found_x = left + (weight * columns).sum() / weight.sum()
        found_y = top + (weight * rows).sum() / weight.sum()
        assert abs(found_x - x) < 0.5
        assert abs(found_y - y) < 0.5


@settings(max_examples=25, deadline=None)
@given(
    boxes=st.lists(
        st.tuples(
            st.integers(0, W - 2),
            st.integers(0, H - 2),
            st.integers(0, 60),
            st.integers(0, 60),
        ),
        max_size=5,
    ),
    window=st.tuples(*[st.integers(0, 60)] * 2),
)
def test_items_stay_aligned_whatever_is_dropped(
    boxes, window, instance, load, crop_by_hand
):
    """Each item's only landmark is at its box's corner, style its number."""
    items = []
    for i, (x, y, w, h) in enumerate(boxes):
        landmarks = np.zeros((8, 3))
        landmarks[i] = x + 1, y + 1, 2
        box = (x, y, x + w, y + h)
        items.append(instance(9, box, style=i, landmarks=landmarks))
    crop = RandomCropClothes((1, 1), allow_negative_crop=True)
    results = crop_by_hand(load(*items), crop, *window, 64, 36)
    results = FilterClothes(keep_empty=False).transform(results)
    sample = PackClothes().transform(results)['data_samples'].gt_instances
    offset = CATEGORY_BY_ID[9].offset
    for i, style in enumerate(sample.styles.tolist()):
        visible = sample.keypoints_visible[i].nonzero().flatten().tolist()
        assert visible in ([], [offset + style])
        for k in visible:
            point = sample.keypoints[i, k] + torch.tensor(window)
            x, y, *_ = boxes[style]
            assert point.tolist() == [x + 1, y + 1]
        assert isinstance(sample.bboxes, HorizontalBoxes)
