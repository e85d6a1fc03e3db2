# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json
import os
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools import mask as mask_utils

from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    CATEGORY_BY_ID,
)
from mmfashion_ext.formats.deepfashion2.raw import RawSplit, coco_categories


def read_one(split, **kwargs):
    (raw,) = RawSplit(split, **kwargs)
    return raw


def image(*items, source='user', pair_id=7):
    named = {f'item{i}': item for i, item in enumerate(items, 1)}
    return {'source': source, 'pair_id': pair_id, **named}


def test_official_fields_and_ours(raw_split, raw_item):
    split = raw_split({'000012': image(raw_item(5, style=3))})
    raw = read_one(split)
    assert raw.defects == []
    assert raw.image == {
        'coco_url': '',
        'date_captured': '',
        'file_name': '000012.jpg',
        'flickr_url': '',
        'id': 12,
        'license': 0,
        'width': 100,
        'height': 120,
        'source': 'user',
        'pair_id': 7,
    }
    (annotation,) = raw.annotations
    keypoints = annotation.pop('keypoints')
    assert annotation == {
        'id': 1,
        'image_id': 12,
        'category_id': 5,
        'bbox': [10, 20, 50, 60],
        'area': 3000,
        'iscrowd': 0,
        'segmentation': [[10, 20, 60, 20, 60, 80, 10, 80, 10, 20]],
        'num_keypoints': 15,
        'source': 'user',
        'pair_id': 7,
        'style': 3,
        'scale': 2,
        'occlusion': 1,
        'zoom_in': 1,
        'viewpoint': 2,
    }
    assert len(keypoints) == 882
    assert all(type(number) is float for number in keypoints)
    offset = 3 * CATEGORY_BY_ID[5].offset
    assert keypoints[offset : offset + 45] == raw_item(5)['landmarks']
    assert not any(keypoints[:offset])
    assert not any(keypoints[offset + 45 :])


def test_ids_follow_the_key_order_of_the_file(raw_split, raw_item):
    split = raw_split(
        {
            '000001': {
                'item2': raw_item(8),
                'source': 'shop',
                'pair_id': 1,
                'item1': raw_item(2),
            },
            '000003': image(raw_item(9)),
        }
    )
    annotations = [a for raw in RawSplit(split) for a in raw.annotations]
    found = [(a['id'], a['image_id'], a['category_id']) for a in annotations]
    assert found == [(1, 1, 8), (2, 1, 2), (3, 3, 9)]


def test_visible_only_clears_the_others_and_recounts(raw_split, raw_item):
    split = raw_split({'000001': image(raw_item(9))})
    (annotation,) = read_one(split, visible_only=True).annotations
    start = 3 * CATEGORY_BY_ID[9].offset
    keypoints = annotation['keypoints'][start : start + 24]
    assert keypoints[:21] == raw_item(9)['landmarks'][:21]
    assert keypoints[21:] == [0, 0, 0]
    assert annotation['num_keypoints'] == 7


def test_categories_are_the_official_ones():
    categories = coco_categories()
    assert [c['id'] for c in categories] == list(range(1, 14))
    assert [c['name'] for c in categories] == [c.name for c in CATEGORIES]
    for category in categories:
        assert category['supercategory'] == 'clothes'
        assert category['keypoints'] == [str(i) for i in range(1, 295)]
        assert category['skeleton'] == []


def test_item_without_labelled_landmarks_is_valid(raw_split, raw_item):
    split = raw_split({'000001': image(raw_item(9, landmarks=[0] * 24))})
    raw = read_one(split)
    assert raw.defects == []
    assert raw.annotations[0]['num_keypoints'] == 0


def test_image_without_items_is_valid(raw_split):
    raw = read_one(raw_split({'000001': image()}))
    assert raw.image['id'] == 1
    assert raw.annotations == raw.defects == []


ITEM_FAULTS = {
    'bounding_box': [
        ([60, 80, 10, 20], 'inverted'),
        ([60, 20, 10, 80], 'inverted'),
        ([10, 20, 10, 80], 'narrower or lower than 1 px'),
        ([10.0, 20, 10.5, 80], 'narrower or lower than 1 px'),
        ([100, 20, 130, 80], r'outside the image \(100 x 120 px\)'),
        ([-30, 20, 0, 80], 'outside the image'),
        ([10, 20, 60], 'bounding_box of 3 numbers, expected 4 finite numbers'),
        ([10, 20, 60, float('nan')], 'expected 4 finite numbers'),
        ([10, 20, 60, float('inf')], 'expected 4 finite numbers'),
        (['10', 20, 60, 80], 'expected 4 finite numbers'),
        ([[10, 20], [60, 80]], 'expected 4 finite numbers'),
        ([[10, 20], 60, 80], 'expected 4 finite numbers'),
        (None, 'expected 4 finite numbers'),
    ],
    'landmarks': [
        (
            [1, 2, 2] * 7,
            r'of 21 numbers, expected 24 finite .* \(3 x 8 of skirt\)',
        ),
        ([1, 2, 2] * 9, 'landmarks of 27 numbers, expected 24'),
        ([1, 2], 'landmarks of 2 numbers'),
        ([], 'landmarks of 0 numbers'),
        ([1, 2, 3] * 8, 'v = 3, expected 0, 1 or 2'),
        ([1, 2, 1.5] * 8, r'v = 1\.5, expected'),
        ([float('nan'), 2, 2] * 8, 'with nan, expected 24 finite numbers'),
        ([[1, 2, 2]] * 8, r'of shape \(8, 3\), .* in a flat list'),
        ('none', "landmarks 'none', expected 24 finite"),
    ],
    'category_id': [
        (0, 'has category_id 0, expected an integer from 1 to 13'),
        (14, 'has category_id 14, expected'),
        ('9', "has category_id '9', expected"),
        ([9], r'has category_id \[9\], expected'),
        (True, 'has category_id True, expected'),
    ],
    'segmentation': [
        ([], r'has segmentation \[\], expected a list of polygons'),
        (None, 'has segmentation None'),
        ([[]], r'segmentation\[0\] of 0 points, expected 3'),
        ([[5, 5]], 'of 1 points'),
        ([[5, 5, 9, 9]], 'of 2 points'),
        ([[5, 5, 9, 9, 5]], 'of 5 numbers, expected x, y pairs'),
        ([[5, 5, 9, 9, 7, 7]], r'segmentation\[0\] without area'),
        ([[5, 5, 9, 9, 7, float('nan')]], 'with nan, expected finite numbers'),
        ([5, 5, 9, 9, 7, 0], r'segmentation\[0\] 5, expected finite num'),
    ],
    'style': [
        (-1, 'has style -1, expected an integer of 0 or more'),
        (1.5, 'has style 1.5'),
        ('1', "has style '1'"),
    ],
    'scale': [(0, 'has scale 0, expected 1, 2 or 3')],
    'occlusion': [(4, 'has occlusion 4')],
    'zoom_in': [(None, 'has zoom_in None')],
    'viewpoint': [([1], r'has viewpoint \[1\]')],
}


@pytest.mark.parametrize(
    ('key', 'value', 'message'),
    [(k, *case) for k, cases in ITEM_FAULTS.items() for case in cases],
)
def test_faulty_item_is_named_and_left_out(
    raw_split, raw_item, key, value, message
):
    bad = {**raw_item(9), key: value}
    raw = read_one(raw_split({'000001': image(raw_item(4), bad)}))
    (defect,) = raw.defects
    assert defect.fatal
    line = str(defect)
    assert line.startswith('000001.json item2: ')
    assert re.search(message, line)
    assert line.endswith(
        'correct the item or leave it out with --skip-invalid'
    )
    assert '\n' not in line
    assert [a['category_id'] for a in raw.annotations] == [4]


@pytest.mark.parametrize('key', ITEM_FAULTS)
def test_missing_key_is_named(raw_split, raw_item, key):
    bad = raw_item(9)
    del bad[key]
    raw = read_one(raw_split({'000001': image(bad)}))
    assert str(raw.defects[0]).startswith(f'000001.json item1: lacks {key};')
    assert raw.annotations == []


@pytest.mark.parametrize('extra', [3, 'text', [1], None])
def test_extra_key_that_is_no_item(raw_split, raw_item, extra):
    content = image(raw_item(9)) | {'comment': extra}
    raw = read_one(raw_split({'000001': content}))
    assert 'comment: is' in str(raw.defects[0])
    assert len(raw.annotations) == 1


def test_all_faults_of_an_item_are_listed(raw_split, raw_item):
    bad = raw_item(9, bounding_box=[5, 5, 1, 1], style=-1, segmentation=[])
    raw = read_one(raw_split({'000001': image(bad)}))
    assert len(raw.defects) == 3


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'bounding_box': [10.5, 20, 60, 80]}, 'with decimals'),
        ({'category_name': 'vest'}, "'vest', but category_id 9 is 'skirt'"),
    ],
)
def test_harmless_oddities_are_noted_and_kept(
    raw_split, raw_item, changes, message
):
    raw = read_one(raw_split({'000001': image(raw_item(9, **changes))}))
    (defect,) = raw.defects
    assert not defect.fatal
    assert message in str(defect)
    assert 'note: ' in str(defect)
    (annotation,) = raw.annotations
    x1, _, x2, _ = raw_item(9, **changes)['bounding_box']
    assert annotation['bbox'][::2] == [x1, x2 - x1]


def test_polygons_behind_the_outline_may_be_degenerate(raw_split, raw_item):
    outline, sleeve = [10, 20, 60, 20, 60, 80], [15, 25, 30, 25, 30, 40]
    item = raw_item(9, segmentation=[outline, [1, 2], sleeve, [3, 3] * 3])
    raw = read_one(raw_split({'000001': image(item)}))
    assert [d.fatal for d in raw.defects] == [False, False]
    assert 'has segmentation[1] of 1 points' in str(raw.defects[0])
    assert 'has segmentation[3] without area' in str(raw.defects[1])
    (annotation,) = raw.annotations
    assert annotation['segmentation'] == [outline, sleeve]
    rles = mask_utils.frPyObjects(annotation['segmentation'], 120, 100)
    assert mask_utils.area(mask_utils.merge(rles)) > 1000


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'{"source": ', 'not valid JSON'),
        (b'', 'not valid JSON'),
        (b'\xff\xfe\x00', 'not valid JSON'),
        (b'[]', 'is [], expected an object'),
        (b'{"pair_id": 1}', 'lacks source'),
        (
            b'{"source": "web", "pair_id": 1}',
            "has source 'web', expected 'user' or 'shop'",
        ),
        (b'{"source": "user"}', 'lacks pair_id'),
        (
            b'{"source": "user", "pair_id": "1"}',
            "has pair_id '1', expected an integer",
        ),
    ],
)
def test_unusable_annotation_file(raw_split, content, message):
    split = raw_split({'000001': {}})
    (split / 'annos' / '000001.json').write_bytes(content)
    raw = read_one(split)
    assert raw.image is None
    assert raw.annotations == []
    line = str(raw.defects[0])
    assert line.startswith('000001.json: ')
    assert message in line
    assert line.endswith('with --skip-invalid')


def test_missing_and_unreadable_images(raw_split, raw_item):
    split = raw_split({f'00000{i}': image(raw_item(9)) for i in range(1, 6)})
    (split / 'image' / '000001.jpg').unlink()
    (split / 'image' / '000002.jpg').write_bytes(b'')
    (split / 'image' / '000003.jpg').write_text('text')
    (split / 'annos' / '000004.json').unlink()
    lines = [str(d) for raw in RawSplit(split) for d in raw.defects]
    assert len(lines) == 4
    assert lines[0].startswith('000001.json: has no image image/000001.jpg')
    assert lines[1].startswith('000002.jpg: cannot be read as an image')
    assert lines[2].startswith('000003.jpg: cannot be read as an image')
    assert lines[3].startswith('000004.jpg: has no annotation annos/000004')
    *_, last = RawSplit(split)
    assert last.annotations[0]['id'] == 1


def test_names_must_give_distinct_numbers(raw_split, raw_item):
    content = image(raw_item(9))
    split = raw_split({'000001': content, '1': content, 'cat': content})
    good, twin, cat = RawSplit(split)
    assert good.defects == []
    assert 'another file has image id 1 too' in str(twin.defects[0])
    assert 'the name is not a number' in str(cat.defects[0])
    assert twin.annotations == cat.annotations == []


def test_hidden_files_are_not_data(raw_split, raw_item):
    split = raw_split({'000001': image(raw_item(9))})
    (split / 'image' / '._000001.jpg').write_bytes(b'')
    (split / 'annos' / '.DS_Store').write_bytes(b'')
    assert len(RawSplit(split)) == 1


def test_missing_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='image is not a folder'):
        RawSplit(tmp_path)
    (tmp_path / 'image').mkdir()
    with pytest.raises(FileNotFoundError, match='annos is not a folder'):
        RawSplit(tmp_path)
    (tmp_path / 'annos').mkdir()
    with pytest.raises(FileNotFoundError, match='holds neither'):
        RawSplit(tmp_path)


def test_annotations_are_plain_json(raw_split, raw_item):
    raw = read_one(raw_split({'000001': image(raw_item(9))}))
    assert json.loads(json.dumps(raw.annotations)) == raw.annotations


NUMBERS = st.integers() | st.floats() | st.integers(-5, 130)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=8)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=12,
)
KEYS = [*ITEM_FAULTS, 'category_name']


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    item=st.dictionaries(
        st.sampled_from(KEYS),
        ANYTHING | st.lists(NUMBERS, max_size=9) | st.integers(0, 3),
        min_size=1,
        max_size=2,
    ),
    top=st.dictionaries(
        st.sampled_from(['source', 'pair_id', 'item2', 'x']),
        ANYTHING,
        max_size=1,
    ),
)
def test_nothing_raises_and_what_passes_is_usable(
    tmp_path, raw_split, raw_item, item, top
):
    split = tmp_path / 'train'
    if not split.exists():
        raw_split({'000001': {}})
    content = image({**raw_item(9), **item}) | top
    (split / 'annos' / '000001.json').write_text(json.dumps(content))
    raw = read_one(split)
    assert all('\n' not in str(defect) for defect in raw.defects)
    for annotation in raw.annotations:
        json.dumps(annotation, allow_nan=False)
        assert len(annotation['keypoints']) == 882
        assert annotation['area'] > 0
        assert min(annotation['bbox'][2:]) >= 1
        mask_utils.frPyObjects(annotation['segmentation'], 120, 100)


@pytest.mark.fault(29)
@pytest.mark.parametrize('ending', ['.JPG', '.jpeg', '.png'])
def test_images_of_other_endings(raw_split, raw_item, ending):
    split = raw_split({'000001': image(raw_item())})
    (split / 'image/000001.jpg').rename(split / f'image/000001{ending}')
    (split / 'annos/000001.json').rename(split / 'annos/000001.JSON')
    raw = read_one(split)
    assert not raw.defects
    assert raw.image['file_name'] == f'000001{ending}'
    assert raw.image['id'] == 1
    (split / 'image/000001.webp').touch()
    (defect,) = read_one(split).defects
    assert 'has the number of 000001.webp; remove one of' in str(defect)


@pytest.mark.fault(4, 29)
def test_pipes_and_pointers_of_git_lfs(raw_split, raw_item):
    stems = [f'{n:06d}' for n in range(1, 6)]
    split = raw_split({stem: image(raw_item()) for stem in stems})
    pointer = 'version https://git-lfs.github.com/spec/v1\noid x\nsize 9\n'
    for n, folder, ending in ((1, 'image', 'jpg'), (3, 'annos', 'json')):
        (split / folder / f'{n:06d}.{ending}').write_text(pointer)
        pipe = split / folder / f'{n + 1:06d}.{ending}'
        pipe.unlink()
        os.mkfifo(pipe)
    *bad, good = RawSplit(split)
    assert good.image
    for n, raw in enumerate(bad, 1):
        (defect,) = raw.defects
        ending = 'jpg' if n < 3 else 'json'
        what = 'a pointer of git-lfs' if n % 2 else 'a device, pipe or socket'
        assert str(defect).startswith(f'{n:06d}.{ending}: is {what}')


def test_a_name_of_too_many_digits(raw_split, raw_item):
    raw = read_one(raw_split({'9' * 30: image(raw_item())}))
    assert 'the name is not a number' in str(raw.defects[0])
