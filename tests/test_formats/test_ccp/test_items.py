# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from mmfashion_ext.formats.ccp.constants import (
    EVALUATION_BY_LABEL,
    EVALUATION_GROUPS,
    GROUP_NAMES,
    GROUPS,
    TAGS,
)
from mmfashion_ext.formats.ccp.items import (
    coco_categories,
    find_items,
    min_area,
)
from mmfashion_ext.formats.deepfashion2.constants import CATEGORY_BY_ID


def label(tag):
    return TAGS.index(tag)


def test_tags_of_a_group_are_one_item():
    """A blazer and a jacket of one person are one outerwear."""
    labels = np.zeros((30, 20), np.uint8)
    labels[2:5, 4:9] = label('jacket')
    labels[20:28, 10:12] = label('blazer')
    labels[10, :] = label('belt')
    (item,) = find_items(labels)
    assert item['group'] == 'outerwear'
    assert item['category_id'] == 1
    assert item['bbox'] == [4, 2, 8, 26]
    assert item['area'] == 31
    assert item['tags'] == ['blazer', 'jacket']
    assert item['candidates'] == [3, 4]
    mask = np.isin(labels, [label('jacket'), label('blazer')])
    np.testing.assert_array_equal(coco_mask.decode(item['segmentation']), mask)


@pytest.mark.parametrize(('width', 'bound'), [(320, 150), (640, 600)])
def test_small_items_are_left_out(width, bound):
    """The bound is the same share of an image at every size."""
    assert min_area(width) == bound
    labels = np.zeros((9, width), np.uint8)
    labels.ravel()[:bound] = label('skirt')
    assert find_items(labels) == []
    labels.ravel()[: bound + 1] = label('skirt')
    assert [item['area'] for item in find_items(labels)] == [bound + 1]


def test_the_order_of_the_tags_counts():
    labels = np.ones((9, 9), np.uint8)
    (item,) = find_items(labels, ['null', 'shorts'])
    assert item['group'] == 'shorts'
    assert find_items(labels, ['null', 'tie']) == []


def test_six_groups_name_the_same_items_otherwise():
    labels = np.zeros((9, 90), np.uint8)
    for index, tag in enumerate(('shirt', 'sweater', 'vest', 'coat', 'pants')):
        labels[:, 10 * index : 10 * index + 9] = label(tag)
    nine, six = find_items(labels), find_items(labels, groups='six')
    assert [item['category_id'] for item in nine] == [1, 2, 5, 7, 8]
    assert [item['category_id'] for item in six] == [2, 5, 1, 1, 1]
    for a, b in zip(nine, six, strict=True):
        assert {**a, 'category_id': 0} == {**b, 'category_id': 0}


def test_categories():
    nine, six = coco_categories(), coco_categories('six')
    assert [c['id'] for c in nine] == [*range(1, 10)]
    assert tuple(c['name'] for c in nine) == GROUP_NAMES
    assert tuple(c['name'] for c in six) == EVALUATION_GROUPS
    assert [c['id'] for c in six] == [*range(1, 7)]


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.uint8,
        st.tuples(st.integers(1, 12), st.integers(1, 12)),
        elements=st.integers(0, len(TAGS) - 1),
    )
)
def test_items_of_any_labels(labels):
    """Masks are disjoint, tight in their boxes, and hold all clothes."""
    items = find_items(labels)
    together = np.zeros(labels.shape, int)
    for item in items:
        mask = coco_mask.decode(item['segmentation']).astype(bool)
        together += mask
        x, y, w, h = item['bbox']
        assert item['area'] == mask.sum() > min_area(labels.shape[1])
        inside = mask[y : y + h, x : x + w]
        assert inside.sum() == mask.sum()
        for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
            assert edge.any()
        assert {TAGS[i] for i in np.unique(labels[mask])} == {*item['tags']}
        group = GROUPS[item['category_id'] - 1]
        assert group.name == item['group']
        for candidate in item['candidates']:
            assert candidate in CATEGORY_BY_ID
            assert EVALUATION_BY_LABEL[candidate - 1] == group.evaluation
    assert together.max(initial=0) <= 1
    # whatever is small: at this width, an item has at least one pixel
    clothes = np.isin(labels, [label(t) for g in GROUPS for t in g.tags])
    np.testing.assert_array_equal(together > 0, clothes)
