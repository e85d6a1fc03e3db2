# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Which items and pairs a dataset uses, and what it says of the others."""

import json

import numpy as np
import pytest

pytest.importorskip('mmdet')
from mmfashion_ext.formats.deepfashion2.raw import RawSplit
from mmfashion_ext.match_rcnn import DeepFashion2Dataset, LoadClothes


@pytest.fixture
def coco(raw_split, raw_item):
    """A converted split of three images, as Python objects."""
    split = raw_split(
        {
            '000001': {
                'source': 'user',
                'pair_id': 5,
                'item1': raw_item(11, style=1),
                'item2': raw_item(8, style=0),
            },
            '000002': {
                'source': 'shop',
                'pair_id': 5,
                'item1': raw_item(11, style=1),
            },
            '000003': {'source': 'shop', 'pair_id': 6},
        }
    )
    raws = list(RawSplit(split))
    return {
        'images': [raw.image for raw in raws],
        'annotations': [a for raw in raws for a in raw.annotations],
    }


def load(content, folder, **kwargs):
    path = folder / 'annotations.json'
    path.write_text(json.dumps(content))
    kwargs = {'data_prefix': {'img': ''}, 'pipeline': []} | kwargs
    return DeepFashion2Dataset(ann_file=str(path), **kwargs)


def rle(segmentation, compressed, size=(120, 100)):
    """Run lengths of polygons, [h, w] = size."""
    from pycocotools import mask as mask_utils

    found = mask_utils.merge(mask_utils.frPyObjects(segmentation, *size))
    if compressed:
        return {'size': list(size), 'counts': found['counts'].decode()}
    pixels = mask_utils.decode(found).ravel(order='F')
    changes = np.flatnonzero(np.diff(pixels)) + 1
    counts = np.diff([0, *changes, len(pixels)]).tolist()
    return {'size': list(size), 'counts': [0] * int(pixels[0]) + counts}


@pytest.mark.fault(6)
@pytest.mark.parametrize('poly2mask', [True, False])
@pytest.mark.parametrize('compressed', [True, False])
def test_run_lengths_are_masks(coco, tmp_path, compressed, poly2mask):
    """The polygons of the same items give the same masks and flags."""
    expected = load(coco, tmp_path).get_data_info(0)
    dress, _ = coco['annotations'][:2]  # the trousers keep their polygon
    dress['segmentation'] = rle(dress['segmentation'], compressed)
    found = load(coco, tmp_path).get_data_info(0)
    masks = []
    for info in found, expected:
        info['ori_shape'] = (120, 100)
        results = LoadClothes(poly2mask=poly2mask)(info)
        assert results['gt_ignore_flags'].tolist() == [False, False]
        masks.append(results['gt_masks'].to_ndarray())
    assert masks[0].sum() > 1000
    assert np.array_equal(*masks)


@pytest.mark.fault(6)
def test_run_lengths_go_through_a_training_pipeline(coco, tmp_path):
    from mmengine.dataset import Compose

    for annotation in coco['annotations']:
        polygons = annotation['segmentation']
        annotation['segmentation'] = rle(polygons, compressed=True)
    info = load(coco, tmp_path).get_data_info(0)
    info |= {'img': np.zeros((120, 100, 3), np.uint8), 'ori_shape': (120, 100)}
    info['img_shape'] = (120, 100)
    steps = [
        {'type': 'mmfashion_ext.LoadClothes'},
        {'type': 'mmfashion_ext.ResizeClothes', 'scale_factor': 2.0},
        {'type': 'mmfashion_ext.RandomFlipClothes', 'prob': 1.0},
        {'type': 'mmfashion_ext.RandomCropClothes', 'crop_size': (190, 150)},
        {
            'type': 'mmfashion_ext.FilterClothes',
            'by_mask': True,
            'min_gt_mask_area': 100,
        },
        {'type': 'mmfashion_ext.PackClothes'},
    ]
    sample = Compose(steps)(info)['data_samples']
    assert len(sample.gt_instances) == 2
    assert len(sample.ignored_instances) == 0
    for box, mask in zip(
        sample.gt_instances.bboxes.tensor.tolist(),
        sample.gt_instances.masks.to_ndarray(),
        strict=True,
    ):
        area = (box[2] - box[0]) * (box[3] - box[1])
        assert mask.sum() == pytest.approx(area, rel=0.05)


@pytest.mark.fault(6)
def test_run_lengths_of_another_size_are_refused(coco, tmp_path):
    polygons = coco['annotations'][0]['segmentation']
    coco['annotations'][0]['segmentation'] = rle(polygons, True, (100, 120))
    with pytest.raises(
        ValueError, match=r'annotation 1 .*\[100, 120\].*\[120, 100\]'
    ):
        load(coco, tmp_path)


@pytest.mark.fault(6)
def test_unused_items_are_counted_with_the_reason(coco, tmp_path, monkeypatch):
    """The counts are those of what the host leaves or ignores."""
    warned = []
    monkeypatch.setattr(
        'mmfashion_ext.utils.skipped.print_log',
        lambda text, **_: warned.append(text),
    )
    load(coco, tmp_path).full_init()
    assert warned == []
    template = coco['annotations'][1]
    empty = {'size': [120, 100], 'counts': [12000]}
    changes = [
        {'bbox': [500, 500, 9, 9]},
        {'bbox': [10, 20, 50, -3]},
        {'bbox': [10, 20, 0.5, 30]},
        {'iscrowd': 1},
        {'segmentation': [[1, 2, 3, 4]]},
        {'segmentation': []},
        {'segmentation': empty},
    ]
    coco['annotations'] += [
        {**template, 'id': 10 + i, **change}
        for i, change in enumerate(changes)
    ]
    data = load(coco, tmp_path)
    dropped, crowd, masks = warned
    assert '3 of 10 items are dropped: ' in dropped
    assert '1 with a box outside the image' in dropped
    assert '2 with a box narrower or lower than 1 px' in dropped
    assert 'annotation 10 in 000001.jpg' in dropped
    assert '1 of 10 items are ignored: 1 with iscrowd set' in crowd
    assert '3 of 10 items are ignored where masks are loaded' in masks
    for reason in ('no mask', 'an empty mask', 'no polygon of 3 or more'):
        assert f'1 with {reason}' in masks
    info = data.get_data_info(0)
    info['ori_shape'] = (120, 100)
    assert len(info['instances']) == 9 - 3
    assert LoadClothes()(info)['gt_ignore_flags'].sum() == 4


@pytest.mark.fault(6)
def test_images_that_filter_cfg_leaves_out_are_counted(
    coco, tmp_path, monkeypatch
):
    printed = []
    monkeypatch.setattr(
        'mmfashion_ext.match_rcnn.dataset.print_log',
        lambda text, **_: printed.append(text),
    )
    load(coco, tmp_path, filter_cfg={'filter_empty_gt': True})
    assert '1 of 3 images left out by filter_cfg' in printed[-1]


@pytest.mark.fault(10)
def test_pair_ids_of_two_files_stay_apart_up_to_the_match_head(coco, tmp_path):
    """Samples of equal pair ids are the same garment in one file only."""
    from mmfashion_ext.match_rcnn import PackClothes
    from mmfashion_ext.match_rcnn.match_roi_sampling import sample_match_rois

    def identities(*datasets):
        samples = []
        for data in datasets:
            data.full_init()
            data.pipeline = lambda info: PackClothes()(
                LoadClothes()(
                    {**info, 'img': np.zeros((120, 100, 3), np.uint8)}
                    | {'img_shape': (120, 100), 'ori_shape': (120, 100)}
                )
            )
            samples.append(data[0]['data_samples'])
            items = samples[-1].gt_instances
            items.bboxes = items.bboxes.tensor
        items = [sample.gt_instances for sample in samples]
        found = sample_match_rois(
            *([x.bboxes for x in items], items, samples),
            **{'iou_thr': 0.5, 'num': 4, 'with_landmarks': False},
            fill=True,
        )
        return set(found.identities[:, 0].tolist())

    (tmp_path / 'a').mkdir()
    (tmp_path / 'b').mkdir()
    first, second = load(coco, tmp_path / 'a'), load(coco, tmp_path / 'b')
    assert len(identities(first)) == 1
    assert len(identities(first, second)) == 2
    same = [
        load(coco, tmp_path / name, pair_numbering='shops') for name in 'ab'
    ]
    assert len(identities(*same)) == 1
