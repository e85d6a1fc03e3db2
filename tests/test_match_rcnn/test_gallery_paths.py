# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Files and folders of a gallery."""

from pathlib import Path

import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn.gallery_paths import (
    find_gallery_images,
    is_below,
)


@pytest.fixture
def shop(tmp_path):
    (tmp_path / 'more').mkdir()
    for name in ('red.png', 'a.jpg', 'more/b.png', 'notes.txt'):
        (tmp_path / name).touch()
    return tmp_path


def test_images_come_once_and_in_order(shop):
    found = find_gallery_images([shop / 'red.png', shop, shop / 'red.png'])
    names = [path.name for path in found]
    assert names[0] == 'red.png'
    assert len(names) == len(set(names)) == 3
    assert 'notes.txt' not in names
    assert all(path.is_absolute() for path in found)


def test_what_is_not_there(tmp_path):
    with pytest.raises(UserError, match='does not exist'):
        find_gallery_images([tmp_path / 'gone'])
    (tmp_path / 'empty').mkdir()
    with pytest.raises(UserError, match='empty: no images in this folder'):
        find_gallery_images([tmp_path / 'empty'])
    with pytest.raises(UserError, match='no images: give'):
        find_gallery_images([])


@pytest.mark.fault(21)
def test_a_link_that_leads_nowhere_is_an_image_to_be_skipped(shop):
    (shop / 'loop.png').symlink_to(shop / 'loop.png')
    assert find_gallery_images([shop / 'loop.png']) == [shop / 'loop.png']


@pytest.mark.fault(18)
def test_below():
    roots = [Path('/a/b'), Path('/c.png')]
    for path in ('/a/b/x.png', '/a/b/d/x.png', '/a/b', '/c.png'):
        assert is_below(path, roots)
    for path in ('/a/bc/x.png', '/a', '/c.png.jpg'):
        assert not is_below(path, roots)
