# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.image_grid import (
    CAPTION,
    draw_sheet,
    draw_text,
    text_size,
    write_sheet,
)

WHITE, BLUE = (255, 255, 255), (200, 40, 10)


def plain(height, width, colour=BLUE):
    return np.full((height, width, 3), colour, np.uint8)


def covered(block):
    """Rows and columns of a block that are not white: top, bottom, ..."""
    rows, columns = np.nonzero((block != 255).any(2))
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1


def test_cells_are_equal_and_images_centred():
    images = [plain(10, 20), plain(40, 10), plain(5, 5)]
    sheet = draw_sheet(images, columns=2, cell=(40, 30))
    assert sheet.shape == (60, 80, 3)
    assert covered(sheet[:30, :40]) == (5, 25, 0, 40)
    assert covered(sheet[:30, 40:]) == (0, 30, 16, 24)
    assert covered(sheet[30:, :40]) == (0, 30, 5, 35)
    assert (sheet[30:, 40:] == 255).all()


def test_image_of_the_cell_size_is_copied():
    image = np.random.default_rng(0).integers(0, 255, (7, 9, 3), np.uint8)
    sheet = draw_sheet([None, image], columns=2, cell=(9, 7), gap=3)
    assert sheet.shape == (10, 24, 3)
    assert (sheet[:7, 12:21] == image).all()
    assert (sheet[:, :12] == 255).all()
    assert (sheet[7:] == 255).all()
    assert (sheet[:, 21:] == 255).all()


def test_labels_and_titles_stand_in_their_own_cell():
    images = [plain(50, 60)] * 3
    sheet = draw_sheet(
        images,
        columns=2,
        cell=(60, 50),
        labels=['a', '', 'a very long name of an image'],
        column_titles=['left', 'right'],
        gap=6,
    )
    step = 50 + CAPTION + 6
    assert sheet.shape == (CAPTION + 2 * step, 2 * 66, 3)
    title = sheet[:CAPTION, :60]
    _, _, left, right = covered(title)
    assert abs(left - (60 - right)) <= 3  # in the middle
    for row in range(2):
        top = CAPTION + row * step
        assert (sheet[top : top + 50, :60] == BLUE).all()
        caption = sheet[top + 50 : top + step, :66]
        top_row, bottom, left, right = covered(caption)
        assert top_row > 0
        assert bottom < CAPTION
        assert left > 0
        assert right < 60
    empty = sheet[CAPTION + 50 : CAPTION + step, 66:]
    assert (empty == 255).all()


def test_wrong_numbers_of_texts():
    images = [plain(5, 5)] * 2
    with pytest.raises(ValueError, match='got 1 labels, expected 2'):
        draw_sheet(images, columns=2, labels=['a'])
    with pytest.raises(ValueError, match='got 2 column titles, expected 3'):
        draw_sheet(images, columns=3, column_titles=['a', 'b'])
    with pytest.raises(UserError, match='the sheet has no images'):
        draw_sheet([], columns=2)


def test_text_is_drawn_once_and_inside():
    """A thicker outline is longer than the text in OpenCV 5."""
    width, above, below = text_size('style 1')
    image = plain(40, 120, (128, 128, 128))
    draw_text(image, 'style 1', (10, 30))
    rows, columns = np.nonzero((image != 128).any(2))
    assert columns.min() >= 8
    assert columns.max() <= 10 + width + 2
    assert rows.min() >= 30 - above - 2
    assert rows.max() <= 30 + below + 2
    corner = plain(40, 120, (128, 128, 128))
    draw_text(corner, 'style 1', (500, 500))
    rows, columns = np.nonzero((corner != 128).any(2))
    assert len(rows) > 0.9 * ((image != 128).any(2)).sum()
    assert columns.max() >= 110


def test_sheet_is_written_whole(tmp_path):
    out = tmp_path / 'sheet.png'
    write_sheet([plain(8, 8), None], out, columns=1, cell=(8, 8))
    written = cv2.imread(str(out))
    assert (written[:8] == BLUE).all()
    assert (written[8:] == WHITE).all()
    assert [path.name for path in tmp_path.iterdir()] == ['sheet.png']
