# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from dataclasses import replace

import numpy as np
import pytest

from mmfashion_ext.synthetic.garments.scene import (
    BOTTOMS,
    CATEGORY_WEIGHTS,
    DRESSES,
    OUTWEAR,
    TOPS,
    Shot,
    random_garment_spec,
    random_shot,
    render_image,
)

SIZE = 128


def categories(drawn):
    return [garment.category for garment in drawn]


def test_every_category_has_a_weight():
    assert set(CATEGORY_WEIGHTS) == set(range(1, 14))
    assert {*TOPS, *BOTTOMS, *OUTWEAR, *DRESSES} == set(range(1, 14))


@pytest.mark.parametrize('source', ['user', 'shop'])
def test_random_shots(source):
    rng = np.random.default_rng(0)
    shots = [random_shot(rng, source, clean=False) for _ in range(300)]
    views = [shot.view for shot in shots]
    assert {'front', 'back', 'flat'} == set(views)
    assert (views.count('flat') > 50) == (source == 'shop')
    for shot in shots:
        assert shot.source == source
        assert 0 <= shot.turn <= 1.1
        if shot.view == 'flat':
            assert shot.framing == 'garment'
    for _ in range(20):
        shot = random_shot(rng, source, clean=True)
        assert shot.view == 'front'
        assert shot.framing != 'crop'
        assert shot.turn < 0.16


@pytest.mark.parametrize('category', range(1, 14))
def test_clean_image_shows_its_main_garment(category):
    rng = np.random.default_rng(category)
    main = replace(random_garment_spec(rng, (category,)), style_id=4)
    image, items, drawn = render_image(rng, 'shop', [main], SIZE, clean=True)
    assert max(image.shape[:2]) == SIZE
    assert image.dtype == np.uint8
    assert items
    (item,) = (i for i in items.values() if i['category_id'] == category)
    assert item['style'] == 4
    assert item['viewpoint'] == 2
    others = [i for i in items.values() if i['category_id'] != category]
    assert all(i['style'] == 0 for i in others)
    worn = categories(drawn)
    covered = set(worn) & {*DRESSES}
    assert covered or (set(worn) & {*BOTTOMS})
    if category in OUTWEAR:
        assert worn[-1] == category  # on top of the others


def test_flat_view_has_one_garment_and_no_person():
    rng = np.random.default_rng(0)
    main = random_garment_spec(rng, TOPS)
    shot = Shot('shop', 'flat', 0.0, 'garment')
    _, items, drawn = render_image(rng, 'shop', [main], SIZE, shot=shot)
    assert categories(drawn) == [main.category]
    (item,) = items.values()
    assert item['viewpoint'] == 1


def test_outfit_shows_both_garments():
    rng = np.random.default_rng(1)
    mains = [random_garment_spec(rng, TOPS), random_garment_spec(rng, BOTTOMS)]
    for source in ('user', 'shop'):
        _, items, _ = render_image(rng, source, mains, SIZE)
        seen = {item['category_id'] for item in items.values()}
        assert {main.category for main in mains} <= seen


def test_same_seed_same_image():
    images = []
    for seed in (3, 3, 4):
        rng = np.random.default_rng(seed)
        main = random_garment_spec(rng, TOPS)
        images.append(render_image(rng, 'user', [main], SIZE)[0])
    assert np.array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])


def test_crop_goes_beyond_the_frame():
    rng = np.random.default_rng(0)
    shot = Shot('shop', 'front', 0.0, 'crop', (1.5, 1.6), 1.0)
    cut = 0
    for _ in range(6):
        main = random_garment_spec(rng, DRESSES)
        image, _, drawn = render_image(rng, 'shop', [main], SIZE, shot=shot)
        (dress,) = (d for d in drawn if d.category in DRESSES)
        height, width = image.shape[:2]
        inside = (dress.landmarks >= 0) & (dress.landmarks < (width, height))
        cut += not inside.all()
    assert cut >= 5
