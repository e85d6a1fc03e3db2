# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from mmfashion_ext.formats.coco import rle_problem
from mmfashion_ext.formats.run_lengths import (
    decode_counts,
    decode_mask,
    encode_counts,
    encode_mask,
)


@settings(max_examples=100, deadline=None)
@given(
    arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    st.integers(1, 40),
)
def test_the_same_as_pycocotools(mask, factor):
    """Long runs have numbers of several groups, and negative differences."""
    mask = mask.repeat(factor, 0)
    found = encode_mask(mask)
    expected = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    assert found['size'] == expected['size'] == list(mask.shape)
    assert found['counts'].encode() == expected['counts']
    assert rle_problem(found) == ''
    np.testing.assert_array_equal(coco_mask.decode(found), mask)
    np.testing.assert_array_equal(decode_mask(found), mask)


@given(st.lists(st.integers(0, 2**24), min_size=1, max_size=9))
def test_counts_are_read_back(counts):
    assert decode_counts(encode_counts(np.array(counts))).tolist() == counts


@pytest.mark.parametrize('text', ['', b'', 'é', 'a', None, 3, '\x7f'])
def test_what_is_not_run_lengths(text):
    found = decode_counts(text)
    assert found is None or len(found) == 0
