# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.fld.constants import CLOTHES_TYPES
from mmfashion_ext.synthetic import generate_fld
from mmfashion_ext.synthetic.fld.sheet import contact_sheet, draw_item
from mmfashion_ext.utils.image_grid import CELL


def test_item_is_drawn_at_the_size_of_a_cell():
    (lower,) = (c for c in CLOTHES_TYPES if c.name == 'lower')
    image = np.full((80, 40, 3), 255, np.uint8)
    points = np.array([(10, 20, 2), (30, 20, 1), (12, 60, 2), (0, 0, 0)])
    drawn = draw_item(image, lower, points, (8, 18, 32, 62))
    assert drawn.shape == (CELL, CELL // 2, 3)
    assert (image == 255).all()
    factor = CELL / 80
    changed = (drawn != 255).any(2)
    for x, y, v in points:
        row, column = round(y * factor), round(x * factor)
        around = changed[max(row - 6, 0) : row + 7, max(column - 6, 0) :]
        assert around[:, :13].any() == (v > 0)
    assert changed[round(18 * factor), round(20 * factor)]  # the box


def test_labels_below_the_images(tmp_path):
    root = tmp_path / 'fld'
    make = {'num': 3, 'val': 0, 'test': 0, 'size': 64, 'progress': False}
    generate_fld(root, **make)
    contact_sheet(root, tmp_path / 'sheet.png', num=3, columns=3)
    sheet = cv2.imread(str(tmp_path / 'sheet.png'))
    assert sheet.shape == (424, 3 * 404, 3)
    for column in range(3):
        label = sheet[CELL : CELL + 20, column * 404 :][:, :CELL]
        assert label.min() < 100
    with pytest.raises(UserError, match='name of a contact sheet must end in'):
        contact_sheet(root, tmp_path / 'sheet.gif')
