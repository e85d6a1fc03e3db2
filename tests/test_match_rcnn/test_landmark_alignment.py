# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Transforms of mmdet that leave the landmarks, and images of a wrong size."""

import copy

import numpy as np
import pytest

pytest.importorskip('mmdet')
from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn import (
    FilterClothes,
    LoadClothes,
    PackClothes,
    RandomCropClothes,
    RandomFlipClothes,
    ResizeClothes,
)

H, W = 96, 128


HOST_TRANSFORMS = {
    'MinIoURandomCrop': {'min_ious': (0.3,)},
    'RandomShift': {'prob': 1.0, 'max_shift_px': 5},
    'Expand': {'prob': 1.0},
    'RandomAffine': {},
    'Rotate': {'prob': 1.0, 'level': 5},
    'ShearX': {'prob': 1.0, 'level': 5},
    'TranslateY': {'prob': 1.0, 'level': 5},
    'ResizeShortestEdge': {'scale': 200},
    'Mosaic': {'img_scale': (W, H), 'prob': 1.0},
    'MixUp': {'img_scale': (W, H)},
    'CopyPaste': {'selected': False},
}


@pytest.mark.fault(8)
@pytest.mark.parametrize('masks', ['bitmaps', 'polygons', 'none'])
@pytest.mark.parametrize('name', HOST_TRANSFORMS)
def test_host_transforms_that_leave_landmarks_are_refused(
    name, masks, load, three
):
    """By the next transform of ours already, and by PackClothes."""
    from mmdet.registry import TRANSFORMS

    def moved():
        np.random.seed(1)  # noqa: NPY002 (mmdet draws from it)
        # an image without symmetry, that MinIoURandomCrop cannot keep whole
        transform = TRANSFORMS.build({'type': name, **HOST_TRANSFORMS[name]})
        transform._random_mode = lambda: 0.3
        others = [load(three[1], poly2mask=masks == 'bitmaps')] * 3
        results = load(three[0], poly2mask=masks == 'bitmaps')
        results['mix_results'] = others[: 3 if name == 'Mosaic' else 1]
        if masks == 'none':
            for each in (results, *results['mix_results']):
                each.pop('gt_masks', None)
        return transform.transform(results)

    try:
        results = moved()
    except (RuntimeError, AttributeError, KeyError):
        pytest.skip('mmdet itself does not support these masks')
    message = 'without (its|their) landmarks.*RandomCropClothes'
    for ours in (
        PackClothes(),
        ResizeClothes(scale_factor=2.0),
        RandomFlipClothes(prob=1.0),
        RandomCropClothes((60, 60)),
        FilterClothes(),
    ):
        with pytest.raises(UserError, match=message):
            ours.transform(results)


@pytest.mark.fault(8)
def test_host_transforms_of_colours_and_borders_are_allowed(load, three):
    from mmdet.registry import TRANSFORMS

    results = load(*three)
    for step in (
        {'type': 'PhotoMetricDistortion'},
        {'type': 'CutOut', 'n_holes': 2, 'cutout_shape': (4, 4)},
        {'type': 'Pad', 'size_divisor': 32},
        {'type': 'mmfashion_ext.RandomFlipClothes', 'prob': 1.0},
        {'type': 'Pad', 'size_divisor': 64},
        {'type': 'FilterAnnotations', 'min_gt_bbox_wh': (1, 1)},
    ):
        results = TRANSFORMS.build(step).transform(results)
    sample = PackClothes().transform(results)['data_samples']
    assert len(sample.gt_instances) == 3


@pytest.mark.fault(7)
def test_an_image_of_another_size_than_its_annotations_is_refused(load, three):
    image = np.zeros((H, W, 3), np.uint8)
    results = load()
    del results['gt_keypoints']
    results |= {'img': image, 'instances': [copy.deepcopy(three[0])]}
    LoadClothes().transform(results | {'height': H, 'width': W})
    with pytest.raises(
        UserError, match=r'a\.jpg: .*128 x 96 px.*96 x 128.*EXIF.*color_ignore'
    ):
        LoadClothes().transform(results | {'height': W, 'width': H})
    with pytest.raises(UserError, match=r'are for 64 x 64 px; correct the'):
        LoadClothes().transform(results | {'height': 64, 'width': 64})
