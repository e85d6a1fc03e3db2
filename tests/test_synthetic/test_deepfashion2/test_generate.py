# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import collections
import itertools
import json

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORY_BY_ID,
    occlusion_code,
    scale_code,
)
from mmfashion_ext.synthetic import generate_deepfashion2
from mmfashion_ext.synthetic.deepfashion2.generate import plan_images

SIZE = 160
ITEM_KEYS = {
    'segmentation',
    'scale',
    'viewpoint',
    'zoom_in',
    'landmarks',
    'style',
    'bounding_box',
    'category_id',
    'occlusion',
    'category_name',
}


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return generate_deepfashion2(
        tmp_path_factory.mktemp('data') / 'df2',
        num=90,
        val=30,
        seed=3,
        size=SIZE,
        progress=False,
    )


def load(root, split='train'):
    files = sorted((root / split / 'annos').glob('*.json'))
    return [json.loads(file.read_text()) for file in files]


def items_of(annotation):
    return [v for k, v in annotation.items() if k.startswith('item')]


def every_item(root):
    for split in ('train', 'validation'):
        images = sorted((root / split / 'image').glob('*.jpg'))
        for file, annotation in zip(images, load(root, split), strict=True):
            shape = cv2.imread(str(file)).shape[:2]
            for item in items_of(annotation):
                yield item, shape


def test_layout(root):
    for split, num in (('train', 90), ('validation', 30)):
        stems = [f'{k:06d}' for k in range(1, num + 1)]
        for folder, ending in (('image', 'jpg'), ('annos', 'json')):
            names = sorted(p.name for p in (root / split / folder).iterdir())
            assert names == [f'{stem}.{ending}' for stem in stems]
    assert sorted(p.name for p in root.iterdir()) == ['train', 'validation']


def test_schema(root):
    categories = set()
    for annotation in load(root) + load(root, 'validation'):
        items = items_of(annotation)
        assert items
        assert annotation['source'] in ('user', 'shop')
        assert isinstance(annotation['pair_id'], int)
        names = {'source', 'pair_id'}
        names |= {f'item{k}' for k in range(1, len(items) + 1)}
        assert set(annotation) == names
        for item in items:
            assert set(item) == ITEM_KEYS
            category = CATEGORY_BY_ID[item['category_id']]
            assert item['category_name'] == category.raw_name
            assert len(item['landmarks']) == 3 * category.num_landmarks
            numbers = item['landmarks'] + item['bounding_box']
            numbers += itertools.chain(*item['segmentation'])
            assert all(type(number) is int for number in numbers)
            categories.add(category.id)
    assert categories == set(range(1, 14))


def test_landmarks(root):
    for item, (height, width) in every_item(root):
        marks = np.reshape(item['landmarks'], (-1, 3))
        x, y, v = marks.T
        assert set(v) <= {0, 1, 2}
        assert (v == 2).any()
        assert not marks[v == 0].any()
        assert (x >= 0).all()
        assert (x < width).all()
        assert (y < height).all()
        x1, y1, x2, y2 = item['bounding_box']
        inside = (x1 <= x) & (x <= x2) & (y1 <= y) & (y <= y2)
        assert inside[v > 0].all()


def test_visible_landmarks_lie_on_the_mask(root):
    distances = []
    for item, shape in every_item(root):
        mask = np.ones(shape, np.uint8)
        for polygon in item['segmentation']:
            points = np.reshape(polygon, (-1, 1, 2)).astype(np.int32)
            cv2.fillPoly(mask, [points], 0)
        away = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
        marks = np.reshape(item['landmarks'], (-1, 3))
        x, y, _ = marks[marks[:, 2] == 2].T
        distances += away[y, x].tolist()
    # They lie on the outline to the pixel, or on a strap's end.
    assert np.quantile(distances, 0.99) <= 1.5
    assert max(distances) <= 4


def test_polygons(root):
    for item, (height, width) in every_item(root):
        x1, y1, x2, y2 = item['bounding_box']
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
        areas = []
        for polygon in item['segmentation']:
            assert len(polygon) >= 8  # a triangle, closed
            assert polygon[:2] == polygon[-2:]
            points = np.reshape(polygon, (-1, 2))
            assert (points >= 0).all()
            assert (points < (width, height)).all()
            areas.append(cv2.contourArea(points.astype(np.int32)))
        assert areas[0] == max(areas) > 0
        first = np.reshape(item['segmentation'][0], (-1, 2))
        assert (first >= (x1, y1)).all()
        assert (first <= (x2, y2)).all()


def test_parts_lie_inside_the_outline(root):
    checked = 0
    for item, shape in every_item(root):
        if len(item['segmentation']) != 3 or item['zoom_in'] > 1:
            continue
        filled = []
        for polygon in item['segmentation']:
            mask = np.zeros(shape, np.uint8)
            points = np.reshape(polygon, (-1, 1, 2)).astype(np.int32)
            filled.append(cv2.fillPoly(mask, [points], 1))
        outline = cv2.dilate(filled[0], np.ones((5, 5), np.uint8))
        outside = (filled[1] | filled[2]) & ~outline
        checked += outside.sum() == 0
    assert checked > 20


def test_codes_follow_the_thresholds(root):
    for item, (height, width) in every_item(root):
        x1, y1, x2, y2 = item['bounding_box']
        area = (x2 - x1) * (y2 - y1)
        assert item['scale'] == scale_code(area, height * width)
        v = np.array(item['landmarks'][2::3])
        share = (v == 1).sum() / (v > 0).sum()
        assert item['occlusion'] == occlusion_code(share)
        if (v > 0).all():
            assert item['zoom_in'] == 1
        assert item['zoom_in'] in (1, 2, 3)
        assert item['viewpoint'] in (1, 2, 3)


def test_pairs_have_user_and_shop_images(root):
    for split in ('train', 'validation'):
        seen = collections.defaultdict(set)
        looks = collections.defaultdict(set)
        for annotation in load(root, split):
            for item in items_of(annotation):
                key = annotation['pair_id'], item['style']
                if item['style'] > 0:
                    seen[key].add(annotation['source'])
                    looks[key].add(item['category_id'])
        assert len(seen) > 5
        assert all(sources == {'user', 'shop'} for sources in seen.values())
        assert all(len(categories) == 1 for categories in looks.values())


def test_every_style_has_a_clean_shop_image(root):
    clean, styles = set(), set()
    for annotation in load(root):
        for item in items_of(annotation):
            key = annotation['pair_id'], item['style']
            styles.add(key)
            if annotation['source'] == 'shop' and item['viewpoint'] == 2:
                clean.add(key)
    assert {key for key in styles if key[1] > 0} <= clean


def test_splits_share_no_pair(root):
    train, validation = (
        {annotation['pair_id'] for annotation in load(root, split)}
        for split in ('train', 'validation')
    )
    assert train.isdisjoint(validation)
    assert train == set(range(1, len(train) + 1))


def test_users_come_before_shops():
    plans = list(plan_images('train', 50, seed=0))
    assert [p.index for p in plans] == list(range(1, 51))
    ids = [p.pair_id for p in plans]
    assert ids == sorted(ids)
    for pair_id in set(ids):
        sources = [p.source for p in plans if p.pair_id == pair_id]
        assert sources == sorted(sources, reverse=True)


def contents(root):
    files = sorted(path for path in root.rglob('*') if path.is_file())
    return {str(f.relative_to(root)): f.read_bytes() for f in files}


def test_same_seed_same_bytes(tmp_path):
    make = {'val': 2, 'size': 96, 'progress': False}
    first = generate_deepfashion2(tmp_path / 'a', num=6, seed=1, **make)
    again = generate_deepfashion2(tmp_path / 'b', num=6, seed=1, **make)
    other = generate_deepfashion2(tmp_path / 'c', num=6, seed=2, **make)
    assert contents(first) == contents(again)
    assert contents(first) != contents(other)


def test_image_does_not_depend_on_num(tmp_path):
    make = {'val': 0, 'size': 96, 'seed': 0, 'progress': False}
    few = contents(generate_deepfashion2(tmp_path / 'a', num=5, **make))
    many = contents(generate_deepfashion2(tmp_path / 'b', num=9, **make))
    assert len(few) == 10
    for name, data in few.items():
        if name.endswith('.jpg'):
            assert data == many[name]
            continue
        # A pair that is cut short is not a pair: only its styles may differ.
        ours, theirs = json.loads(data), json.loads(many[name])
        for annotation in (ours, theirs):
            for item in items_of(annotation):
                item.pop('style')
        assert ours == theirs


def test_a_pair_cut_short_is_not_a_pair():
    for num in range(1, 12):
        plans = list(plan_images('train', num, seed=0))
        sources = collections.defaultdict(set)
        for plan in plans:
            sources[plan.pair_id].add(plan.source)
            if not plan.paired:
                assert plan.pair_id == plans[-1].pair_id
        for plan in plans:
            if plan.paired:
                assert sources[plan.pair_id] == {'user', 'shop'}


def test_threads_are_given_back(tmp_path):
    before = cv2.getNumThreads()
    generate_deepfashion2(tmp_path / 'a', num=1, size=64, progress=False)
    assert cv2.getNumThreads() == before


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'num': 0}, 'num must be at least 1, got 0'),
        ({'val': -1}, 'val must be at least 0, got -1'),
        ({'seed': -1}, 'seed must be at least 0, got -1'),
        ({'size': 32}, 'size must be at least 64, got 32'),
    ],
)
def test_numbers_out_of_range(tmp_path, wrong, message):
    with pytest.raises(UserError, match=message):
        generate_deepfashion2(tmp_path / 'a', **wrong)
    assert not list(tmp_path.iterdir())
