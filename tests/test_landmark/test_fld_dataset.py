# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""FLDDataset: samples of raw files and of COCO files, skipped garments."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('mmpose')
from mmpose.datasets import DeepFashionDataset
from mmpose.registry import TRANSFORMS

from mmfashion_ext.formats.fld.constants import (
    CLOTHES_TYPES,
    clothes_type,
    flip_indices,
)
from mmfashion_ext.formats.fld.raw import RawFLD, coco_categories
from mmfashion_ext.landmark.fld_dataset import FLDDataset
from mmfashion_ext.registry import DATASETS
from mmfashion_ext.synthetic import generate_fld

pytestmark = pytest.mark.usefixtures('scope')

SAMPLES = Path(__file__).parents[3] / 'shared/samples/fld'
SUBSETS = pytest.mark.parametrize('subset', ['upper', 'lower', 'full'])


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    out = tmp_path_factory.mktemp('data') / 'fld'
    return generate_fld(
        out, num=15, val=6, test=0, seed=2, size=64, progress=False
    )


def coco(root, subset, folder, change=None):
    """The training part of a type as COCO, changed before it is written."""
    raw = RawFLD(root)
    reads = list(raw.read(raw.select('train', subset)))
    content = {
        'images': [r.image for r in reads],
        'annotations': [a for r in reads for a in r.annotations],
        'categories': coco_categories(clothes_type(subset)),
    }
    if change:
        change(content)
    path = folder / 'fld.json'
    path.write_text(json.dumps(content))
    return path


def dataset(root, ann_file, subset='full', **kwargs):
    prefix = {'img': str(root / 'Img')}
    return FLDDataset(str(ann_file), subset, data_prefix=prefix, **kwargs)


@SUBSETS
@pytest.mark.parametrize('form', ['raw', 'coco'])
def test_samples(root, tmp_path, subset, form):
    clothes = clothes_type(subset)
    if form == 'coco':
        data = dataset(root, coco(root, subset, tmp_path), subset)
    else:
        data = FLDDataset(str(root), subset)
    entries = RawFLD(root).select('train', subset)
    assert [s['id'] for s in data] == [e.id for e in entries]
    for sample, entry in zip(data, entries, strict=True):
        points = entry.landmarks.points
        assert sample['landmark_states'].dtype == np.uint8
        assert sample['landmark_states'].tolist() == [points[:, 2].tolist()]
        assert sample['keypoints'].tolist() == [points[:, :2].tolist()]
        assert sample['keypoints_visible'].dtype == np.float32
        assert sample['keypoints_visible'].tolist() == [
            (points[:, 2] > 0).tolist()
        ]
        assert int(sample['category_id']) == 1
        # as all of mmpose, the host clips to the last pixel's centre
        assert np.abs(sample['bbox'][0] - entry.box).max() <= 1
        assert os.path.isfile(sample['img_path'])
        assert sample['flip_indices'] == flip_indices(clothes).tolist()
        assert sample['dataset_name'] == f'fld_{subset}'


def test_the_raw_data_set_has_splits(root):
    entries = RawFLD(root).select('val', 'lower')
    data = FLDDataset(str(root), 'lower', split='val')
    assert [s['id'] for s in data] == [e.id for e in entries]


@SUBSETS
def test_metainfo(root, subset):
    clothes = clothes_type(subset)
    meta = FLDDataset(subset=subset, lazy_init=True).metainfo
    assert meta['num_keypoints'] == clothes.num_landmarks
    assert [meta['keypoint_id2name'][k] for k in range(len(clothes.landmarks))]
    assert meta['sigmas'].tolist() == pytest.approx(clothes.sigmas)
    assert len(meta['skeleton_links']) == len(clothes.skeleton)
    assert FLDDataset.METAINFO['dataset_name'] == 'fld_full'


def test_types_live_side_by_side(root):
    sets = [FLDDataset(str(root), c.name) for c in CLOTHES_TYPES]
    counts = [data.metainfo['num_keypoints'] for data in sets]
    assert counts == [6, 4, 8]
    assert [data[0]['keypoints'].shape[1] for data in sets] == counts


def test_is_registered():
    assert DATASETS.module_dict['FLDDataset'] is FLDDataset


@SUBSETS
def test_mmposes_own_class_reads_our_files(root, tmp_path, subset):
    path = coco(root, subset, tmp_path)
    ours = dataset(root, path, subset)
    theirs = DeepFashionDataset(
        str(path), subset, data_prefix={'img': str(root / 'Img')}
    )
    assert len(ours) == len(theirs) == 5
    for a, b in zip(ours, theirs, strict=True):
        for key in ('img_path', 'id', 'img_id', 'num_keypoints', 'iscrowd'):
            assert a[key] == b[key]
        for key in ('bbox', 'keypoints', 'keypoints_visible', 'area'):
            np.testing.assert_array_equal(a[key], b[key])
        assert b.keys() <= a.keys()


def test_samples_pass_a_pipeline_of_mmpose(root):
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
        dict(type='TopdownAffine', input_size=(48, 64), use_udp=True),
        dict(type='GenerateTarget', encoder=codec),
        dict(
            type='PackPoseInputs',
            meta_keys=('id', 'img_path', 'landmark_states'),
        ),
    ]
    data = FLDDataset(str(root), 'full', pipeline=pipeline)
    packed = data[0]
    sample = packed['data_samples']
    assert packed['inputs'].shape == (3, 64, 48)
    assert sample.gt_fields.heatmaps.shape == (8, 16, 12)
    assert sample.metainfo['landmark_states'].shape == (1, 8)


def test_mirroring_exchanges_left_and_right(root):
    flip = TRANSFORMS.build(dict(type='RandomFlip', prob=1.0))
    sample = FLDDataset(str(root), 'upper')[0]
    sample |= {'img': np.zeros((64, 50, 3), np.uint8), 'img_shape': (64, 50)}
    before = sample['keypoints'][0].copy()
    after = flip(sample)['keypoints'][0]
    np.testing.assert_allclose(after[::2, 0], 49 - before[1::2, 0])
    np.testing.assert_allclose(after[1::2, 1], before[::2, 1])


def test_a_summary_is_printed(root, log):
    FLDDataset(str(root), 'upper')
    rows = [' '.join(line.split()) for line in log.text.splitlines()]
    assert 'items 5 5' in rows
    assert 'variation medium zoom-in 1 1' in rows
    assert any(row.startswith('landmarks visible') for row in rows)


def edit(**changes):
    return lambda content: content['annotations'][0].update(changes)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (edit(keypoints=[0] * 24), 'no labelled landmark'),
        (edit(keypoints=[5, 5, 0] * 8), 'no labelled landmark'),
        (edit(bbox=[500, 500, 20, 20]), 'no box inside'),
        (edit(bbox=[5, 5, 0, 20]), 'no box inside'),
        (edit(bbox=[5, 5, 20, -3]), 'no box inside'),
    ],
)
@pytest.mark.parametrize('test_mode', [False, True])
def test_what_cannot_be_used_is_skipped_and_named(
    root, tmp_path, log, change, words, test_mode
):
    path = coco(root, 'full', tmp_path, change)
    data = dataset(root, path, test_mode=test_mode)
    assert [s['id'] for s in data] == [6, 9, 12, 15]
    assert '1 annotations skipped: 3 in img/img_00000003.jpg' in log.text
    assert words in log.text


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            edit(keypoints=[5, 5, 2] * 6),
            '18 numbers, expected 24 .*subset fit the file',
        ),
        (edit(keypoints=[5, 5, 3] * 8), 'v other than 0, 1 or 2'),
        (edit(keypoints=[5, None, 2] * 8), 'expected 24 finite numbers'),
        (edit(bbox=[1, 2, 3]), 'has bbox of 3 numbers, expected 4 finite'),
        (edit(bbox=None), 'has bbox None, expected 4 finite numbers'),
        (edit(image_id=99), 'has image_id 99, which is not listed'),
        (lambda c: c['annotations'][0].pop('bbox'), 'lacks bbox'),
    ],
)
def test_a_wrong_annotation_is_named(root, tmp_path, change, message):
    path = coco(root, 'full', tmp_path, change)
    with pytest.raises(
        ValueError, match=rf'fld.json: annotation 3 .*{message}'
    ):
        dataset(root, path)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'the ground truth is not valid JSON'),
        ('[]', r'expected a COCO ground truth, .* got \[\]'),
        ('{"images": []}', '.* got one without annotations'),
        ('{"images": 1}', '.* got one without annotations'),
        ('{"images": 1, "annotations": []}', '.* got images 1, not a list'),
    ],
)
def test_a_file_that_is_not_a_coco_file(root, tmp_path, text, message):
    path = tmp_path / 'fld.json'
    path.write_text(text)
    with pytest.raises(ValueError, match=rf'fld\.json: {message}'):
        dataset(root, path)


def test_a_raw_data_set_with_defects_is_refused(root, tmp_path):
    broken = Path(shutil.copytree(root, tmp_path / 'fld'))
    (broken / 'Img/img/img_00000003.jpg').unlink()
    with pytest.raises(
        ValueError, match=r'line 5: image .*first of 1 defects'
    ):
        FLDDataset(str(broken), 'full')
    assert len(FLDDataset(str(broken), 'upper')) == 5


def test_missing_files_are_named(root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'none\.json does not exist'):
        FLDDataset(str(tmp_path / 'none.json'))
    with pytest.raises(FileNotFoundError, match=r'boxes\.json does not exist'):
        FLDDataset(str(root), bbox_file='boxes.json', test_mode=True)
    with pytest.raises(ValueError, match="'full', got 'body'"):
        FLDDataset(str(root), 'body')


def entry(**changes):
    return {
        'image_id': 3,
        'category_id': 1,
        'bbox': [5, 6, 20, 30],
        'score': 0.5,
    } | changes


def with_boxes(root, folder, *entries, **kwargs):
    path = folder / 'boxes.json'
    path.write_text(json.dumps(entries))
    return FLDDataset(str(root), bbox_file=str(path), test_mode=True, **kwargs)


def test_detected_boxes(root, tmp_path, log):
    data = with_boxes(
        root,
        tmp_path,
        entry(),
        entry(category_id=13),
        entry(bbox=[900, 900, 10, 10]),
        entry(image_id=99),
        entry(score=0.01),
        entry(image_id=6, score=1),
        filter_cfg={'bbox_score_thr': 0.1},
    )
    assert [s['id'] for s in data] == [0, 5]
    assert data[0]['bbox'].tolist() == [[5, 6, 25, 36]]
    assert data[0]['bbox_score'].tolist() == [0.5]
    assert data[1]['img_path'].endswith('img_00000006.jpg')
    assert int(data[0]['category_id']) == 1
    assert not data[0]['keypoints_visible'].any()
    assert 'landmark_states' not in data[0]
    named = (
        '3 detections skipped: entry 1 (category 13, expected 1); '
        'entry 2 (no box inside the image); '
        'entry 3 (image is not in the annotations)'
    )
    assert named in log.text


@pytest.mark.parametrize(
    'bad', [{'image_id': 3}, entry(bbox=[1, 2, 3]), entry(bbox=['1'] * 4)]
)
def test_a_wrong_detection_is_named(root, tmp_path, bad):
    with pytest.raises(ValueError, match=r'boxes\.json: entry 1'):
        with_boxes(root, tmp_path, entry(), bad)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('[1', ': the list of detections is not valid JSON'),
        ('{}', ' holds an object, expected a list of detections'),
    ],
)
def test_a_file_that_is_not_a_list_of_detections(
    root, tmp_path, text, message
):
    path = tmp_path / 'boxes.json'
    path.write_text(text)
    with pytest.raises(ValueError, match=rf'boxes\.json{message}'):
        FLDDataset(str(root), bbox_file=str(path), test_mode=True)


@pytest.mark.fault(29)
def test_detections_that_leave_nothing_are_refused(root, tmp_path):
    with pytest.raises(ValueError, match=r'boxes\.json holds no detections'):
        with_boxes(root, tmp_path)
    with pytest.raises(ValueError, match='holds 1 detections, of which none'):
        with_boxes(root, tmp_path, entry(image_id=99))


@pytest.mark.skipif(not SAMPLES.is_dir(), reason='no sample of the dataset')
def test_real_pictures_of_mmposes_conversion():
    data = FLDDataset('test_fld.json', data_root=str(SAMPLES), test_mode=True)
    assert [s['id'] for s in data] == [128, 132]
    states = [s['landmark_states'][0].tolist() for s in data]
    assert states == [[1, 1, 2, 1, 2, 1, 2, 1], [2] * 6 + [0, 2]]
    assert data[1]['keypoints'][0, 0].tolist() == [71, 19]
    assert data[1]['bbox'].tolist() == [[1, 1, 199, 249]]
    assert all(os.path.isfile(s['img_path']) for s in data)
