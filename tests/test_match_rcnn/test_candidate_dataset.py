# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Dataset whose categories stand for sets of DeepFashion2's."""

import json

import numpy as np
import pytest
from mmengine.registry import DATASETS, DefaultScope
from PIL import Image

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.ccp.constants import CANDIDATES, TAGS
from mmfashion_ext.match_rcnn import CandidateSetDataset, DeepFashion2Dataset
from mmfashion_ext.match_rcnn.candidate_sets import encode_candidates

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='mmfashion_ext.LoadClothes'),
    dict(type='mmfashion_ext.RandomFlipClothes', prob=1.0),
    dict(type='mmfashion_ext.PackClothes'),
]


def item(number, category, box=(2, 4, 10, 12)):
    x, y, w, h = box
    return {
        'id': number,
        'image_id': 1,
        'category_id': category,
        'bbox': list(box),
        'area': w * h,
        'segmentation': [[x, y, x + w, y, x + w, y + h, x, y + h]],
    }


@pytest.fixture
def root(tmp_path):
    """A photograph of 32 x 24 px with a top, a skirt and a bag."""
    Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(tmp_path / 'a.png')
    content = {
        'images': [{'id': 1, 'file_name': 'a.png', 'width': 32, 'height': 24}],
        'annotations': [item(1, 1), item(2, 2), item(3, 3)],
        'categories': [
            {'id': i, 'name': name}
            for i, name in enumerate(('top', 'skirt', 'bag'), 1)
        ],
    }
    (tmp_path / 'a.json').write_text(json.dumps(content))
    return tmp_path


def build(root, candidates='ccp', **kwargs):
    with DefaultScope.overwrite_default_scope('mmdet'):
        return CandidateSetDataset(
            candidates=candidates,
            data_root=str(root),
            ann_file='a.json',
            data_prefix=dict(img=''),
            pipeline=kwargs.pop('pipeline', PIPELINE),
            **kwargs,
        )


def test_labels_are_candidate_sets(root):
    instances = build(root).get_data_info(0)['instances']
    assert [instance['bbox_label'] for instance in instances] == [
        encode_candidates(CANDIDATES['top'], 13),
        8,  # skirt; the bag is left out
    ]


def test_through_the_pipeline(root):
    sample = build(root)[0]['data_samples']
    items = sample.gt_instances
    assert items.labels.tolist()[1] == 8
    assert items.bboxes.tensor.tolist()[0] == [20, 4, 30, 16]
    assert items.keypoints.shape == (2, 294, 2)
    assert not items.keypoints_visible.any()
    assert items.masks.masks.__len__() == 2


def test_candidates_by_name(root):
    dataset = build(root, {'bag': ['skirt', 0], 'top': [1]})
    labels = [i['bbox_label'] for i in dataset.get_data_info(0)['instances']]
    assert labels == [1, encode_candidates([8, 0], 13)]


def test_clothing_co_parsing_without_conversion(tmp_path):
    """Photographs and pixel labels are read as they are published."""
    for folder in ('photos', 'labels'):
        (tmp_path / folder).mkdir()
    labels = np.zeros((24, 32), np.uint8)
    labels[4:16, 2:12] = TAGS.index('blouse')
    for number in (1, 11):  # to train, to validate
        name = f'{number:04d}'
        Image.new('RGB', (32, 24)).save(tmp_path / f'photos/{name}.jpg')
        Image.fromarray(labels).save(tmp_path / f'labels/{name}.png')
    with DefaultScope.overwrite_default_scope('mmdet'):
        dataset = CandidateSetDataset(
            candidates='ccp',
            data_root=str(tmp_path),
            ann_file='.',
            split='train',
            data_prefix=dict(img='photos/'),
            pipeline=PIPELINE,
        )
    assert len(dataset) == 1
    (instance,) = dataset.get_data_info(0)['instances']
    assert instance['bbox'] == [2, 4, 12, 16]
    items = dataset[0]['data_samples'].gt_instances
    assert items.masks.masks[0].sum() == 120
    (tmp_path / 'labels/0001.png').unlink()
    with pytest.raises(UserError, match=r'0001\.jpg: has no pixel labels'):
        build_again(dataset)


def build_again(dataset):
    dataset._fully_initialized = False
    dataset.full_init()


def test_joins_deepfashion2_in_one_dataset(root):
    """ConcatDataset wants the same metainfo of all."""
    assert CandidateSetDataset.METAINFO == DeepFashion2Dataset.METAINFO
    with DefaultScope.overwrite_default_scope('mmdet'):
        both = DATASETS.build(
            dict(type='ConcatDataset', datasets=[build(root), build(root)])
        )
    assert len(both) == 2


@pytest.mark.parametrize(
    ('candidates', 'message'),
    [
        ('cpc', 'candidates must be a dict or one of ccp, garments'),
        ({'top': ['shirtt']}, "no category 'shirtt'"),
        ({'top': [13]}, r'categories 0\.\.12'),
        ({'top': []}, 'at least one'),
        ({'shirt': [0]}, "'top', 'skirt', 'bag'|top, skirt, bag"),
    ],
)
def test_refuses(root, candidates, message):
    with pytest.raises(UserError, match=message):
        build(root, candidates)
