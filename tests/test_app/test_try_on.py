# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Page "Try on" with a stand-in for the model."""

import numpy as np
import pytest

from mmfashion_ext.app import try_on
from mmfashion_ext.app.try_on import dress
from mmfashion_ext.errors import UserError


def infer(person, clothes):
    """The garment in place of the person; small garments are skipped."""
    ((name, _),) = person.items()
    predictions, skipped = [], []
    for cloth, image in clothes.items():
        entry = {'person': name, 'cloth': cloth}
        if len(image) < 20:
            skipped.append(entry | {'reason': 'too small'})
        else:
            note = {'notes': ['the mask is odd']} if 'odd' in cloth else {}
            predictions.append(entry | {'try_on': image} | note)
    return {'predictions': predictions, 'skipped': skipped}


def test_one_person_in_garments(upload):
    shirt, odd = upload('shirt.png'), upload('odd.png')
    dressed = dress(upload('me.png'), [shirt, odd], infer)
    assert [name for _, name in dressed.images] == ['shirt.png', 'odd.png']
    assert dressed.notes == ['odd.png: the mask is odd']
    assert dressed.images[0][0].shape == (40, 30, 3)


def test_bad_garments_among_several_are_left_out(upload):
    bad, small = upload('bad.png', b'x'), upload('s.png', size=(9, 9))
    good = upload('shirt.png')
    dressed = dress(upload('me.png'), [bad, small, good], infer)
    assert [name for _, name in dressed.images] == ['shirt.png']
    left_out, skipped = dressed.notes
    assert left_out.startswith('Left out: bad.png: cannot be read')
    assert skipped == 'Left out: s.png: too small'


def test_garments_of_one_name_are_both_used(upload):
    dressed = dress(
        upload('me.png'), [upload('a.png'), upload('a.png')], infer
    )
    assert len({name for _, name in dressed.images}) == 2


def test_what_a_visitor_gets_wrong(upload, monkeypatch):
    person, bad = upload('me.png'), upload('bad.png', b'x')
    with pytest.raises(UserError, match='choose a photo of a person'):
        dress(None, [person], infer)
    with pytest.raises(UserError, match='No garment was chosen'):
        dress(person, [], infer)
    with pytest.raises(UserError, match=r'^bad.png: cannot be read'):
        dress(person, [bad], infer)
    with pytest.raises(UserError, match=r'Left out: bad\.png: cannot'):
        dress(person, [bad, bad], infer)
    small = upload('s.png', size=(9, 9))
    with pytest.raises(UserError, match=r'Left out: s\.png: too small'):
        dress(person, [small], infer)
    monkeypatch.setattr(try_on, 'MAX_GARMENTS', 1)
    with pytest.raises(UserError, match='garments, more than the 1'):
        dress(person, [person, person], infer)


def test_a_garment_may_have_any_colours(upload):
    person = upload('me.png')
    assert np.ptp(dress(person, [person], infer).images[0][0]) > 0
