# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What users pass to an inferencer becomes named images, lazily."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.image_inputs import (
    NamedInput,
    UniqueNames,
    number_of_inputs,
    resolve_images,
)

IMAGE = np.zeros((4, 6, 3), np.uint8)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / 'folder'
    folder.mkdir()
    for name in ('b10.png', 'b9.png'):
        Image.fromarray(IMAGE).save(folder / name)
    return folder


def named(inputs, **options):
    return [(x.input, x.name) for x in resolve_images(inputs, **options)]


def test_kinds_of_inputs_and_their_names(folder):
    path = folder / 'b9.png'
    assert named(path) == named(str(path)) == [(str(path), 'b9')]
    assert (
        named(folder)
        == named(str(folder))
        == [
            (str(path), 'b9'),
            (str(folder / 'b10.png'), 'b10'),
        ]
    )
    assert named('https://a.b/c.jpg?x') == [('https://a.b/c.jpg?x', 'c')]
    assert named(IMAGE) == named(path.read_bytes()) == [('image', 'image')]
    assert named(IMAGE, default='person') == [('person', 'person')]
    assert named(Image.open(path)) == [(str(path), 'b9')]
    assert named({'left': IMAGE, 'right.png': path}) == [
        ('left', 'left'),
        ('right.png', 'right'),
    ]


def test_equal_names_get_numbers(folder):
    """Otherwise one result would overwrite another."""
    path = folder / 'b9.png'
    found = named([path, IMAGE, path, IMAGE, path.read_bytes(), folder])
    names = [name for _, name in found]
    assert names == [
        'b9',
        'image',
        'b9_2',
        'image_2',
        'image_3',
        'b9_3',
        'b10',
    ]
    assert [x for x, _ in found][:4] == [
        str(path),
        'image',
        str(path),
        'image_2',
    ]
    unique = UniqueNames()
    names = [unique(n) for n in ('x', 'x_2', 'X', 'x', 'x_2')]
    assert len({name.lower() for name in names}) == 5
    assert names[:2] == ['x', 'x_2']


def test_generators_are_read_lazily():
    """A stream of any length fits into memory."""
    read = []

    def images():
        for number in range(10**9):
            read.append(number)
            yield IMAGE

    resolved = resolve_images(images())
    assert next(resolved).name == 'image'
    assert next(resolved).name == 'image_2'
    assert read == [0, 1]


def test_bad_entries_of_a_list_are_errors_of_their_own(folder):
    (folder / 'empty').mkdir()
    found = list(resolve_images([IMAGE, None, folder / 'empty', IMAGE]))
    assert [isinstance(x.source, UserError) for x in found] == [
        False,
        True,
        True,
        False,
    ]
    with pytest.raises(UserError, match='got int: 3'):
        list(resolve_images(3))
    with pytest.raises(UserError, match='no images in this folder'):
        list(resolve_images(folder / 'empty'))


def test_a_video_is_its_frames(tmp_path):
    path = tmp_path / 'clip.AVI'
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, (16, 8)
    )
    for value in (0, 100, 200):
        writer.write(np.full((8, 16, 3), value, np.uint8))
    writer.release()
    frames = list(resolve_images(path, videos=True))
    assert [(x.input, x.name, x.frame_id, x.fps) for x in frames] == [
        (str(path), 'clip', number, 10) for number in range(3)
    ]
    assert frames[2].source.shape == (8, 16, 3)
    assert abs(int(frames[2].source.mean()) - 200) < 5
    assert list(resolve_images(path)) == [
        NamedInput(str(path), 'clip', path)
    ]  # of no use to a system that reads images
    (missing,) = resolve_images('missing.mp4', videos=True)
    assert 'no such file' in str(missing.source)
    (text,) = resolve_images([tmp_path / 'text.mp4'], videos=True)
    assert isinstance(text.source, UserError)


def test_number_of_inputs(folder):
    assert number_of_inputs(folder) == 2
    assert number_of_inputs(folder / 'b9.png') == 1
    assert number_of_inputs(IMAGE) == 1
    assert number_of_inputs([IMAGE, IMAGE]) == 2
    assert number_of_inputs({'a': IMAGE}) == 1
    assert number_of_inputs(io.BytesIO()) == 1
    assert number_of_inputs([folder]) is None
    assert number_of_inputs(iter([IMAGE])) is None
    assert number_of_inputs('clip.mp4') is None
