# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Photographs of any size are fitted into the frame, and found again."""

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.inference.frame import (
    Frame,
    garment_box,
    region_around,
)


@pytest.mark.parametrize(
    ('size', 'inside', 'corner'),
    [
        ((256, 192), (256, 192), (0, 0)),
        ((512, 384), (256, 192), (0, 0)),
        ((100, 300), (64, 192), (96, 0)),
        ((1000, 100), (256, 26), (0, 83)),
        ((9, 9), (192, 192), (32, 0)),
        ((10_000, 1), (256, 1), (0, 95)),
    ],
)
def test_an_image_is_centred_and_keeps_its_shape(size, inside, corner):
    frame = Frame.of(size, (256, 192))
    assert (frame.inside, frame.corner) == (inside, corner)
    image = np.full((*size, 3), 7, np.uint8)
    assert (frame.fit(image) == 7).all(), 'the border is repeated'
    assert frame.fit(image).shape == (256, 192, 3)
    assert frame.fit(image[..., 0]).shape == (256, 192)


def test_what_fits_is_not_changed():
    image = np.random.default_rng(0).integers(0, 256, (64, 32, 3), np.uint8)
    frame = Frame.of((64, 32), (64, 64))
    fitted = frame.fit(image)
    assert (fitted[:, 16:48] == image).all()
    assert (fitted[:, :16] == image[:, :1]).all()


@pytest.mark.parametrize('size', [(64, 96), (31, 96), (128, 40), (7, 5)])
def test_positions_in_the_frame_are_those_in_the_image(size):
    """The centres of the image's pixels, seen from the frame and back."""
    frame = Frame.of(size, (64, 96))
    scale, shift = frame.positions()
    for axis, side in enumerate((1, 0)):
        pixel = np.arange(size[side])
        fitted = (pixel + 0.5) * frame.inside[side] / size[side] - 0.5
        fitted = fitted + frame.corner[side]
        position = fitted / ((frame.frame[side] - 1) / 2) - 1
        found = position * scale[axis] + shift[axis]
        expected = pixel / ((size[side] - 1) / 2) - 1
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_garment_fills_its_frame():
    """However far away it was photographed."""
    mask = np.zeros((400, 300), np.uint8)
    mask[100:200, 50:150] = 255
    mask[0, 0] = 127
    rows, columns = garment_box(mask)
    assert (rows.start, rows.stop) == (96, 204)
    assert (columns.start, columns.stop) == (46, 154)
    mask[:3, :] = 255
    rows, columns = garment_box(mask)
    assert (rows.start, columns.start) == (0, 0)
    assert mask[rows, columns].shape == (212, 300)
    empty = np.zeros((4, 5), np.uint8)
    assert empty[garment_box(empty)].shape == (4, 5)


class TestRegion:
    """The part of a photograph that shows a person as networks know it."""

    def size(self, region):
        return [part.stop - part.start for part in region]

    def test_a_box_in_the_middle(self):
        rows, columns = region_around((140, 100, 180, 200), (400, 300), 0.75)
        # 100 px and a margin of 5 % above and below; 3:4
        assert (rows.start, rows.stop) == (95, 205)
        assert columns.stop - columns.start in (82, 83)
        assert columns.start + columns.stop in (319, 320)

    def test_at_the_border_it_is_moved_inside(self):
        region = region_around((270, 0, 300, 100), (400, 300), 0.75)
        assert region[0] == slice(0, 110)
        assert region[1] in (slice(217, 300), slice(218, 300))
        above = region_around((270, -40, 300, 60), (400, 300), 0.75)
        assert above == region

    def test_wide_boxes_are_whole(self):
        rows, columns = region_around((10, 150, 210, 200), (400, 300), 0.75)
        assert columns.start <= 10
        assert columns.stop >= 210
        assert rows.stop - rows.start == round(220 / 0.75)

    def test_photographs_of_other_shapes(self):
        region = region_around((0, 0, 300, 50), (50, 300), 0.75)
        assert self.size(region) == [50, 38]
        region = region_around((0, 0, 20, 400), (400, 20), 0.75)
        assert self.size(region) == [400, 20]

    @pytest.mark.parametrize(
        'box', [(5, 5, 5, 9), (9, 5, 5, 9), (300, 0, 310, 9), (0, -9, 5, -1)]
    )
    def test_boxes_without_a_pixel_are_refused(self, box):
        with pytest.raises(UserError, match='inside a photograph of 300 x 40'):
            region_around(box, (400, 300), 0.75)
