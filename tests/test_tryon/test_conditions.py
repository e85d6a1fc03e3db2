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
    assert on(conditions.dense_limb_mask(PARTS)) == set(range(15, 23))
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


CLASSES = torch.arange(3)  # tops, trousers and skirts, dresses


def rows(mask):
    """Columns that are on, of each of the three classes."""
    return [on(row[None]) for row in mask]


def test_masks_of_each_class():
    parse, parts = PARSE.repeat(3, 1, 1, 1), PARTS.repeat(3, 1, 1, 1)
    assert rows(conditions.person_cloth_mask(parse, CLASSES)) == [
        columns({4}),
        columns({8}),
        columns({4}),
    ]
    assert rows(conditions.other_clothes_mask(parse, CLASSES)) == [
        columns({5, 6, 8, 9, 10}),
        columns({4, 5, 6, 11, 13}),
        columns({5, 6}),
    ]
    assert rows(conditions.dense_limb_mask(parts, CLASSES)) == [
        set(range(15, 23)),
        set(range(7, 15)),
        set(range(7, 23)),
    ]


def test_feet_of_trousers_and_hands_of_tops_are_kept():
    parts = PARTS.repeat(3, 1, 1, 1)
    legs, arms = torch.full_like(parts, 9), torch.full_like(parts, 11)
    assert rows(conditions.hand_mask(legs, parts, CLASSES)) == [
        set(),
        {5, 6},
        {3, 4, 5, 6},
    ]
    assert rows(conditions.hand_mask(arms, parts, CLASSES)) == [
        {3, 4},
        set(),
        {3, 4, 5, 6},
    ]


def test_tops_are_what_no_class_means():
    """Released tutors have seen tops alone: their condition must not move."""
    pose = torch.zeros(1, 18, 1, 25)
    top = torch.zeros(1, dtype=torch.long)
    assert torch.equal(
        conditions.parser_condition(PARSE, PARTS, pose, top),
        conditions.parser_condition(PARSE, PARTS, pose),
    )
    person = torch.rand(1, 3, 1, 25)
    assert torch.equal(
        conditions.preserved_region(person, PARSE, PARTS, top),
        conditions.preserved_region(person, PARSE, PARTS),
    )
