# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The image reader: every mode and source, nothing but regular files."""

import contextlib
import io
import os
import threading
import warnings
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils import images, sources
from mmfashion_ext.utils.images import (
    find_images,
    image_name,
    image_size,
    open_image,
    read_image,
    write_image,
)

#: (3, 2) px of red, green, blue and grey values, as BGR.
BGR = np.array(
    [
        [[0, 0, 255], [0, 255, 0]],
        [[255, 0, 0], [30, 30, 30]],
        [[200, 200, 200], [1, 2, 3]],
    ],
    np.uint8,
)


def as_bytes(image, form='PNG', **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.fixture
def png(tmp_path):
    path = tmp_path / 'image.PNG'
    Image.fromarray(BGR[..., ::-1].copy()).save(path)
    return path


def test_all_kinds_of_input_give_the_same_bgr(png):
    with png.open('rb') as opened:
        for source in (
            png,
            str(png),
            png.read_bytes(),
            io.BytesIO(png.read_bytes()),
            opened,
            Image.open(png),
            BGR,
            np.dstack((BGR, np.full((3, 2), 255, np.uint8))),
        ):
            read = read_image(source)
            assert read.dtype == np.uint8
            assert read.flags.c_contiguous
            np.testing.assert_array_equal(read, BGR)


def test_colour_modes(tmp_path):
    """Whatever a camera or editor writes becomes three channels of 8 bits."""
    rgb = Image.fromarray(BGR[..., ::-1].copy())
    grey = np.array([[0, 100], [200, 255]], np.uint8)
    three = grey[..., None].repeat(3, 2)
    for mode in ('L', 'LA', 'I;16', '1'):
        if mode == 'I;16':
            image = Image.fromarray(grey.astype(np.uint16) * 257)
        else:
            image = Image.fromarray(grey).convert(mode)
        expected = (
            three
            if mode != '1'
            else np.where(
                np.array(image)[..., None], np.uint8(255), np.uint8(0)
            ).repeat(3, 2)
        )
        np.testing.assert_array_equal(read_image(as_bytes(image)), expected)
    palette = as_bytes(rgb.quantize(6, method=0))
    assert read_image(palette).shape == (3, 2, 3)
    cmyk = as_bytes(rgb.convert('CMYK').resize((16, 16)), 'JPEG')
    assert read_image(cmyk).shape == (16, 16, 3)
    with pytest.raises(UserError, match='32-bit floating point'):
        read_image(as_bytes(Image.fromarray(np.ones((2, 2), 'f4')), 'TIFF'))


def test_transparent_parts_are_laid_on_a_colour():
    bgra = np.dstack((BGR, np.zeros((3, 2), np.uint8)))
    assert (read_image(bgra) == 255).all()
    assert (read_image(bgra, background='black') == 0).all()
    half = np.dstack((np.zeros_like(BGR), np.full((3, 2), 128, np.uint8)))
    np.testing.assert_allclose(read_image(half), 127, atol=1)


@pytest.mark.parametrize('orientation', range(1, 9))
def test_exif_orientation(orientation):
    """Viewers rotate, annotations may refer to the stored pixels."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = np.zeros((16, 8, 3), np.uint8)
    rgb[:8, :4] = 255  # the upper left quarter
    content = as_bytes(Image.fromarray(rgb), 'PNG', exif=exif)
    read = read_image(content)
    place = {
        1: (0, 0),
        2: (0, 1),
        3: (1, 1),
        4: (1, 0),
        5: (0, 0),
        6: (0, 1),
        7: (1, 1),
        8: (1, 0),
    }[orientation]  # where the white quarter is seen
    h, w = read.shape[:2]
    assert (h, w) == ((16, 8) if orientation < 5 else (8, 16))
    row, column = place[0] * h // 2, place[1] * w // 2
    assert (read[row : row + h // 2, column : column + w // 2] == 255).all()
    assert (read == 255).sum() == 8 * 4 * 3
    assert image_size(content) == (w, h)
    np.testing.assert_array_equal(read_image(content, orientation=False), rgb)
    assert image_size(content, orientation=False) == (8, 16)


def test_damaged_exif_counts_as_upright(monkeypatch, png):
    def fail(self):
        raise SyntaxError('not a TIFF file')

    monkeypatch.setattr(Image.Image, 'getexif', fail)
    np.testing.assert_array_equal(read_image(png), BGR)


@pytest.mark.parametrize(
    ('source', 'message'),
    [
        ('missing.jpg', r'missing\.jpg: no such file'),
        (b'', 'cannot be read as an image'),
        (b'not an image', 'cannot be read as an image'),
        (None, 'expected an image as path.*NoneType'),
        (io.StringIO('text'), "opened as text.*'rb'"),
        (np.zeros((4, 4, 3), np.float32), r'\(4, 4, 3\) of float32, expected'),
        (np.zeros((4, 4, 2), np.uint8), r'\(4, 4, 2\) of uint8, expected'),
        (np.zeros((0, 4, 3), np.uint8), r'\(0, 4, 3\) of uint8, expected'),
        ('a\0b', 'cannot be the name of a file'),
        ('x' * 5000, 'too long'),
    ],
)
def test_what_is_not_an_image(source, message):
    with pytest.raises(UserError, match=message) as caught:
        read_image(source)
    assert '\n' not in str(caught.value)


def test_truncated_file_is_named(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    path = tmp_path / 'cut.jpg'
    path.write_bytes(as_bytes(Image.fromarray(noise), 'JPEG')[:-500])
    with pytest.raises(UserError, match=r'cut\.jpg: cannot be read'):
        read_image(path)


def test_devices_pipes_folders_and_loops_are_refused(tmp_path):
    """Opening a pipe would wait forever, a device would never end."""
    os.mkfifo(tmp_path / 'pipe.jpg')
    (tmp_path / 'device.jpg').symlink_to('/dev/zero')
    (tmp_path / 'loop.jpg').symlink_to(tmp_path / 'loop.jpg')
    (tmp_path / 'folder.jpg').mkdir()
    for name, message in {
        'pipe.jpg': 'a device, pipe or socket',
        'device.jpg': 'a device, pipe or socket',
        'loop.jpg': 'symbolic links',
        'folder.jpg': 'is a folder',
    }.items():
        for read in (read_image, open_image, image_size):
            with pytest.raises(UserError, match=message):
                read(tmp_path / name)


def test_size_is_checked_before_decoding(monkeypatch, png):
    monkeypatch.setattr(images, 'MAX_PIXELS', 5)

    def fail(self):
        raise AssertionError('decoded')

    monkeypatch.setattr('PIL.PngImagePlugin.PngImageFile.load', fail)
    for read in (read_image, open_image, image_size):
        with pytest.raises(UserError, match=r'2 x 3 px, more than the'):
            read(png)
    monkeypatch.setattr(sources, 'MAX_BYTES', 10)
    with pytest.raises(UserError, match='more than 0 MiB'):
        read_image(io.BytesIO(png.read_bytes()))


def test_header_of_a_huge_image_costs_nothing():
    """30000 x 30000 px in 100 bytes; 2.7 GB when decoded."""
    content = bytearray(as_bytes(Image.new('L', (1, 1))))
    content[16:24] = (30000).to_bytes(4, 'big') * 2
    import zlib

    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, 'big')
    with pytest.raises(UserError, match=r'30000 x 30000|exceeds limit'):
        read_image(bytes(content))


def test_url(png):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path.startswith('/image')
            self.send_response(200 if found else 404)
            self.end_headers()
            if found:
                self.wfile.write(png.read_bytes())

        def log_message(self, *args):
            pass

    server = HTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f'http://127.0.0.1:{server.server_port}'
    try:
        np.testing.assert_array_equal(read_image(f'{url}/image.png?x=1'), BGR)
        with pytest.raises(
            UserError, match=r'cannot be downloaded.*Not Found'
        ):
            read_image(f'{url}/other.png')
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(UserError, match='cannot be downloaded'):
        read_image(f'{url}/image.png')


def test_label_maps_keep_their_ids(tmp_path):
    ids = np.array([[0, 7], [13, 19]], np.uint8)
    image = Image.fromarray(ids).convert('P')
    np.testing.assert_array_equal(np.array(open_image(as_bytes(image))), ids)
    deep = as_bytes(Image.fromarray(ids.astype(np.uint16)))
    with pytest.raises(UserError, match='16 or 32 bits'):
        open_image(deep)


def test_find_images(tmp_path):
    names = ['10.jpg', '2.JPG', '1.PnG', 'a.txt', '.hidden.jpg', '._2.jpg']
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / 'sub').mkdir()
    (tmp_path / 'sub' / '3.webp').touch()
    (tmp_path / 'again').symlink_to(tmp_path)
    found = [path.name for path in find_images(tmp_path)]
    assert found == ['1.PnG', '2.JPG', '10.jpg']
    found = [path.name for path in find_images(tmp_path, recursive=True)]
    assert found == ['3.webp', '1.PnG', '2.JPG', '10.jpg']
    (tmp_path / 'empty').mkdir()
    with pytest.raises(UserError, match='no images in this folder'):
        find_images(tmp_path / 'empty')
    with pytest.raises(UserError, match='no such folder'):
        find_images(tmp_path / 'missing')


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=8, unique=True))
def test_natural_order_is_that_of_the_numbers(numbers):
    paths = [Path(f'frame{number}.jpg') for number in numbers]
    ordered = sorted(paths, key=images.natural_order)
    assert ordered == [Path(f'frame{n}.jpg') for n in sorted(numbers)]


def test_write_image_is_read_back(tmp_path):
    for name in ('x.png', 'sub/x.BMP', 'x.webp'):
        options = {} if name != 'x.webp' else None
        write_image(tmp_path / name, BGR)
        read = read_image(tmp_path / name)
        assert read.shape == BGR.shape
        if options is not None:
            np.testing.assert_array_equal(read, BGR)
    grey = np.full((40, 40), 77, np.uint8)
    write_image(tmp_path / 'grey.jpg', grey)
    np.testing.assert_allclose(read_image(tmp_path / 'grey.jpg'), 77, atol=1)
    with pytest.raises(UserError, match='with this ending'):
        write_image(tmp_path / 'x.txt', BGR)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'grey.jpg',
        'sub',
        'x.png',
        'x.webp',
    ]


def test_names(png):
    assert image_name(png) == str(png)
    assert image_name(Image.open(png)) == str(png)
    assert image_name(BGR) == image_name(b'', 'image') == 'image'
    with png.open('rb') as opened:
        assert image_name(opened) == str(png)
    assert images.image_stem('http://a.b/c%20d.jpg?size=3') == 'c d'
    assert images.image_stem('folder/x.y.png') == 'x.y'


@pytest.mark.fault(4)
def test_postscript_is_not_run(tmp_path):
    """Pillow would start Ghostscript on it, whatever its name ends in."""
    path = tmp_path / 'a.jpg'
    Image.new('RGB', (8, 6)).save(path, 'EPS')
    with pytest.raises(UserError, match=r'a\.jpg: is a PostScript file'):
        read_image(path)


@pytest.mark.fault(28)
def test_a_damaged_exif_block_is_one_line():
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, 'text'
    file = io.BytesIO()
    Image.new('RGB', (8, 6)).save(file, 'JPEG', exif=exif)
    content = file.getvalue()
    place = content.index(b'text')
    for start in range(content.index(b'Exif'), place):
        for value in (0, 1, 255):
            changed = bytearray(content)
            changed[start] = value
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                with contextlib.suppress(UserError):
                    assert read_image(bytes(changed)).size == 8 * 6 * 3
