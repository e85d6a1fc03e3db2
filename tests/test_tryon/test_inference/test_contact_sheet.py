# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

pytest.importorskip('mmengine')
from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.inference.contact_sheet import ContactSheet
from mmfashion_ext.utils.image_grid import CAPTION


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
    for place in (slice(0, 6), slice(6, 12)):  # unreadable: crossed out
        marked = drawn[16:, place]
        assert set(marked.flat) != {255}
        assert (marked == marked[..., :1]).all()
        expected[16:, place] = marked
    np.testing.assert_array_equal(drawn, expected)


@pytest.mark.fault(32)
class TestTitlesAndMarks:
    W, H = 60, 40

    def sheet(self):
        sheet = ContactSheet(2, 2, ['ann', 'bob'], ['a shirt', 'x' * 90])
        for row in (0, 1):
            for column in (0, 1):
                if (row, column) != (1, 1):
                    sheet.add(row, column, plain(10, self.H, self.W))
        sheet.add(0, -1, plain(99, 2 * self.H, self.W))  # keeps its shape
        sheet.add_source(1, -1, UserError('damaged'))
        sheet.mark(1, 1, 'no result')
        sheet.mark(0, 0, 'no result')  # which has one
        return sheet.draw()

    def cell(self, drawn, row, column):
        top = CAPTION + row * (self.H + CAPTION)
        left = column * self.W
        return drawn[top : top + self.H, left : left + self.W]

    def test_cells_are_equal_and_titles_stand_outside(self):
        drawn = self.sheet()
        size = CAPTION + 3 * (self.H + CAPTION), 3 * self.W, 3
        assert drawn.shape == size
        for place in ((1, 1), (1, 2), (2, 1)):
            assert (self.cell(drawn, *place) == 10).all()
        for column in (1, 2):  # the garments' names, above their column
            left = column * self.W
            title = drawn[:CAPTION, left : left + self.W]
            assert (title < 128).any()
            assert (title[:, :2] == 255).all()  # shortened to fit
        assert (drawn[:CAPTION, : self.W] == 255).all()
        for row in (1, 2):  # the persons' names, below their image
            top = CAPTION + row * (self.H + CAPTION) + self.H
            assert (drawn[top : top + CAPTION, : self.W] < 128).any()
            assert (drawn[top : top + CAPTION, self.W :] == 255).all()

    def test_images_of_another_shape_are_not_stretched(self):
        cell = self.cell(self.sheet(), 1, 0)
        assert (cell == 99).all(axis=2).sum() == self.H * self.W // 2
        assert (cell[:, :15] == 255).all()

    def test_what_has_no_image_is_marked(self):
        drawn = self.sheet()
        for place in ((2, 0), (2, 2)):
            cell = self.cell(drawn, *place)
            assert ((cell == 200).mean() > 0.5) & (cell[0, 0] < 200).all()
        assert (self.cell(drawn, 0, 1) == 255).all(), 'neither'

    def test_texts_that_a_jpeg_cannot_hold_are_left_out(self):
        rows = 2000
        sheet = ContactSheet(rows, 1, ['x'] * rows, ['y'])
        sheet.add(0, 0, plain(0, 256, 512))
        h, w = sheet.draw().shape[:2]
        assert w == 2 * 32
        assert h == (rows + 1) * 16 <= 65_535


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
