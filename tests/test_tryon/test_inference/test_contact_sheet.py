# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

pytest.importorskip('mmengine')
from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.inference.contact_sheet import ContactSheet


def plain(value, h=8, w=6):
    return np.full((h, w, 3), value, np.uint8)


def test_each_image_has_its_cell():
    sheet = ContactSheet(2, 3)
    sheet.add(1, 2, plain([10, 20, 30]))
    sheet.add(-1, 0, plain(50, 16, 12))  # resized to the first
    sheet.add_source(0, -1, plain(60))
    sheet.add_source(1, -1, b'not an image')
    sheet.add_source(1, 0, UserError('could not be read'))
    drawn = sheet.draw()
    assert drawn.shape == (3 * 8, 4 * 6, 3)
    assert drawn.dtype == np.uint8
    expected = np.full_like(drawn, 255)
    expected[16:, 18:] = 10, 20, 30
    expected[:8, 6:12] = 50
    expected[8:16, :6] = 60
    np.testing.assert_array_equal(drawn, expected)


@pytest.mark.parametrize(
    ('rows', 'columns', 'size', 'cell'),
    [
        (1, 1, (512, 384), (256, 192)),
        (1, 1, (64, 400), (64, 400)),
        (1, 999, (256, 192), (42, 32)),  # (h, w), 32,768 px wide at most
        (999, 1, (256, 192), (32, 24)),
    ],
)
def test_size_of_a_cell(rows, columns, size, cell):
    sheet = ContactSheet(rows, columns)
    sheet.add(0, 0, plain(0, *size))
    h, w = cell
    assert sheet.draw().shape == ((rows + 1) * h, (columns + 1) * w, 3)


def test_without_any_image():
    assert (ContactSheet(1, 2).draw() == 255).all()
