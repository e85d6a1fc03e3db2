# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Images of raw datasets are found and measured whatever their ending."""

import os

import numpy as np
import pytest
from PIL import Image

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.image_files import stored_size, with_any_ending

pytestmark = pytest.mark.fault(29)


@pytest.mark.parametrize('ending', ['.JPG', '.jpeg', '.JPEG', '.png', '.webp'])
def test_other_endings_are_found(tmp_path, ending):
    path = tmp_path / 'a.b.jpg'
    assert with_any_ending(path) == path
    (tmp_path / f'a.b{ending}').touch()
    assert with_any_ending(path).name == f'a.b{ending}'
    path.touch()
    assert with_any_ending(path) == path


@pytest.mark.parametrize('name', ['..', 'x' * 5000, 'a\0b', 'no/a.jpg', ''])
def test_odd_names_are_left_as_they_are(tmp_path, name):
    path = tmp_path / name
    assert with_any_ending(path) == path


def test_sizes_are_those_that_are_stored(tmp_path):
    path = tmp_path / 'a.jpg'
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(path, exif=exif)
    assert stored_size(path) == stored_size(path, decode=True) == (6, 4)


def test_a_file_that_is_cut_off_is_found_when_it_is_decoded(tmp_path):
    path = tmp_path / 'a.jpg'
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-20])
    assert stored_size(path) == (60, 40)
    with pytest.raises(UserError, match=r'^cannot be read as an image$'):
        stored_size(path, decode=True)


def test_reasons_follow_the_name(tmp_path):
    path = tmp_path / 'a.jpg'
    path.write_bytes(b'nothing')
    expected = {path: '^cannot be read as an image$', tmp_path: '^is a folder'}
    os.mkfifo(tmp_path / 'pipe')
    expected[tmp_path / 'pipe'] = '^is a device, pipe or socket'
    expected[tmp_path / 'none'] = '^no such file$'
    pointer = tmp_path / 'b.jpg'
    pointer.write_text('version https://git-lfs.github.com/spec/v1\noid x\n')
    expected[pointer] = '^is a pointer of git-lfs, not the file itself'
    for source, reason in expected.items():
        with pytest.raises(UserError, match=reason):
            stored_size(source)
