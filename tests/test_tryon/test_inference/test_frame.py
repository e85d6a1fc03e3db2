# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Photographs of any size are fitted into the frame, and found again."""

import numpy as np
import pytest

from mmfashion_ext.tryon.inference.frame import Frame, garment_box


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
