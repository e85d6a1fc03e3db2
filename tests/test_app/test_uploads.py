# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Uploads: bounded, and named as visitors call them."""

import cv2
import numpy as np
import pytest

from mmfashion_ext.app import uploads
from mmfashion_ext.app.uploads import (
    Upload,
    check_video,
    natural_name,
    read_frames,
    read_photo,
)
from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.images import read_image


def test_a_photo_is_what_read_image_reads(upload):
    file = upload('coat.png')
    photo = read_photo(file)
    np.testing.assert_array_equal(photo.image, read_image(file.path))
    assert (photo.name, photo.note) == ('coat.png', '')


def test_a_large_photo_is_reduced_and_that_is_said(upload, monkeypatch):
    monkeypatch.setattr(uploads, 'MAX_SIDE', 20)
    photo = read_photo(upload('coat.png', size=(40, 30)))
    assert photo.image.shape == (20, 15, 3)
    assert photo.note == 'coat.png: reduced from 30 x 40 to 15 x 20 px.'


def test_a_bomb_is_refused_before_it_is_decoded(upload, monkeypatch):
    monkeypatch.setattr(uploads, 'MAX_PIXELS', 1000)
    monkeypatch.setattr(uploads, 'read_image', None)
    with pytest.raises(UserError, match=r'^coat.png: 30 x 40 px, more than'):
        read_photo(upload('coat.png'))


def test_errors_name_no_path_of_the_server(upload):
    with pytest.raises(UserError) as caught:
        read_photo(upload('coat.png', b'no image'))
    text = str(caught.value)
    assert text.startswith('coat.png: cannot be read as an image')
    assert 'upload_1' not in text


def test_nothing_chosen():
    with pytest.raises(UserError, match='choose a photo of a person first'):
        read_photo(None, 'a photo of a person')


def test_a_program_in_postscript_is_not_run(upload):
    content = b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments'
    with pytest.raises(UserError, match='PostScript'):
        read_photo(upload('coat.jpg', content))


def test_frames_of_images_and_of_a_clip(upload, clip, monkeypatch):
    images = [upload('1.png'), upload('22.png', size=(80, 60))]
    monkeypatch.setattr(uploads, 'MAX_FRAME_HEIGHT', 40)
    frames = read_frames(images)
    assert [frame.shape for frame in frames] == [(40, 30, 3)] * 2
    frames = read_frames([clip('walk.avi', frames=3)])
    assert [frame.shape for frame in frames] == [(32, 16, 3)] * 3
    assert frames[0].mean() < frames[2].mean()


def test_too_many_frames(upload, clip, monkeypatch):
    monkeypatch.setattr(uploads, 'MAX_FRAMES', 2)
    with pytest.raises(UserError, match=r'walk.avi: more than the 2 frames'):
        read_frames([clip('walk.avi', frames=3)])
    with pytest.raises(UserError, match='3 frames, more than the 2'):
        read_frames([upload(f'{n}.png') for n in range(3)])
    assert len(read_frames([clip('short.avi', frames=2)])) == 2


@pytest.mark.parametrize(
    'content', [b'', b'#EXTM3U\nhttp://localhost/secret', b'ffconcat version']
)
def test_playlists_are_not_opened_as_videos(upload, content):
    """FFmpeg would open what they name, files of the server too."""
    file = upload('walk.mp4', content)
    for read in (check_video, lambda file: read_frames([file])):
        with pytest.raises(UserError, match=r'^walk.mp4: cannot be read as a'):
            read(file)


def test_real_containers_are_videos(clip, upload):
    check_video(clip('walk.avi'))
    check_video(clip('walk.mp4'))
    check_video(upload('a.webm', b'\x1a\x45\xdf\xa3'))


def test_a_damaged_video(upload):
    with pytest.raises(UserError, match=r'^walk.avi: cannot be read'):
        read_frames([upload('walk.avi', b'RIFF' + bytes(60))])


def test_natural_order(tmp_path):
    names = ['f10.png', 'f2.png', 'a.png']
    files = [Upload(tmp_path, name) for name in names]
    found = [file.name for file in sorted(files, key=natural_name)]
    assert found == ['a.png', 'f2.png', 'f10.png']


def test_an_extreme_shape_keeps_a_pixel(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, 'MAX_SIDE', 50)
    path = tmp_path / 'x.png'
    cv2.imwrite(str(path), np.zeros((1, 400, 3), np.uint8))
    assert read_photo(Upload(path, 'x.png')).image.shape == (1, 50, 3)
