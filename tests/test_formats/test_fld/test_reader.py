# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json

import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.fld.convert import convert_part
from mmfashion_ext.formats.fld.reader import read_boxes, read_fld
from mmfashion_ext.synthetic import generate_fld


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    out = tmp_path_factory.mktemp('data') / 'fld'
    make = {'num': 6, 'val': 0, 'test': 0, 'size': 64, 'progress': False}
    return generate_fld(out, **make)


@pytest.fixture
def coco_file(root, tmp_path):
    path = tmp_path / 'fld.json'
    convert_part(root, path, split='train', subset='upper')
    return path


def test_the_raw_dataset_and_its_coco_file_are_the_same(root, coco_file):
    raw_images, raw_items = read_fld(str(root), 'upper')
    images, items = read_fld(str(coco_file), 'upper')
    for image in raw_images.values():
        name = image['file_name']
        assert image.pop('img_path') == str(root / 'Img' / name)
    assert (raw_images, raw_items) == (images, items)
    assert [item['num_keypoints'] for item in items] == [
        sum(v > 0 for v in item['keypoints'][2::3]) for item in items
    ]


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'keypoints': [1, 1, 3] * 6}, 'keypoints with v other than 0, 1 or'),
        ({'keypoints': [1, 1, 2] * 4}, 'keypoints of 12 numbers, expected 18'),
        ({'keypoints': {}}, 'keypoints {}, expected 18 finite numbers'),
        ({'variation': 6}, 'variation 6, expected an integer from 1 to 5'),
        ({'image_id': []}, r'image_id \[\], expected an integer'),
    ],
)
def test_wrong_items_are_named(coco_file, changes, message):
    content = json.loads(coco_file.read_text())
    content['annotations'][1].update(changes)
    coco_file.write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf'annotation 4 has {message}'):
        read_fld(str(coco_file), 'upper')


def test_boxes(tmp_path):
    path = tmp_path / 'boxes.json'
    entry = {'image_id': 1, 'category_id': 1, 'bbox': [1] * 4, 'score': 1}
    path.write_text(json.dumps([entry]))
    assert read_boxes(str(path)) == [entry]
    path.write_text(json.dumps([entry, 1e-320]))
    with pytest.raises(UserError, match='entry 1 is 1e-320, expected an obj'):
        read_boxes(str(path))
    with pytest.raises(FileNotFoundError, match='bbox_file'):
        read_boxes(str(tmp_path / 'none.json'))
