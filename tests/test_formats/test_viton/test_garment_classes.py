# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.viton.constants import (
    FACE,
    NUM_LABELS,
    PARSE_LABEL_SETS,
)
from mmfashion_ext.formats.viton.garment_classes import (
    GARMENT_CLASSES,
    OTHER_LABELS,
    ROLES,
    check_class,
    read_class,
)


def test_no_label_has_two_roles():
    """A label that is erased and copied would show the worn garment."""
    for name in GARMENT_CLASSES:
        roles = ROLES[name]
        assert not roles.garment & roles.preserved
        assert not roles.garment & (FACE | roles.skin)
        assert not roles.preserved & FACE
        assert max(roles.garment | roles.preserved | roles.skin) < NUM_LABELS
        assert not roles.garment & {*roles.confused_with}


def test_what_stays_and_what_goes():
    top, bottom, dress = (ROLES[name] for name in GARMENT_CLASSES)
    assert bottom.garment <= top.preserved
    assert top.garment <= bottom.preserved
    # of the legs neither trousers nor a dress keep anything but shoes
    assert not {8, 9, 10} & (bottom.preserved | dress.preserved)
    assert {5, 6} <= bottom.preserved & dress.preserved


def test_names_of_other_labels_are_those_of_a_set():
    known = {name for table in PARSE_LABEL_SETS.values() for name, _ in table}
    for name in GARMENT_CLASSES:
        assert {*OTHER_LABELS[name]} <= known


def test_names_and_numbers():
    assert [read_class(text) for text in ('0', '2', 'lower_body', '3')] == [
        'upper_body',
        'dresses',
        'lower_body',
        None,
    ]
    assert check_class('dresses') == 'dresses'
    with pytest.raises(UserError, match=r"upper_body, .*got 'skirt'"):
        check_class('skirt')
