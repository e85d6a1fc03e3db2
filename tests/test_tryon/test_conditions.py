# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pytest
import torch

pytest.importorskip('mmengine')
from mmfashion_ext.tryon import conditions

# one row with every label, one with every part below it
PARSE = torch.arange(25).remainder(14).view(1, 1, 1, 25)
PARTS = torch.arange(25).view(1, 1, 1, 25)


def on(mask):
    """Columns where a mask of one row is 1; it is 0 or 1 everywhere."""
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    assert mask.shape == (1, 1, 1, 25)
    return set(mask[0, 0, 0].nonzero()[:, 0].tolist())


def columns(labels):
    return {i for i in range(25) if i % 14 in labels}


def test_masks_of_the_parse_map():
    assert on(conditions.person_cloth_mask(PARSE)) == columns({4})
    assert on(conditions.face_mask(PARSE)) == columns({1, 12})
    others = conditions.other_clothes_mask(PARSE)
    assert on(others) == columns({5, 6, 8, 9, 10})


def test_masks_of_densepose():
    assert on(conditions.dense_arm_mask(PARTS)) == set(range(15, 23))
    arms = torch.full_like(PARTS, 11)
    assert on(conditions.hand_mask(arms, PARTS)) == {3, 4}
    arms[..., 3] = 13
    assert on(conditions.hand_mask(arms, PARTS)) == {3, 4}
    arms[..., 3] = 12
    assert on(conditions.hand_mask(arms, PARTS)) == {4}


def test_order_of_the_condition():
    pose = torch.arange(18.0).view(1, 18, 1, 1).expand(1, 18, 1, 25)
    made = conditions.parser_condition(PARSE, PARTS, pose)
    assert made.shape == (1, conditions.CONDITION_CHANNELS, 1, 25)
    assert conditions.CONDITION_CHANNELS == 45
    assert torch.equal(made[:, :1], conditions.face_mask(PARSE))
    assert torch.equal(made[:, 1:2], conditions.other_clothes_mask(PARSE))
    assert torch.equal(made[0, 2:27, 0], torch.eye(25))
    assert torch.equal(made[:, 27:], pose)


def test_what_is_preserved():
    person = torch.rand(1, 3, 1, 25) + 1
    preserved = conditions.preserved_region(person, PARSE, PARTS)
    # columns 3 and 4 are hands by DensePose, but no arms by the parse map
    expected = columns({1, 12, 5, 6, 8, 9, 10})
    rest = sorted(set(range(25)) - expected)
    assert torch.equal(
        preserved[..., sorted(expected)], person[..., sorted(expected)]
    )
    assert not preserved[..., rest].any()
