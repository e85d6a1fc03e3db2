# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Errors in parse maps: as many as asked for, and the same every time."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.viton.constants import NOISE, UPPER_CLOTHES
from mmfashion_ext.tryon.parse_corruption import CorruptParse

MODES = ('erode', 'shift', 'relabel')
each_mode = pytest.mark.parametrize('mode', MODES)


def make_parse(size=(256, 192)):
    """Head, torso with noise, arms and trousers, to scale."""
    h, w = size
    y, x = np.mgrid[:h, :w] / [[[h]], [[w]]]
    parse = np.zeros(size, np.uint8)
    parse[(y - 0.12) ** 2 + (x - 0.5) ** 2 < 0.006] = 12
    parse[(y > 0.65) & (abs(x - 0.5) < 0.18)] = 8
    parse[(y > 0.22) & (y < 0.6) & (abs(x - 0.28) < 0.06)] = 11
    parse[(y > 0.22) & (y < 0.6) & (abs(x - 0.72) < 0.06)] = 13
    parse[(y > 0.2) & (y < 0.67) & (abs(x - 0.5) < 0.18)] = UPPER_CLOTHES
    parse[(y > 0.4) & (y < 0.42) & (abs(x - 0.5) < 0.05)] = NOISE
    return parse


def is_garment(parse):
    return (parse == UPPER_CLOTHES) | (parse == NOISE)


def corrupt(parse, rate, mode, seed=0, name='000001_0.jpg'):
    results = dict(parse=parse, person_name=name)
    return CorruptParse(rate, mode, seed)(results)['parse']


def lost_share(parse, out):
    garment = is_garment(parse)
    return (garment & ~is_garment(out)).sum() / garment.sum()


@each_mode
@pytest.mark.parametrize('rate', [0.05, 0.1, 0.3])
def test_rate_is_the_share_of_garment_pixels(mode, rate):
    parse = make_parse()
    before = parse.copy()
    shares = [
        lost_share(parse, corrupt(parse, rate, mode, name=f'{i}.jpg'))
        for i in range(8)
    ]
    # a shift by one pixel loses up to 2.7 %
    tolerance = 0.015 if mode == 'shift' else 1e-4
    np.testing.assert_allclose(shares, rate, atol=tolerance)
    np.testing.assert_array_equal(parse, before)  # the given one stays


@each_mode
def test_rate_0_changes_nothing(mode):
    parse = make_parse()
    results = CorruptParse(0, mode)(dict(parse=parse, person_name='a'))
    assert results['parse'] is parse
    assert results['true_parse'] is parse


@each_mode
def test_the_same_in_every_run(mode):
    parse = make_parse()
    first = corrupt(parse, 0.2, mode)
    np.testing.assert_array_equal(corrupt(parse, 0.2, mode), first)
    assert (corrupt(parse, 0.2, mode, seed=1) != first).any()
    assert (corrupt(parse, 0.2, mode, name='000002_0.jpg') != first).any()
    assert first.dtype == np.uint8


def test_true_map_is_kept():
    parse = make_parse()
    results = CorruptParse(0.3)(dict(parse=parse, person_name='a'))
    assert results['true_parse'] is parse
    assert (results['parse'] != parse).any()


def test_erosion_is_from_the_border_and_by_neighbours():
    parse = make_parse()
    out = corrupt(parse, 0.2, 'erode')
    altered = out != parse
    assert is_garment(parse)[altered].all()
    depth = cv2.distanceTransform(
        is_garment(parse).astype(np.uint8), cv2.DIST_L2, 5
    )
    left = is_garment(out)
    assert depth[altered].mean() < depth[left].mean() / 2
    # all that touch the garment: background, trousers and both arms
    assert set(np.unique(out[altered])) == {0, 8, 11, 13}
    # what it becomes is next to it: below its middle are the trousers
    rows = np.nonzero(altered[:, 96])[0]
    assert (out[rows[rows > 150], 96] == 8).all()


def test_shift_moves_the_whole_map():
    parse = make_parse((64, 48))
    out = corrupt(parse, 0.2, 'shift')
    h, w = parse.shape
    found = []
    for dy in range(-12, 13):
        for dx in range(-12, 13):
            rows = np.clip(np.arange(h) - dy, 0, h - 1)
            columns = np.clip(np.arange(w) - dx, 0, w - 1)
            if (parse[np.ix_(rows, columns)] == out).all():
                found.append((dy, dx))
    assert len(found) == 1
    assert found != [(0, 0)]


def test_relabelled_patches_are_connected_and_mistaken():
    parse = make_parse()
    seen = set()
    for i in range(8):
        out = corrupt(parse, 0.3, 'relabel', name=str(i))
        altered = out != parse
        assert is_garment(parse)[altered].all()
        count, patch = cv2.connectedComponents(altered.astype(np.uint8))
        assert count - 1 < 20
        for k in range(1, count):
            assert len(np.unique(out[patch == k])) == 1
        seen |= set(np.unique(out[altered]))
    assert seen == {0, 8, 11, 13}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(MODES),
    st.floats(0, 1),
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(0, 2**32 - 1),
)
def test_any_map(mode, rate, h, w, seed):
    """Also single pixels, only garment, and none."""
    labels = np.random.default_rng(seed).choice([0, 4, 4, 7, 11], (h, w))
    parse = labels.astype(np.uint8)
    out = corrupt(parse, rate, mode, seed)
    assert out.shape == parse.shape
    assert out.dtype == np.uint8
    garment = is_garment(parse)
    if not garment.any():
        np.testing.assert_array_equal(out, parse)
    elif mode != 'shift':
        lost = (garment & ~is_garment(out)).sum()
        assert lost == round(rate * garment.sum())
        np.testing.assert_array_equal(out[~garment], parse[~garment])


def test_only_garment():
    parse = np.full((16, 12), UPPER_CLOTHES, np.uint8)
    assert lost_share(parse, corrupt(parse, 0.5, 'erode')) == 0.5
    # whatever is shifted in is garment too
    np.testing.assert_array_equal(corrupt(parse, 0.5, 'shift'), parse)


def test_refused():
    with pytest.raises(ValueError, match='rate must be 0 to 1, got 30'):
        CorruptParse(30)
    with pytest.raises(ValueError, match='among erode, shift, relabel, got'):
        CorruptParse(0.1, 'blur')
    with pytest.raises(UserError, match=r'a\.jpg has no parse map'):
        CorruptParse(0.1)(dict(person_name='a.jpg'))


def test_the_garment_is_that_of_the_class():
    """Errors in the top do not study how robust a test of trousers is."""
    parse = make_parse()
    results = dict(parse=parse, person_name='a', cloth_class='lower_body')
    out = CorruptParse(0.3, 'relabel')(results)['parse']
    changed = out != parse
    assert {*parse[changed]} == {8}
    assert {*out[changed]} <= {0, 4, 9, 10}
    assert changed.sum() == pytest.approx(0.3 * (parse == 8).sum(), abs=1)
