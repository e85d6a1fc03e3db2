# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.formats.viton.constants import LIP_TO_VITON
from mmfashion_ext.formats.viton.label_order import (
    fitting_label_sets,
    misfits,
    wrong_order,
)

pytestmark = pytest.mark.fault(12)

LIP = [name for name, _ in LIP_TO_VITON]


def bands(*names):
    """Labels of LIP from top to bottom, ten rows each."""
    rows = np.repeat([LIP.index(name) for name in names], 10)
    return rows[:, None].repeat(20, axis=1).astype(np.uint8)


def test_order_from_top_to_bottom():
    assert wrong_order(bands('hair', 'upper clothes', 'left shoe'), LIP) == []
    assert wrong_order(bands('left shoe', 'upper clothes'), LIP) == [
        'left shoe above upper clothes'
    ]
    # of one height, or of none
    assert wrong_order(bands('left leg', 'right leg', 'left arm'), LIP) == []
    assert wrong_order(bands('right leg', 'left leg', 'glove'), LIP) == []


def test_specks_and_overlaps_are_tolerated():
    ids = bands('hair', 'upper clothes', 'pants')
    ids[0, 0] = LIP.index('left shoe')
    assert wrong_order(ids, LIP) == []
    mixed = bands('hair', 'face', 'hair', 'coat', 'dress', 'coat')
    assert wrong_order(mixed, LIP) == []


def test_small_things_that_cover_much():
    assert misfits(bands('sunglasses', 'coat'), LIP) == [
        'sunglasses on 50% of the image'
    ]


def test_the_set_that_fits_is_found():
    """CIHP's torso skin is LIP's jumpsuits, which lie lower."""
    ids = bands('face', 'jumpsuits', 'upper clothes', 'pants')
    assert misfits(ids, LIP) == ['jumpsuits above upper clothes']
    assert fitting_label_sets(ids, 'lip') == ['cihp']
