# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np

from mmfashion_ext.synthetic.video_reid.appearance import random_appearance

MANY = 200


def sample(seed=0, count=MANY):
    rng = np.random.default_rng(seed)
    return [random_appearance(rng) for _ in range(count)]


def test_same_seed_same_person():
    assert sample(1, 3) == sample(1, 3)
    assert sample(1, 3) != sample(2, 3)


def test_bounds():
    for person in sample():
        assert 0.92 <= person.height <= 1.06
        assert 0.85 <= person.build <= 1.25
        assert 0 < person.sleeve <= 1
        assert 0 <= person.hem <= 0.3
        assert person.side in (-1, 1)
        assert 22 <= person.stride <= 30
        assert 0.34 <= person.swing <= 0.48
        assert not (person.cap and person.long_hair)
        colours = person.skin, person.hair, person.shoes, person.bag_colour
        for colour in (*colours, person.top.base, person.bottom.base):
            assert all(0 <= value <= 255 for value in colour)


def test_clothes_and_bags_vary():
    persons = sample()
    assert {p.legs for p in persons} == {'trousers', 'shorts', 'skirt'}
    bags = {'none', 'backpack', 'shoulder', 'handbag', 'suitcase'}
    assert {p.bag for p in persons} == bags
    assert len({p.top.pattern for p in persons}) >= 5
    coats = [p.hem > 0.1 for p in persons]
    assert 0.15 < np.mean(coats) < 0.45
    assert all(p.sleeve == 1 for p in persons if p.hem > 0.1)
