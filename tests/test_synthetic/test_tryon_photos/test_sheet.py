# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.synthetic.tryon_photos.sheet import (
    TITLES,
    contact_sheet,
    pair_images,
)
from mmfashion_ext.synthetic.tryon_photos.store import PairStore


def test_images_of_a_pair(pairs):
    made = PairStore(pairs).render(0, 'composite', (64, 48))
    images = pair_images(made)
    assert len(images) == len(TITLES)
    assert all(image.shape == (64, 48, 3) for image in images)
    assert (images[1][~made.cloth_mask] == 235).all()
    hidden = np.isnan(made.flow[..., 0])
    assert (images[3][hidden] == 127).all()
    assert (images[4][~made.loss_mask] == (0, 0, 220)).all()


def test_draws_a_sheet(pairs, tmp_path):
    out = tmp_path / 'sheet.png'
    contact_sheet(pairs, out, num=3, columns=1, size=(64, 48))
    sheet = cv2.imread(str(out))
    assert sheet.shape[1] == 48 * len(TITLES)
    assert sheet.shape[0] == 20 + 3 * (64 + 20)
    with pytest.raises(UserError, match='must end in'):
        contact_sheet(pairs, tmp_path / 'sheet.txt')
