# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A session without a network; test_session.py has one with PyTorch."""

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.inference.inputs import resolve_pairs
from mmfashion_ext.tryon.inference.pair_session import PairSession

MASK = np.zeros((64, 40), np.uint8)
MASK[10:50, 8:32] = 255


class Session(PairSession):
    def cloth_bytes(self, size):
        return 1

    def _dress(self, batch):
        return [len(batch)] * len(batch)

    def to_images(self, output):
        raise NotImplementedError


def pair(person, cloth=None):
    cloth = np.zeros((64, 40, 3), np.uint8) if cloth is None else cloth
    (made,) = resolve_pairs(person, cloth, MASK).pairs
    return made


def test_a_frame_keeps_the_originals():
    """The network's images are fitted, the photograph is composed."""
    person = np.zeros((200, 100, 3), np.uint8)
    session = Session((64, 32), 1, keeps_photograph=True)
    loaded = session.load(pair(person))
    assert loaded.inputs['person'].shape == (64, 32, 3)
    assert loaded.size == (64, 32)
    assert loaded.originals['person'].shape == person.shape
    h, w = loaded.originals['cloth_mask'].shape
    assert (h < 64, w < 40) == (True, True), 'cut out with a margin'
    plain = Session((64, 32), 1, keeps_photograph=False).load(pair(person))
    assert plain.originals is None
    assert plain.inputs['cloth_mask'].shape == (64, 32)


def test_sizes_that_differ_go_apart_or_are_refused():
    person = np.zeros((64, 40, 3), np.uint8)
    session = Session(None, 2, keeps_photograph=False)
    one = session.load(pair(person))
    other = one._replace(size=(32, 40))
    assert session.run([one, one, other]) == [2, 2, 1]
    with pytest.raises(UserError, match='give images of one size'):
        Session(None, 1, False).load(pair(person[:32]))
