# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from mmfashion_ext.formats.ccp.constants import (
    CANDIDATES,
    EVALUATION_BY_GROUP,
    EVALUATION_BY_LABEL,
    EVALUATION_GROUPS,
    GROUP_BY_TAG,
    GROUP_NAMES,
    GROUPS,
    PALETTE,
    TAGS,
)
from mmfashion_ext.formats.deepfashion2.constants import CLASS_NAMES


def test_tags_stand_in_the_published_order():
    """Pixel labels are indices: a tag more or less would shift them."""
    assert len(TAGS) == len(set(TAGS)) == 59
    labels = {0: 'null', 19: 'hair', 41: 'skin', 58: 'wedges'}
    assert {label: TAGS[label] for label in labels} == labels
    assert list(TAGS[1:]) == sorted(TAGS[1:])


def test_groups_are_the_nine_in_their_order():
    assert (
        *('outerwear', 'trousers', 'top', 'dress', 'sweater', 'skirt'),
        *('shirt', 'vest', 'shorts'),
    ) == GROUP_NAMES
    assert [group.id for group in GROUPS] == list(range(1, 10))
    assert len(set(PALETTE)) == len(GROUPS)


def test_a_tag_is_in_one_group_at_most():
    tags = [tag for group in GROUPS for tag in group.tags]
    assert len(tags) == len(set(tags)) == len(GROUP_BY_TAG) == 23
    assert set(tags) <= set(TAGS)
    assert GROUP_BY_TAG['hoodie'].name == 'sweater'
    assert 'tights' not in GROUP_BY_TAG


def test_candidates_are_labels_of_the_same_evaluation_group():
    """A candidate of another group would be trained as wrong there."""
    names = {
        group: [CLASS_NAMES[label] for label in labels]
        for group, labels in CANDIDATES.items()
    }
    shirts = ['short_sleeved_shirt', 'long_sleeved_shirt']
    assert names['top'] == [*shirts, 'vest', 'sling']
    assert names['shirt'] == names['sweater'] == shirts
    assert names['vest'] == ['vest']
    assert len(names['dress']) == 4
    for group, labels in CANDIDATES.items():
        found = {EVALUATION_BY_LABEL[label] for label in labels}
        assert found == {EVALUATION_BY_GROUP[group]}, group


def test_every_category_and_group_is_evaluated():
    assert len(EVALUATION_BY_LABEL) == len(CLASS_NAMES)
    assert set(EVALUATION_BY_LABEL) == set(EVALUATION_GROUPS)
    assert set(EVALUATION_BY_GROUP.values()) == set(EVALUATION_GROUPS)
    # every category of DeepFashion2 is a candidate of a group
    candidates = {label for labels in CANDIDATES.values() for label in labels}
    assert candidates == set(range(13))
