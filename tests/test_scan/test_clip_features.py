# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Selections of clip features, and slices that fit into memory."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmfashion_ext.scan.clip_features import (
    DOUBLE,
    ClipFeatures,
    parts,
    step_memory,
)


@pytest.fixture
def features():
    draw = torch.Generator().manual_seed(0)
    return ClipFeatures(*torch.randn(2, 5, 3, 4, generator=draw))


def test_clips_are_a_view_and_channels_a_copy(features):
    some = features.clips(slice(1, 3))
    assert some.embeddings.shape == some.keys.shape == (2, 3, 4)
    assert some.keys.data_ptr() == features.keys[1].data_ptr()
    channels = features.channels(torch.tensor([3, 0]))
    assert channels.keys.shape == (5, 3, 2)
    assert (channels.keys[..., 0] == features.keys[..., 3]).all()
    assert (channels.embeddings[..., 1] == features.embeddings[..., 0]).all()


def test_double_has_no_gradient(features):
    double = features._replace(keys=features.keys.requires_grad_()).double()
    assert double.keys.dtype == double.embeddings.dtype == torch.double
    assert not double.keys.requires_grad
    assert (double.keys.float() == features.keys).all()


@given(st.integers(0, 50), st.integers(0, 9), st.integers(0, 1000))
def test_parts_cover_all_items_within_the_memory(length, doubles, memory):
    items = list(range(length))
    chosen = [items[part] for part in parts(length, doubles, memory)]
    assert [item for part in chosen for item in part] == items
    for part in chosen:
        assert len(part) == 1 or len(part) * doubles * DOUBLE <= memory


def test_steps_on_a_cpu_fit_into_its_cache():
    values = torch.zeros(1)
    assert step_memory(2**30, values) == 2**20
    assert step_memory(1000, values) == 1000
    assert step_memory(2**30, values.to('meta')) == 2**30
