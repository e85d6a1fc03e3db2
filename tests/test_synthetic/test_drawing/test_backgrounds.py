# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.synthetic.drawing import backgrounds

PAINTERS = ('studio', 'surface', 'room', 'street')


@pytest.mark.parametrize('name', PAINTERS)
def test_size_type_and_seed(name):
    paint = getattr(backgrounds, name)
    first, again, other = (
        paint(np.random.default_rng(seed), 40, 60) for seed in (0, 0, 1)
    )
    assert first.shape == (40, 60, 3)
    assert first.dtype == np.uint8
    assert (first == again).all()
    assert (first != other).any()


def test_studio_is_bright_and_even():
    rng = np.random.default_rng(0)
    for _ in range(10):
        image = backgrounds.studio(rng, 64, 48).astype(float)
        assert image.max(2).mean() > 130
        rows = image.mean(1)
        assert (image - rows[:, None]).std() < 6


def test_rooms_and_streets_are_livelier_than_a_studio():
    spread = {}
    for name in PAINTERS:
        rng = np.random.default_rng(0)
        paint = getattr(backgrounds, name)
        spread[name] = np.mean([paint(rng, 64, 48).std() for _ in range(10)])
    assert min(spread['room'], spread['street']) > 2 * spread['studio']


def test_phone_photo_stays_recognisable():
    rng = np.random.default_rng(0)
    image = backgrounds.room(rng, 96, 96)
    for _ in range(10):
        photo = backgrounds.simulate_phone_photo(rng, image)
        assert photo.shape == image.shape
        assert photo.dtype == np.uint8
        assert (photo != image).mean() > 0.5
        similarity = np.corrcoef(photo.ravel(), image.ravel())[0, 1]
        assert similarity > 0.85
