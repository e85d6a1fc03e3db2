# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.synthetic import generate_deepfashion2
from mmfashion_ext.synthetic.deepfashion2.sheet import (
    contact_sheet,
    draw_annotation,
)


@pytest.fixture(scope='module')
def split(tmp_path_factory):
    out = tmp_path_factory.mktemp('data') / 'df2'
    make = {'num': 5, 'val': 0, 'size': 96, 'progress': False}
    return generate_deepfashion2(out, **make) / 'train'


def test_annotation_is_drawn_on_a_copy(split):
    image = cv2.imread(str(split / 'image' / '000001.jpg'))
    text = (split / 'annos' / '000001.json').read_text()
    annotation = json.loads(text)
    before = image.copy()
    drawn = draw_annotation(image, annotation)
    assert (image == before).all()
    assert drawn.shape == image.shape
    changed = (drawn != image).any(2)
    outline = annotation['item1']['segmentation'][0]
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.reshape(outline, (-1, 2)).astype(np.int32)], 1)
    assert changed[mask > 0].mean() > 0.95
    assert (draw_annotation(image, {'source': 'user'}) == image).all()


def test_number_of_images_and_columns(split, tmp_path):
    out = tmp_path / 'sheet.png'
    contact_sheet(split, out, num=3, columns=2)
    assert cv2.imread(str(out)).shape == (2 * 424, 2 * 404, 3)


def test_folder_without_images(tmp_path):
    (tmp_path / 'image').mkdir()
    with pytest.raises(UserError, match='no images'):
        contact_sheet(tmp_path, tmp_path / 'sheet.png')
    with pytest.raises(UserError, match='name of a contact sheet must end in'):
        contact_sheet(tmp_path, tmp_path / 'sheet.txt')
