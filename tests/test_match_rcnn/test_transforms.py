# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import copy

import numpy as np
import pytest
import torch

pytest.importorskip('mmdet')
from mmdet.datasets.transforms import (
    FilterAnnotations,
    RandomCrop,
    RandomFlip,
    Resize,
)

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    CATEGORY_BY_ID,
    flip_indices,
)
from mmfashion_ext.match_rcnn import (
    FilterClothes,
    LoadClothes,
    PackClothes,
    RandomCropClothes,
    RandomFlipClothes,
    ResizeClothes,
)

H, W = 96, 128


def test_load_expands_to_294_landmarks(load, three):
    results = load(*three)
    keypoints = results['gt_keypoints']
    assert keypoints.shape == (3, 294, 3)
    assert keypoints.dtype == np.float32
    for found, item in zip(keypoints, three, strict=True):
        category = CATEGORIES[item['bbox_label']]
        assert np.array_equal(found[category.slice], item['keypoints'])
        assert found[..., 2].astype(bool).sum() == category.num_landmarks
    assert results['gt_styles'].tolist() == [1, 2, 3]
    assert results['gt_styles'].dtype == np.int64


def test_load_clears_what_is_not_labelled(instance, load):
    landmarks = [[5, 6, 0]] * 8
    results = load(instance(9, (2, 3, 50, 60), landmarks=landmarks))
    assert not results['gt_keypoints'].any()


def test_load_needs_our_dataset(load):
    plain = {'bbox': [0, 0, 5, 5], 'bbox_label': 0, 'ignore_flag': 0}
    with pytest.raises(
        UserError, match=r"no 'keypoints'.*DeepFashion2Dataset"
    ):
        load({**plain, 'mask': [[0, 0, 5, 0, 5, 5]]})


def test_overlapping_polygons_are_united(instance, load):
    item = instance(1, (10, 10, 50, 50))
    item['mask'].append([20, 20, 40, 20, 40, 40, 20, 40])
    for poly2mask in True, False:
        results = load(item, poly2mask=poly2mask)
        assert results['gt_masks'].to_ndarray().sum() == 1600


@pytest.mark.parametrize('keep_ratio', [True, False])
def test_resize_there_and_back(keep_ratio, load, xy, corners, three):
    results = load(*three)
    points, boxes = xy(results), corners(results).copy()
    there = ResizeClothes(scale=(311, 233), keep_ratio=keep_ratio)
    results = there.transform(results)
    w, h = results['scale_factor']
    assert np.abs(xy(results) - points * [w, h]).max() < 1e-4
    assert np.abs(corners(results) - boxes * [w, h, w, h]).max() < 1e-4
    results = ResizeClothes(scale=(W, H)).transform(results)
    assert np.abs(xy(results) - points).max() < 1e-3
    assert np.array_equal(
        results['gt_keypoints'][..., 2], load(*three)['gt_keypoints'][..., 2]
    )


def test_resize_does_not_clip_landmarks(instance, load, xy, corners):
    landmarks = [[-5, 50, 1]] * 8
    results = load(instance(9, (-10, 5, 40, 60), landmarks=landmarks))
    results = ResizeClothes(scale_factor=2.0).transform(results)
    assert np.array_equal(xy(results), [[-10, 100]] * 8)
    assert corners(results).tolist() == [[0, 10, 80, 120]]


def test_flip_mirrors_and_exchanges_sides(load, corners, three):
    results = load(*three)
    before = results['gt_keypoints'].copy()
    boxes = corners(results).copy()
    results = RandomFlipClothes(prob=1.0).transform(results)
    after = results['gt_keypoints']
    left = CATEGORY_BY_ID[1].offset + 6  # landmark 7, left shoulder
    right = CATEGORY_BY_ID[1].offset + 24  # landmark 25, right shoulder
    assert np.array_equal(
        after[0, left], [W, 0, 0] + [-1, 1, 1] * before[0, right]
    )
    # The box mirrors to w - x too, so a landmark keeps its place in it.
    inside = before[0, left, 0] - boxes[0, 0]
    mirrored = corners(results)[0, 2] - after[0, right, 0]
    assert mirrored == pytest.approx(inside, abs=1e-4)
    for i, item in enumerate(three):
        labelled = np.flatnonzero(after[i, :, 2])
        own = np.arange(294)[CATEGORIES[item['bbox_label']].slice]
        assert np.array_equal(labelled, own)


@pytest.mark.parametrize('outwear_flip_pairs', ['sigmas', 'figure'])
def test_flip_twice_is_the_identity(outwear_flip_pairs, instance, load):
    items = [instance(c.id, (1, 2, 100, 90)) for c in CATEGORIES]
    items[2]['keypoints'][3] = 0  # not labelled: stays at 0, 0
    results = load(*items)
    before, image = results['gt_keypoints'].copy(), results['img'].copy()
    flip = RandomFlipClothes(prob=1.0, outwear_flip_pairs=outwear_flip_pairs)
    results = flip.transform(results)
    assert not np.array_equal(results['gt_keypoints'], before)
    unlabelled = results['gt_keypoints'][..., 2] == 0
    assert not results['gt_keypoints'][unlabelled].any()
    results = flip.transform(results)
    assert np.abs(results['gt_keypoints'] - before).max() < 1e-5
    assert np.array_equal(results['img'], image)


def test_flip_pairs_of_outwear_differ(instance, load):
    a = RandomFlipClothes(prob=1.0).transform(
        load(instance(3, (1, 2, 90, 90)))
    )
    b = RandomFlipClothes(prob=1.0, outwear_flip_pairs='figure').transform(
        load(instance(3, (1, 2, 90, 90)))
    )
    differ = (a['gt_keypoints'] != b['gt_keypoints']).any(-1)[0]
    local = np.flatnonzero(differ) - CATEGORY_BY_ID[3].offset + 1
    assert local.tolist() == [2, 4, 6, 26]


def test_no_flip_changes_nothing(load, three):
    results = RandomFlipClothes(prob=0.0).transform(load(*three))
    assert results['flip'] is False
    assert np.array_equal(
        results['gt_keypoints'], load(*three)['gt_keypoints']
    )
    PackClothes().transform(results)


@pytest.mark.parametrize(
    'direction', ['vertical', 'diagonal', ['horizontal', 'vertical']]
)
def test_other_directions_are_refused(direction):
    with pytest.raises(UserError, match='flips horizontally only, got'):
        RandomFlipClothes(prob=0.5, direction=direction)


def test_crop_is_a_subtraction(load, crop_by_hand, three):
    before = load(*three)['gt_keypoints']
    results = crop_by_hand(
        load(*three), RandomCropClothes((1, 1)), 20, 30, 70, 60
    )
    after = results['gt_keypoints']
    assert results['img'].shape == (60, 70, 3)
    assert results['gt_styles'].tolist() == [1, 2, 3]
    moved = before - np.array([20, 30, 0], np.float32)
    x, y, v = np.moveaxis(moved, -1, 0)
    inside = (x >= 0) & (x <= 70) & (y >= 0) & (y <= 60) & (v > 0)
    assert 0 < inside.sum() < (v > 0).sum()
    assert np.array_equal(after[inside], moved[inside])
    assert not after[~inside].any()
    assert 'gt_instances_ids' not in results


def test_crop_keeps_fields_aligned_when_an_item_leaves(
    instance, load, crop_by_hand, three
):
    items = [*three, instance(5, (70, 20, 100, 60), style=4)]
    items.insert(1, instance(7, (2, 2, 20, 20), style=9))
    results = crop_by_hand(
        load(*items), RandomCropClothes((1, 1)), 62, 0, 66, 96
    )
    assert results['gt_styles'].tolist() == [2, 4]
    assert results['gt_bboxes_labels'].tolist() == [7, 4]
    assert len(results['gt_masks']) == len(results['gt_bboxes']) == 2
    sample = PackClothes().transform(results)['data_samples'].gt_instances
    trousers = CATEGORY_BY_ID[8].slice
    assert sample.keypoints_visible[0, trousers].all()
    assert not sample.keypoints_visible[1, trousers].any()


def test_crop_without_any_item(load, crop_by_hand, three):
    window = (100, 0, 28, 8)
    assert (
        crop_by_hand(load(*three), RandomCropClothes((1, 1)), *window) is None
    )
    crop = RandomCropClothes((1, 1), allow_negative_crop=True)
    results = crop_by_hand(load(*three), crop, *window)
    assert results['gt_keypoints'].shape == (0, 294, 3)
    sample = PackClothes().transform(results)['data_samples']
    assert len(sample.gt_instances) == 0


def test_crop_of_the_whole_image_keeps_landmarks_on_the_border(instance, load):
    landmarks = [[W, H, 2], [0, 0, 1]] * 4
    item = instance(9, (0, 0, W, H), landmarks=landmarks)
    results = RandomCropClothes((1000, 1000)).transform(load(item))
    assert np.array_equal(results['gt_keypoints'], load(item)['gt_keypoints'])


def test_filter_keeps_fields_aligned(instance, load, three):
    items = list(three)
    items[1] = instance(8, (64, 10, 64, 90), style=2)  # no width
    results = FilterClothes(keep_empty=False).transform(load(*items))
    assert results['gt_styles'].tolist() == [1, 3]
    assert results['gt_bboxes_labels'].tolist() == [0, 8]
    assert len(results['gt_masks']) == len(results['gt_bboxes']) == 2
    skirt = CATEGORY_BY_ID[9].slice
    assert results['gt_keypoints'][1, skirt, 2].all()
    PackClothes().transform(results)


def test_filter_of_everything_and_of_nothing(instance, load):
    small = instance(9, (5, 5, 5.5, 60))
    assert FilterClothes().transform(load(small)) is None
    results = FilterClothes(keep_empty=False).transform(load(small))
    assert results['gt_keypoints'].shape == (0, 294, 3)
    assert FilterClothes().transform(load())['gt_styles'].shape == (0,)


def test_pack(load, three):
    items = copy.deepcopy(list(three))
    items[1]['ignore_flag'] = 1
    packed = PackClothes().transform(load(*items))
    sample = packed['data_samples']
    assert packed['inputs'].shape == (3, H, W)
    found = sample.gt_instances
    assert found.keypoints.shape == (2, 294, 2)
    assert found.keypoints.dtype == torch.float32
    assert found.keypoints_visible.shape == (2, 294)
    assert found.keypoints_visible.dtype == torch.int64
    assert found.styles.tolist() == [1, 3]
    assert found.labels.tolist() == [0, 8]
    own = CATEGORY_BY_ID[9].slice
    assert found.keypoints_visible[1, own].tolist() == [2] * 7 + [1]
    expected = torch.from_numpy(three[2]['keypoints'][:, :2])
    assert torch.equal(found.keypoints[1, own], expected)
    ignored = sample.ignored_instances
    assert ignored.styles.tolist() == [2]
    assert ignored.keypoints.shape == (1, 294, 2)
    assert (sample.source, sample.pair_id) == ('user', 4)


def test_pack_only_has_the_meta_keys_that_exist(load, three):
    results = load(*three)
    del results['source'], results['pair_id']
    sample = PackClothes().transform(results)['data_samples']
    assert 'source' not in sample.metainfo
    assert sample.img_id == 1


def test_pack_without_annotations():
    results = {'img': np.zeros((8, 9, 3), np.uint8), 'img_id': 1}
    for transform in (
        ResizeClothes(scale_factor=2.0),
        RandomFlipClothes(prob=1.0),
        RandomCropClothes((8, 8)),
    ):
        results = transform.transform(results)
    sample = PackClothes().transform(results)['data_samples']
    assert 'keypoints' not in sample.gt_instances


@pytest.mark.parametrize(
    'transform',
    [
        Resize(scale_factor=2.0),
        RandomFlip(prob=1.0),
        RandomCrop((40, 90), allow_negative_crop=True),
    ],
)
def test_moving_the_image_alone_is_noticed(transform, load, three):
    results = transform.transform(load(three[0]))
    with pytest.raises(UserError, match='moved without its landmarks'):
        PackClothes().transform(results)


def test_dropping_boxes_alone_is_noticed(instance, load, three):
    items = [*three, instance(8, (64, 10, 64, 90))]
    results = FilterAnnotations().transform(load(*items))
    with pytest.raises(UserError, match='3 boxes but landmarks of 4 items'):
        PackClothes().transform(results)


def test_test_pipeline_loads_after_resizing(load, three):
    """As in mmdet: the ground truth of a test image stays unscaled."""
    results = load()
    results = ResizeClothes(scale_factor=2.0).transform(results)
    results['instances'] = [three[0]]
    results = LoadClothes().transform(results)
    sample = PackClothes().transform(results)['data_samples']
    own = CATEGORY_BY_ID[1].slice
    expected = torch.from_numpy(three[0]['keypoints'][:, :2])
    assert torch.equal(sample.gt_instances.keypoints[0, own], expected)


@pytest.mark.parametrize('poly2mask', [True, False])
def test_images_without_items_pass_everything(poly2mask, load):
    results = load(poly2mask=poly2mask)
    for transform in (
        ResizeClothes(scale_factor=2.0, keep_ratio=True),
        RandomFlipClothes(prob=1.0),
        RandomCropClothes((50, 60), allow_negative_crop=True),
        FilterClothes(keep_empty=False),
        PackClothes(),
    ):
        results = transform.transform(results)
    sample = results['data_samples'].gt_instances
    assert sample.keypoints.shape == (0, 294, 2)
    assert sample.keypoints_visible.shape == (0, 294)
    assert sample.styles.shape == (0,)


def test_flip_uses_the_shared_permutation():
    flip = RandomFlipClothes(prob=0.5, outwear_flip_pairs='figure')
    assert np.array_equal(flip.flip_indices, flip_indices('figure'))


def test_random_resize_of_mmcv_can_use_it(load, xy, three):
    from mmcv.transforms import RandomResize

    resize = RandomResize(
        scale=[(200, 150), (300, 250)],
        keep_ratio=True,
        resize_type='mmfashion_ext.ResizeClothes',
    )
    points = xy(load(*three))
    results = resize.transform(load(*three))
    factor = np.array(results['scale_factor'])
    assert np.abs(xy(results) - points * factor).max() < 1e-4
