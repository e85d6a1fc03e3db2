# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.synthetic.drawing.canvas import Canvas
from mmfashion_ext.synthetic.drawing.figure import HEAD_TOP, SOLE, Pose
from mmfashion_ext.synthetic.drawing.person import (
    Person,
    draw_body,
    draw_head,
    draw_occluders,
    ellipse,
    random_person,
)
from mmfashion_ext.synthetic.drawing.warp import Warp

SKIN, HAIR, SHOES = (60.0, 90.0, 200.0), (20.0, 20.0, 30.0), (0.0, 200.0, 0.0)
SCALE, TOP = 12.0, 25.0


def blank():
    matrix = np.array([[SCALE, 0, 40.0], [0, SCALE, TOP]])
    image = np.full((120, 80, 3), 255, np.uint8)
    return Canvas(image, Warp(matrix, np.zeros((0, 5))))


def rows(canvas, colour):
    """y in body units of the pixels of a colour."""
    close = np.abs(canvas.image.astype(float) - colour).max(2) < 12
    return (np.nonzero(close.any(1))[0] - TOP) / SCALE


def test_random_person():
    rng = np.random.default_rng(0)
    persons = [random_person(rng, False, 0.2) for _ in range(40)]
    hair = np.array([person.long_hair for person in persons])
    assert 10 < (hair == 0).sum() < 30
    assert ((hair == 0) | ((hair >= 0.6) & (hair <= 1.7))).all()
    for person in persons:
        assert not person.from_behind
        assert person.turn == 0.2
        colours = np.array([person.skin, person.hair, person.shoes])
        assert colours.shape == (3, 3)
        assert (colours >= 0).all()
        assert (colours <= 255).all()


def test_ellipse():
    points = ellipse(2, 3, 1.5, 0.5)
    assert points.shape == (25, 2)
    radii = ((points[:, 0] - 2) / 1.5) ** 2 + ((points[:, 1] - 3) / 0.5) ** 2
    np.testing.assert_allclose(radii, 1)
    upper = ellipse(0, 0, 1, 1, (1, 2))  # y points down
    assert (upper[:, 1] <= 1e-9).all()


def test_body_and_head_are_where_the_figure_is():
    person = Person(SKIN, HAIR, SHOES, 0.0, False, 0.0)
    canvas = blank()
    draw_body(canvas, person, Pose())
    skin, shoes = rows(canvas, SKIN), rows(canvas, SHOES)
    assert skin.min() > HEAD_TOP + 0.5  # no head yet
    assert len(rows(canvas, HAIR)) == 0
    assert SOLE - 0.6 < shoes.max() < SOLE + 0.3
    draw_head(canvas, person)
    hair = rows(canvas, HAIR)
    assert HEAD_TOP - 0.2 < hair.min() < HEAD_TOP + 0.3
    assert rows(canvas, SKIN).min() < -0.5


@pytest.mark.parametrize('from_behind', [False, True])
def test_long_hair_falls_down(from_behind):
    reach = []
    for length in (0.0, 1.6):
        canvas = blank()
        draw_head(canvas, Person(SKIN, HAIR, SHOES, length, from_behind, 0.0))
        reach.append(rows(canvas, HAIR).max())
    assert reach[1] > reach[0] + 0.5
    assert (len(rows(canvas, SKIN)) > 0) != from_behind


def test_user_images_have_more_occluders():
    person = Person(SKIN, HAIR, SHOES, 0.0, False, 0.0)
    covered = {}
    for user in (False, True):
        rng = np.random.default_rng(0)
        changed = []
        for _ in range(60):
            canvas = blank()
            draw_occluders(rng, canvas, person, Pose(), user)
            changed.append((canvas.image != 255).any())
        covered[user] = np.mean(changed)
    assert 0.05 < covered[False] < 0.4
    assert covered[True] > covered[False] + 0.2
