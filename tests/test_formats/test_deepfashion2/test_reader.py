# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.constants import CATEGORY_BY_ID
from mmfashion_ext.formats.deepfashion2.convert import write_coco
from mmfashion_ext.formats.deepfashion2.raw import RawSplit
from mmfashion_ext.formats.deepfashion2.reader import read_images


@pytest.fixture
def split(raw_split, raw_item):
    return raw_split(
        {
            '000001': {
                'source': 'user',
                'pair_id': 5,
                'item1': raw_item(11, style=1),
                'item2': raw_item(8),
            },
            '000002': {'source': 'shop', 'pair_id': 5},
        }
    )


@pytest.fixture
def coco_file(split, tmp_path):
    path = tmp_path / 'train.json'
    write_coco(path, list(RawSplit(split)))
    return path


def test_a_raw_split_and_its_coco_file_are_the_same(split, coco_file):
    sources = split, split / 'annos', coco_file
    raw, annos, coco = (list(read_images(str(path))) for path in sources)
    for images in (raw, annos):
        assert [image for image, _ in images] == [image for image, _ in coco]
        for (_, found), (_, expected) in zip(images, coco, strict=True):
            for item, other in zip(found, expected, strict=True):
                keypoints = item.pop('keypoints')
                other = dict(other)
                assert (keypoints == other.pop('keypoints')).all()
                assert item == other


def test_landmarks_of_the_category_alone(coco_file, raw_item):
    (_, items), (_, none) = read_images(str(coco_file))
    assert none == []
    for item, category_id in zip(items, (11, 8), strict=True):
        expected = np.reshape(raw_item(category_id)['landmarks'], (-1, 3))
        count = CATEGORY_BY_ID[category_id].num_landmarks
        assert item['keypoints'].shape == (count, 3)
        assert item['keypoints'].dtype == np.float32
        assert (item['keypoints'] == expected).all()
        assert item['num_keypoints'] == (expected[:, 2] > 0).sum()


def test_test_splits_have_no_annotations(coco_file):
    content = json.loads(coco_file.read_text())
    del content['annotations']
    coco_file.write_text(json.dumps(content))
    images = list(read_images(str(coco_file), annotated=False))
    assert [items for _, items in images] == [[], []]
    with pytest.raises(UserError, match='got one without annotations'):
        list(read_images(str(coco_file)))


def test_missing_files_name_the_converter(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'dataset_converters/deepf'):
        list(read_images(str(tmp_path / 'none.json')))


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'keypoints': [3] * 882}, 'keypoints with a visibility other than 0'),
        ({'keypoints': [1e9] * 882}, r'keypoints with 1000000000\.0'),
        ({'keypoints': None}, 'keypoints None, expected 882'),
        ({'category_id': {}}, r'category_id {}, expected an integer from 1'),
        ({'scale': 'big'}, "scale 'big', expected an integer from 0 to 3"),
        ({'segmentation': 5}, 'segmentation 5, expected a list of polygons'),
        ({'style': None}, 'style None, expected an integer'),
    ],
)
def test_wrong_items_are_named(coco_file, changes, message):
    content = json.loads(coco_file.read_text())
    content['annotations'][1].update(changes)
    coco_file.write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf'annotation 2 has {message}'):
        list(read_images(str(coco_file)))


KEYS = ['id', 'image_id', 'category_id', 'bbox', 'area', 'keypoints', 'style']
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(key=st.sampled_from(KEYS), value=VALUES)
def test_a_value_of_any_kind_is_read_or_named(coco_file, key, value):
    content = json.loads(coco_file.read_text())
    content['annotations'][0][key] = value
    path = coco_file.with_name('changed.json')
    path.write_text(json.dumps(content))
    try:
        images = list(read_images(str(path)))
    except UserError as error:
        problem = str(error)
    else:
        problem = ''
        assert len(images) == 2
    assert '\n' not in problem
