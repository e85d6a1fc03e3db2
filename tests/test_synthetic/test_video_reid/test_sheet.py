# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.synthetic import generate_video_reid
from mmfashion_ext.synthetic.video_reid.generate import SEQUENCES
from mmfashion_ext.synthetic.video_reid.sheet import contact_sheet


def test_two_persons_a_row(tmp_path):
    root, out = tmp_path / 'reid', tmp_path / 'sheet.png'
    make = {'size': 32, 'frames': (1, 3), 'progress': False}
    generate_video_reid(root, num=3, **make)
    strip = 5 * 16 * 128 // 32  # five frames, 128 px high
    contact_sheet(root, out)
    assert cv2.imread(str(out)).shape == (2 * 156, 4 * (strip + 8), 3)
    contact_sheet(root, out, num=2)
    assert cv2.imread(str(out)).shape == (156, 4 * (strip + 8), 3)


def test_no_persons(tmp_path):
    (tmp_path / SEQUENCES / 'cam1').mkdir(parents=True)
    with pytest.raises(UserError, match='no images'):
        contact_sheet(tmp_path, tmp_path / 'sheet.png')
