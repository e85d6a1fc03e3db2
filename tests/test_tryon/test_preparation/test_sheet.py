# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import numpy as np

from mmfashion_ext.tryon.preparation.records import Record
from mmfashion_ext.tryon.preparation.sheet import write_overview
from mmfashion_ext.utils.images import read_image


def write(path, value, size=(120, 90)):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size if path.parent.name in ('masks', 'parses') else (*size, 3)
    cv2.imwrite(str(path), np.full(shape, value, np.uint8))


def test_unusable_photographs_come_first_and_are_crossed_out(tmp_path):
    write(tmp_path / 'persons/a.png', 100)
    write(tmp_path / 'parses/a.png', 8)
    write(tmp_path / 'clothes/b.png', 100)
    write(tmp_path / 'masks/b.png', 0)
    write(tmp_path / 'in/c.png', 100)
    records = [
        Record('person', 'a.png', 'in/a.png', '', ['lower_body']),
        Record('cloth', 'b.png', 'in/b.png', '', ['lower_body']),
        Record('cloth', 'c.png', f'{tmp_path}/in/c.png', '', reason='torn'),
        Record('cloth', 'd.png', 'no/d.png', '', reason='missing'),
    ]
    sheet = read_image(write_overview(tmp_path, records)).astype(int)
    middle = sheet[120, 90::186]  # of the four cells
    # crossed out in red, twice; trousers blue; all of the garment masked
    assert all(pixel[2] - pixel[0] > 80 for pixel in middle[:2])
    assert middle[2][0] - middle[2][2] > 50
    assert middle[3].min() > 240
