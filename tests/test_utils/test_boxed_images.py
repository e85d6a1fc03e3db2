# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Images and the boxes that users have of their garments."""

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.boxed_images import (
    BoxedImage,
    GarmentImage,
    check_boxes,
    load_garment_image,
    resolve_boxed_images,
)

IMAGE = np.zeros((20, 30, 3), np.uint8)
BOXES = [[0, 0, 10, 10], [5.5, 5, 20, 15]]


def boxes_of(inputs, bboxes):
    """The boxes of each image, None where there are none."""
    return [
        item.source.boxes.tolist()
        if isinstance(item.source, BoxedImage)
        else None
        for item in resolve_boxed_images(inputs, bboxes)
    ]


def test_without_boxes_nothing_is_added():
    (item,) = resolve_boxed_images(IMAGE)
    assert item.source is IMAGE
    loaded = load_garment_image(item)
    assert loaded.path == 'image'
    assert loaded.boxes is None
    assert (loaded.image == IMAGE).all()


@pytest.mark.parametrize('form', [list, np.array, tuple])
def test_boxes_of_a_single_image(form, tmp_path):
    path = tmp_path / 'a.png'
    cv2.imwrite(str(path), IMAGE)
    for source in (IMAGE, path, str(path)):
        for bboxes in (form(BOXES), [form(BOXES)]):
            (item,) = resolve_boxed_images(source, bboxes)
            loaded = load_garment_image(item)
            assert loaded.boxes.tolist() == BOXES
            assert loaded.boxes.dtype == np.float32
            assert loaded.image.shape == (20, 30, 3)


def test_boxes_of_many_images(tmp_path):
    for name in ('10.png', '2.png'):
        cv2.imwrite(str(tmp_path / name), IMAGE)
    several = [BOXES, BOXES[:1]]
    for inputs in (
        [IMAGE, IMAGE],
        (IMAGE, IMAGE),
        iter([IMAGE, IMAGE]),
        tmp_path,  # 2.png, then 10.png
    ):
        assert boxes_of(inputs, iter(several)) == several
    assert boxes_of([IMAGE, IMAGE], several) == several
    assert boxes_of([IMAGE, IMAGE, IMAGE], [BOXES, None, []]) == [
        BOXES,
        None,
        [],
    ]


def test_boxes_by_name():
    named = {'a': BOXES, 'b': BOXES[:1]}
    assert boxes_of({'b': IMAGE, 'a': IMAGE}, named) == [BOXES[:1], BOXES]
    with pytest.raises(UserError, match='the images, but b are in one of the'):
        boxes_of({'a': IMAGE}, named)
    for inputs, bboxes in (({'a': IMAGE}, [BOXES]), ([IMAGE], named)):
        with pytest.raises(UserError, match='must be a mapping with the keys'):
            boxes_of(inputs, bboxes)


def test_images_and_boxes_are_read_lazily():
    read = []

    def boxes():
        for number in range(3):
            read.append(number)
            yield BOXES

    items = resolve_boxed_images((IMAGE for _ in range(3)), boxes())
    assert read == []
    next(items)
    assert read == [0]


@pytest.mark.parametrize(
    ('inputs', 'found', 'images'),
    [
        ([IMAGE, IMAGE], 1, '2 images'),
        ([IMAGE], 2, '1 images'),
        (iter([IMAGE, IMAGE]), 1, 'more images'),
        (iter([IMAGE]), 3, '1 images'),
    ],
)
def test_the_numbers_must_agree(inputs, found, images):
    bboxes = [BOXES] * found
    message = rf'one \(n, 4\) array .* got \d for {images}'
    with pytest.raises(UserError, match=message):
        boxes_of(inputs, bboxes)


def test_not_boxes_at_all():
    with pytest.raises(UserError, match=r'one \(n, 4\) array .* got 7'):
        boxes_of([IMAGE], 7)


@pytest.mark.parametrize(
    ('boxes', 'message'),
    [
        ([1, 2, 3, 4], r'got an array \(4,\)'),
        ([[1, 2, 3, 4, 0.9]], r'got an array \(1, 5\)'),
        ([[1, 2], [3, 4, 5]], r'expected \(n, 4\) numbers .* got \[\[1, 2\]'),
        ('left', "got 'left'"),
        ([[0, 0, 9, 9], [5, 5, 5, 9]], r'box 1 is \[5\.0, 5\.0, 5\.0, 9\.0\]'),
        ([[0, 0, 9, np.nan]], r'box 0 is .*nan.* expected finite'),
    ],
)
def test_wrong_boxes_are_an_error_of_their_image(boxes, message):
    with pytest.raises(UserError, match=message):
        check_boxes(boxes)
    first, second = resolve_boxed_images([IMAGE, IMAGE], [BOXES, boxes])
    assert isinstance(first.source, BoxedImage)
    assert isinstance(second.source, UserError)


def test_no_boxes_are_boxes_too():
    for none in ([], np.zeros((0, 4)), ()):
        assert check_boxes(none).shape == (0, 4)


def test_an_image_that_cannot_be_read_keeps_its_error(tmp_path):
    empty = tmp_path / 'empty'
    empty.mkdir()
    item, other = resolve_boxed_images([empty, IMAGE], [BOXES, BOXES])
    assert isinstance(item.source, UserError)
    assert isinstance(other.source, BoxedImage)


@pytest.mark.parametrize(
    ('boxes', 'expected'),
    [(None, [[0, 0, 30, 20]]), (np.float32(BOXES), BOXES)],
)
def test_boxes_that_are_given_or_the_whole_image(boxes, expected):
    found, scores, ids = GarmentImage('a', IMAGE, boxes).given_boxes()
    assert found.tolist() == expected
    assert scores.tolist() == [1] * len(expected)
    assert ids.tolist() == [0] * len(expected)
