# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest

from mmfashion_ext.formats.deepfashion2.constants import CATEGORY_BY_ID
from mmfashion_ext.synthetic.drawing.canvas import Canvas, Light
from mmfashion_ext.synthetic.drawing.textures import random_style
from mmfashion_ext.synthetic.drawing.warp import Warp
from mmfashion_ext.synthetic.garments.annotate import (
    MAX_HIDDEN_DEPTH,
    DrawnGarment,
    annotate,
)
from mmfashion_ext.synthetic.garments.factory import make_garment, random_cut

SCALE = 25.0
LIGHT = Light(0.2, 0.0, np.zeros((0, 4)))


def blank(width=160, height=200, left=80.0):
    matrix = np.array([[SCALE, 0, left], [0, SCALE, 20.0]])
    image = np.full((height, width, 3), 255, np.uint8)
    return Canvas(image, Warp(matrix, np.zeros((0, 5))))


def draw(canvas, category, first, style_id=1):
    rng = np.random.default_rng(category)
    garment = make_garment(category, random_cut(category, rng), view='flat')
    style = random_style(rng, category)
    masks = [
        canvas.draw_part(part, style, first + k, LIGHT)
        for k, part in enumerate(garment.parts)
    ]
    return DrawnGarment(
        category,
        style_id,
        canvas.warp(garment.landmarks),
        [part.landmarks for part in garment.parts],
        [part.kind for part in garment.parts],
        masks,
        first,
    )


@pytest.mark.parametrize('category', [1, 4, 6, 8, 9, 12])
def test_whole_garment(category):
    canvas = blank(height=240)
    items = annotate(canvas, [draw(canvas, category, 1, style_id=5)], 1)
    item = items['item1']
    assert list(items) == ['item1']
    assert item['category_id'] == category
    assert item['category_name'] == CATEGORY_BY_ID[category].raw_name
    assert item['style'] == 5
    assert item['viewpoint'] == 1
    assert item['zoom_in'] == 1
    assert item['occlusion'] == 1
    landmarks = np.reshape(item['landmarks'], (-1, 3))
    assert (landmarks[:, 2] == 2).mean() > 0.9
    x1, y1, x2, y2 = item['bounding_box']
    outline = np.reshape(item['segmentation'][0], (-1, 2))
    assert (outline.min(0) >= (x1, y1)).all()
    assert (outline.max(0) <= (x2, y2)).all()
    limbs = category in (1, 4, 8)
    assert len(item['segmentation']) == (3 if limbs else 1)


def test_an_occluder_hides_landmarks_but_not_the_mask():
    canvas = blank()
    drawn = draw(canvas, 1, 1)
    plain = annotate(canvas, [drawn], 2)['item1']
    canvas.layers[:, :80] = 0  # a bag on the viewer's left
    hidden = annotate(canvas, [drawn], 2)['item1']
    assert hidden['segmentation'] == plain['segmentation']
    before, after = (
        np.reshape(item['landmarks'], (-1, 3)) for item in (plain, hidden)
    )
    assert (after[:, :2] == before[:, :2]).all()
    assert (after[before[:, 0] < 76, 2] == 1).all()
    assert (after[before[:, 0] > 84, 2] == before[before[:, 0] > 84, 2]).all()
    assert hidden['occlusion'] > plain['occlusion']


def test_other_clothes_cut_into_the_mask():
    canvas = blank()
    top, skirt = draw(canvas, 1, 1), draw(canvas, 9, 20)
    items = annotate(canvas, [top, skirt], 2)
    assert [i['category_id'] for i in items.values()] == [1, 9]
    masks = []
    for item in items.values():
        mask = np.zeros(canvas.layers.shape, np.uint8)
        outline = np.reshape(item['segmentation'][0], (-1, 1, 2))
        masks.append(cv2.fillPoly(mask, [outline.astype(np.int32)], 1))
    overlap = (masks[0] & masks[1]).sum()
    assert overlap < 0.03 * masks[0].sum()  # but for a common border
    # landmarks deep under the skirt are not labelled
    landmarks = np.reshape(items['item1']['landmarks'], (-1, 3))
    depth = cv2.distanceTransform(1 - masks[0], cv2.DIST_L2, 3)
    labelled = landmarks[landmarks[:, 2] > 0]
    limit = MAX_HIDDEN_DEPTH * SCALE
    assert (depth[labelled[:, 1], labelled[:, 0]] <= limit + 1).all()


def test_landmarks_outside_the_image():
    canvas = blank(left=10.0)
    item = annotate(canvas, [draw(canvas, 2, 1)], 2)['item1']
    landmarks = np.reshape(item['landmarks'], (-1, 3))
    outside = landmarks[:, 2] == 0
    assert 5 < outside.sum() < len(landmarks)
    assert not landmarks[outside].any()
    assert item['zoom_in'] > 1
    assert item['bounding_box'][0] == 0


def test_hidden_garment_is_left_out():
    canvas = blank()
    below, above = draw(canvas, 1, 1), draw(canvas, 1, 20, style_id=2)
    (item,) = annotate(canvas, [below, above], 2).values()
    assert item['style'] == 2
    far = blank(left=-400.0)
    assert annotate(far, [draw(far, 1, 1)], 2) == {}
