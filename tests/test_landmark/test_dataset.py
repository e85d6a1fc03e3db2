# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""DeepFashion2LandmarkDataset: samples, pipelines, skipped garments."""

import json

import numpy as np
import pytest

pytest.importorskip('mmpose')
from mmpose.registry import TRANSFORMS

from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    CATEGORY_BY_ID,
    CLASS_NAMES,
    flip_indices,
)
from mmfashion_ext.formats.deepfashion2.raw import RawSplit
from mmfashion_ext.landmark import DeepFashion2LandmarkDataset

pytestmark = pytest.mark.usefixtures('scope')


def annotations(raw_item):
    """A vest and trousers, a skirt; in one file and two."""
    return {
        '000001': {
            'source': 'user',
            'pair_id': 1,
            'item1': raw_item(5, (10, 20, 60, 80)),
            'item2': raw_item(8, (20, 30, 70, 110)),
        },
        '000002': {
            'source': 'shop',
            'pair_id': 1,
            'item1': raw_item(9, (0, 0, 50, 50)),
        },
    }


@pytest.fixture
def raw(raw_split, raw_item):
    return raw_split(annotations(raw_item))


def coco(split, path, change=None):
    """The split as the official COCO form, changed before it is written."""
    images, items = [], []
    for raw in RawSplit(split):
        images.append(raw.image)
        items += raw.annotations
    content = {
        'images': images,
        'annotations': items,
        'categories': [{'id': c.id, 'name': c.name} for c in CATEGORIES],
    }
    if change:
        change(content)
    path.write_text(json.dumps(content, default=list))
    return path


def dataset(ann_file, **kwargs):
    prefix = {'img': str(ann_file.parent / 'image')}
    return DeepFashion2LandmarkDataset(
        str(ann_file), data_prefix=prefix, **kwargs
    )


@pytest.mark.parametrize('form', ['raw', 'coco'])
def test_every_garment_is_a_sample(raw, tmp_path, form):
    path = raw / 'annos'
    if form == 'coco':
        path = coco(raw, raw / 'truth.json')
    data = dataset(path)
    ids = [int(data[i]['category_id']) for i in range(len(data))]
    assert ids == [5, 8, 9]
    sample = data[1]
    trousers = CATEGORY_BY_ID[8]
    own = trousers.slice
    assert sample['keypoints'].shape == (1, 294, 2)
    assert sample['keypoints'][0, own][0].tolist() == [21, 31]
    assert sample['landmark_states'][0, own].tolist() == [2] * 13 + [1]
    assert sample['keypoints_visible'].sum() == trousers.num_landmarks
    assert sample['keypoints_visible'][0, own].all()
    assert sample['bbox'].tolist() == [[20, 30, 70, 110]]
    assert sample['bbox_score'].tolist() == [1]
    assert sample['flip_indices'] == flip_indices().tolist()
    assert sample['img_path'].endswith('image/000001.jpg')
    assert data.metainfo['categories'] == CLASS_NAMES
    assert data.metainfo['classes'] == CLASS_NAMES
    assert data.metainfo['dataset_name'] == 'deepfashion2'


def test_some_categories_only(raw):
    data = dataset(raw / 'annos', categories=['skirt'])
    assert [int(s['category_id']) for s in data] == [9]
    assert data.metainfo['categories'] == ('skirt',)
    with pytest.raises(ValueError, match=r"'kilt'.*skirt"):
        dataset(raw / 'annos', categories=['kilt'])


def test_flip_pairs_of_outwear_are_a_choice(raw):
    data = dataset(raw / 'annos', outwear_flip_pairs='figure')
    assert data[0]['flip_indices'] == flip_indices('figure').tolist()
    assert data.METAINFO['keypoint_info'][59]['swap'] == 'sso_kpt6'


def test_a_summary_is_printed(raw, log):
    dataset(raw / 'annos')
    assert 'items with landmarks' in log.text
    assert '9 skirt' in log.text


def test_samples_pass_a_pipeline_of_mmpose(raw):
    codec = dict(
        type='UDPHeatmap',
        input_size=(48, 64),
        heatmap_size=(12, 16),
        sigma=2,
    )
    pipeline = [
        dict(type='LoadImage'),
        dict(type='GetBBoxCenterScale'),
        dict(type='RandomFlip', prob=1.0),
        dict(type='RandomBBoxTransform'),
        dict(type='TopdownAffine', input_size=(48, 64), use_udp=True),
        dict(type='mmfashion_ext.SelectCategoryLandmarks'),
        dict(type='GenerateTarget', encoder=codec),
        dict(type='PackPoseInputs'),
    ]
    packed = dataset(raw / 'annos', pipeline=pipeline)[0]
    assert packed['inputs'].shape == (3, 64, 48)
    sample = packed['data_samples']
    assert int(sample.category_id) == 5
    assert sample.gt_fields.heatmaps.shape == (39, 16, 12)
    weights = sample.gt_instance_labels.keypoint_weights
    assert weights.shape == (1, 39)
    assert not weights[0, 15:].any()


def test_mirroring_twice_gives_every_landmark_back(raw):
    flip = TRANSFORMS.build(dict(type='RandomFlip', prob=1.0))
    sample = dataset(raw / 'annos')[1]
    sample |= {
        'img': np.zeros((120, 100, 3), np.uint8),
        'img_shape': (120, 100),
    }
    keypoints = sample['keypoints'].copy()
    own = CATEGORY_BY_ID[8].slice
    once = flip(sample)['keypoints'].copy()
    # waist left (1) and right (3) change places
    assert once[0, own][0, 0] == 99 - keypoints[0, own][2, 0]
    twice = flip(sample)['keypoints']
    np.testing.assert_array_equal(twice[0, own], keypoints[0, own])


def hide(content):
    content['annotations'][0]['keypoints'] = [0] * 882


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (hide, 'no labelled landmark'),
        (
            lambda c: c['annotations'][0].update(bbox=[500, 500, 20, 20]),
            'no box inside',
        ),
        (
            lambda c: c['annotations'][0].update(bbox=[5, 5, 0, 20]),
            'no box inside',
        ),
    ],
)
def test_what_cannot_be_used_is_skipped_and_named(raw, log, change, words):
    data = dataset(coco(raw, raw / 'truth.json', change))
    assert [int(s['category_id']) for s in data] == [8, 9]
    assert '1 annotations skipped: 1 in 000001.jpg' in log.text
    assert words in log.text


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            lambda c: c['annotations'][1].update(keypoints=[1, 2, 2] * 14),
            r'annotation 2 .*882',
        ),
        (
            lambda c: c['annotations'][1].update(category_id=14),
            r'annotation 2 has category_id 14, expected .* from 1 to 13',
        ),
    ],
)
def test_a_wrong_item_is_named(raw, change, message):
    with pytest.raises(ValueError, match=message):
        dataset(coco(raw, raw / 'truth.json', change))


def test_missing_files_are_named(raw, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'none\.json'):
        dataset(tmp_path / 'none.json')
    with pytest.raises(FileNotFoundError, match=r'boxes\.json'):
        dataset(
            raw / 'annos', bbox_file=str(raw / 'boxes.json'), test_mode=True
        )
    with pytest.raises(ValueError, match='topdown'):
        dataset(raw / 'annos', data_mode='bottomup')


def boxes(raw, *entries):
    path = raw / 'boxes.json'
    path.write_text(json.dumps(entries))
    return str(path)


def entry(category_id, **changes):
    return {
        'image_id': 1,
        'category_id': category_id,
        'bbox': [10, 20, 30, 40],
        'score': 0.5,
    } | changes


def test_detected_boxes_of_every_category_are_kept(raw, log):
    path = boxes(
        raw,
        *(entry(c.id) for c in CATEGORIES),
        entry(1, bbox=[900, 900, 10, 10]),
        entry(1, bbox=[5, 5, 0, 0]),
        entry(1, score=0.01),
    )
    data = dataset(
        raw / 'annos',
        bbox_file=path,
        test_mode=True,
        filter_cfg={'bbox_score_thr': 0.1},
    )
    ids = [int(s['category_id']) for s in data]
    assert ids == list(CATEGORY_BY_ID)
    assert data[3]['bbox'].tolist() == [[10, 20, 40, 60]]
    assert data[3]['bbox_score'].tolist() == [0.5]
    assert 'landmark_states' not in data[3]
    assert not data[3]['keypoints_visible'].any()
    assert '2 detections skipped: entry 13' in log.text


@pytest.mark.parametrize(
    ('bad', 'message'),
    [
        (entry(14), 'entry 1.*14'),
        (entry(1, bbox=[1, 2, 3]), 'entry 1'),
        ({'image_id': 1}, 'entry 1'),
    ],
)
def test_a_wrong_detection_is_named(raw, bad, message):
    with pytest.raises(ValueError, match=message):
        dataset(
            raw / 'annos', bbox_file=boxes(raw, entry(1), bad), test_mode=True
        )


@pytest.mark.fault(29)
def test_detections_that_leave_nothing_are_refused(raw):
    for entries, message in (
        ((), r'boxes\.json holds no detections'),
        ((entry(1, bbox=[5, 5, 0, 0]),), '1 detections, of which none can'),
    ):
        with pytest.raises(ValueError, match=message):
            dataset(
                raw / 'annos', bbox_file=boxes(raw, *entries), test_mode=True
            )


def test_samples_carry_what_the_hosts_do(raw):
    """Compared with the host's method, which copies the metainfo."""
    from mmpose.datasets.datasets.base import BaseCocoStyleDataset

    data = dataset(raw / 'annos')
    host = BaseCocoStyleDataset.get_data_info(data, 0)
    ours = data.get_data_info(0)
    for key in host.keys() - {'landmarks'}:
        np.testing.assert_array_equal(ours[key], host[key])
