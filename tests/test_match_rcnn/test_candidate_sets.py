# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Labels of candidate sets: what is encoded comes back."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn.candidate_sets import (
    decode_candidates,
    encode_candidates,
)


@given(st.lists(st.sets(st.integers(0, 12), min_size=1), max_size=6))
def test_every_set_comes_back(sets):
    labels = [encode_candidates(candidates, 13) for candidates in sets]
    allowed = decode_candidates(torch.tensor(labels, dtype=torch.long), 13)
    assert allowed.shape == (len(sets), 14)
    assert [set(row.nonzero()[:, 0].tolist()) for row in allowed] == sets


def test_one_candidate_is_the_category_and_background_stays():
    assert encode_candidates([7, 7], 13) == 7
    allowed = decode_candidates(torch.tensor([7, 13]), 13)
    assert allowed.nonzero().tolist() == [[0, 7], [1, 13]]


def test_different_sets_have_different_labels_above_background():
    labels = {
        encode_candidates([a, b], 13)
        for a in range(13)
        for b in range(a + 1, 13)
    }
    assert len(labels) == 78
    assert min(labels) > 13


@pytest.mark.parametrize('candidates', [[], [-1], [13], [0, 99]])
def test_refuses_what_is_no_set_of_categories(candidates):
    with pytest.raises(UserError, match=r'categories 0\.\.12, at least one'):
        encode_candidates(candidates, 13)
