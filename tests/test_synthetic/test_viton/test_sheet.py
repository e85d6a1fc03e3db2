# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.synthetic import generate_viton
from mmfashion_ext.synthetic.viton.sheet import (
    TITLES,
    contact_sheet,
    draw_pose,
    warp_cloth,
)


def test_pose_is_drawn_on_a_copy():
    image = np.full((50, 40, 3), 200, np.uint8)
    joints = np.zeros((18, 3))
    joints[2] = 10, 20, 0.9  # right shoulder
    joints[5] = 30, 20, 0.9  # left shoulder
    drawn = draw_pose(image, joints)
    assert (image == 200).all()
    assert drawn[20, 10].tolist() == [0, 0, 230]
    assert drawn[20, 30].tolist() == [230, 80, 0]
    others = drawn.copy()
    others[15:26, 5:36] = 220
    assert (others == 220).all()  # absent joints are not drawn


def test_warp_by_the_identity_and_outside():
    cloth = np.random.default_rng(0).integers(0, 255, (9, 7, 3), np.uint8)
    flow = np.stack(np.meshgrid(np.arange(7), np.arange(9)), axis=-1)
    flow = flow.astype(np.float32)
    assert (warp_cloth(cloth, flow) == cloth).all()
    flow[2, 3] = np.nan
    assert warp_cloth(cloth, flow)[2, 3].tolist() == [127, 127, 127]


def test_six_images_a_person(tmp_path):
    root, out = tmp_path / 'viton', tmp_path / 'sheet.png'
    generate_viton(root, num=1, test=3, size=64, progress=False)
    contact_sheet(root, out, split='test', num=2, columns=1)
    sheet = cv2.imread(str(out))
    assert sheet.shape == (20 + 2 * 64, len(TITLES) * 48, 3)
    titles = sheet[:20].min((0, 2)).reshape(len(TITLES), 48)
    assert (titles.min(1) < 100).all()  # one title above each column
    with pytest.raises(UserError, match='does not exist'):
        contact_sheet(root, tmp_path / 'none' / 'sheet.png')
