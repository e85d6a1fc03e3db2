# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.synthetic.tryon_photos import PHOTO_WIDTH
from mmfashion_ext.synthetic.tryon_photos.people import Garments, People

from .conftest import draw_labels


def test_people_and_their_labels(roots):
    people = People(roots[0])
    assert people.names('train') == ['0001', '0002', '0003']
    assert people.names('validation') == ['0004']
    person = people.read('0002')
    assert person.photo.shape == (480, 320, 3)
    assert (person.labels == np.roll(draw_labels(), 0, axis=1)).all()
    assert person.scale == 1


def test_a_larger_copy_has_the_same_photo_frame(tmp_path, roots):
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'labels').mkdir()
    photo = cv2.imread(str(roots[0] / 'photos/0001.jpg'))
    labels = cv2.imread(str(roots[0] / 'labels/0001.png'), 0)
    for name, image in (
        ('photos/0001.jpg', photo),
        ('labels/0001.png', labels),
    ):
        large = cv2.resize(image, (640, 960), interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(tmp_path / name), large)
    person = People(tmp_path).read('0001')
    assert person.scale == 640 / PHOTO_WIDTH
    assert person.photo.shape == (960, 640, 3)
    assert (person.labels == labels).all()


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(UserError, match='not a folder of Clothing'):
        People(tmp_path)
    with pytest.raises(UserError, match='no images of garments'):
        Garments(tmp_path)


def test_sizes_that_differ_are_named(tmp_path, roots):
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'labels').mkdir()
    cv2.imwrite(str(tmp_path / 'photos/0001.jpg'), np.zeros((60, 40, 3)))
    cv2.imwrite(str(tmp_path / 'labels/0001.png'), np.zeros((50, 40)))
    with pytest.raises(UserError, match='40 x 50 px, but'):
        People(tmp_path).read('0001')


def test_garments_by_kind_and_split(roots, tmp_path):
    garments = Garments(roots[1])
    train = garments.names('train', 'upper')
    assert train == ['train/t-shirt/0.jpg', 'train/t-shirt/1.jpg']
    assert garments.names('validation', 'upper') == [
        'validation/t-shirt/2.jpg'
    ]
    assert garments.names('train', 'skirt') == []
    assert garments.read(train[0]).shape == (288, 216, 3)
    folder = tmp_path / 'skirt'
    folder.mkdir()
    for number in range(10, 30):
        (folder / f'{number}.jpg').touch()
    flat = Garments(tmp_path)
    assert flat.names('validation', 'skirt') == [
        'skirt/19.jpg',
        'skirt/29.jpg',
    ]
    assert len(flat.names('train', 'skirt')) == 18
