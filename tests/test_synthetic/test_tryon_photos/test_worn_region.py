# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.synthetic.tryon_photos.worn_region import (
    LEAST_AREA,
    find_worn_regions,
)

from .conftest import LABEL


def test_finds_garments_and_what_is_in_front(labels):
    found = find_worn_regions(labels)
    assert found.keys() == {'upper', 'trousers'}
    upper = found['upper']
    assert upper.label == 't-shirt'
    assert (upper.mask == (labels == LABEL['t-shirt'])).all()
    arms = labels == LABEL['skin']
    assert upper.in_front[arms].all()
    assert upper.tucked[labels == LABEL['jeans']].all()
    assert not (upper.in_front & upper.mask).any()
    assert (upper.person == (labels > 0)).all()


def test_an_empty_label_map_has_no_garment():
    assert find_worn_regions(np.zeros((480, 320), np.uint8)) == {}


def test_a_tiny_region_is_refused_with_its_size(labels):
    labels[labels == LABEL['t-shirt']] = 0
    labels[150:160, 150:170] = LABEL['t-shirt']
    assert find_worn_regions(labels)['upper'] == '200 px are seen'
    assert LEAST_AREA > 200


@pytest.mark.parametrize(
    ('tag', 'kind', 'problem'),
    [
        ('skirt', 'skirt', 'its top is at'),  # a skirt on the shoulders
        ('dress', 'dress', 'a dress without neck|its top is at'),
    ],
)
def test_labels_in_the_wrong_place_are_refused(labels, tag, kind, problem):
    worn = {'skirt': 't-shirt', 'dress': 'jeans'}[tag]
    labels[labels == LABEL[worn]] = LABEL[tag]
    found = find_worn_regions(labels)[kind]
    assert isinstance(found, str)
    assert any(found.startswith(text) for text in problem.split('|'))


def test_an_open_coat_is_refused(labels):
    left = (labels == LABEL['t-shirt']) & (np.arange(320) < 150)
    labels[left] = LABEL['coat']
    assert 'an open coat touches' in find_worn_regions(labels)['upper']


def test_the_largest_tag_is_the_garment(labels):
    top = (labels == LABEL['t-shirt']) & (np.arange(480)[:, None] < 160)
    labels[top] = LABEL['shirt']
    upper = find_worn_regions(labels)['upper']
    assert upper.label == 't-shirt'
    assert not (upper.mask & top).any()
