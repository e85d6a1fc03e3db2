# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import os

import numpy as np
import pytest
from PIL import Image

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.viton import files
from mmfashion_ext.formats.viton.constants import CIHP_TO_VITON
from mmfashion_ext.formats.viton.files import (
    read_densepose,
    read_flow,
    read_mask,
    read_parse,
    read_rgb,
)
from mmfashion_ext.formats.viton.pose_file import read_pose

H, W = 9, 7


def pixels(channels=3, seed=0):
    shape = (H, W, channels) if channels > 1 else (H, W)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.fixture
def save(tmp_path):
    def save(array, name='x.png', **kwargs):
        path = tmp_path / name
        Image.fromarray(array).save(path, **kwargs)
        return path

    return save


def refused(read, path, match):
    with pytest.raises(UserError, match=match) as error:
        read(path)
    assert str(path) in str(error.value)
    assert '\n' not in str(error.value)


def test_images_from_files_arrays_and_pillow(save):
    rgb = pixels()
    bgr = rgb[..., ::-1]  # arrays are BGR, as everywhere
    for source in (save(rgb), str(save(rgb)), bgr, Image.fromarray(rgb)):
        read = read_rgb(source)
        assert read.dtype == np.uint8
        assert (read == rgb).all()
        assert read.flags.writeable


def test_grey_images_get_three_channels(save):
    grey = pixels(1)
    for source in (grey, save(grey)):
        assert (read_rgb(source) == grey[:, :, None]).all()


def test_transparent_images_are_laid_on_white(save):
    rgba = pixels(4)
    rgba[0, 0] = 10, 20, 30, 0
    rgba[0, 1] = 10, 20, 30, 255
    alpha = rgba[:, :, 3:] / 255
    expected = rgba[:, :, :3] * alpha + 255 * (1 - alpha)
    for source in (rgba[..., [2, 1, 0, 3]], save(rgba)):
        read = read_rgb(source)
        assert read[0, :2].tolist() == [[255] * 3, [10, 20, 30]]
        assert np.abs(read - expected).max() <= 1
    palette = Image.fromarray(rgba[:, :, :3]).quantize(8)
    palette.save(path := save(rgba).with_name('p.png'), transparency=3)
    clear = np.asarray(palette) == 3
    assert (read_rgb(path)[clear] == 255).all()


def test_the_exif_orientation_is_followed(save):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    path = save(pixels(), exif=exif)
    assert (read_rgb(path) == np.rot90(pixels(), -1)).all()


def test_bad_images_are_refused(save, tmp_path):
    path = save(pixels(), 'x.jpg')
    whole = path.read_bytes()
    for length in (0, 20, len(whole) // 2, len(whole) - 20):
        path.write_bytes(whole[:length])
        refused(read_rgb, path, 'cannot be read as an image')
    refused(read_rgb, tmp_path / 'no.jpg', 'no such file')
    refused(read_rgb, tmp_path, 'is a folder, expected a file')
    deep = save(np.zeros((H, W), np.uint16))
    for read in (read_mask, read_parse):
        refused(read, deep, '16 or 32 bits')
    for array in (
        pixels().astype(np.float32),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((H, W, 5), np.uint8),
        np.zeros(H, np.uint8),
    ):
        with pytest.raises(
            UserError, match=r'got an array .* expected an image'
        ):
            read_rgb(array)


def test_masks(save):
    mask = pixels(1)
    for source in (mask, save(mask), save(np.dstack([mask] * 3))):
        assert (read_mask(source) == mask).all()
    assert set(read_mask(mask > 99).flat) == {0, 255}
    assert ((read_mask(mask > 99) > 0) == (mask > 99)).all()
    # cut out: white, transparent around
    cut_out = np.dstack([np.full((H, W, 3), 255, np.uint8), mask])
    assert (read_mask(save(cut_out)) == mask).all()


def test_empty_masks_are_refused(save):
    refused(read_mask, save(np.full((H, W), 127, np.uint8)), 'empty mask.*127')
    refused(read_mask, save(np.eye(H, dtype=np.uint8)), 'value is 1; expected')
    assert read_mask(np.full((H, W), 128, np.uint8)).min() == 128


def ids(count):
    return np.arange(H * W, dtype=np.uint8).reshape(H, W) % count


def test_parse_maps(save):
    labels = ids(14)
    indexed = Image.frombytes('P', (W, H), labels.tobytes())
    indexed.putpalette([7 * k % 256 for k in range(768)])
    indexed.save(path := save(labels).with_name('p.png'))
    for source in (save(labels), path, save(np.dstack([labels] * 3), 'g.png')):
        assert (read_parse(source) == labels).all()


def test_parse_maps_of_viton_hd(save):
    read = read_parse(save(ids(20)), 'cihp')
    table = [label for _, label in CIHP_TO_VITON]
    assert read.dtype == np.uint8
    assert read.tolist() == [[table[k] for k in row] for row in ids(20)]
    refused(lambda p: read_parse(p, 'cihp'), save(ids(21)), 'labels 20, exp')


def test_bad_parse_maps_are_refused(save):
    refused(read_parse, save(ids(16)), "labels 14, 15, .*layout='viton-hd'")
    refused(read_parse, save(pixels()), 'image in colours')
    refused(read_parse, save(pixels(1) | 128), r'and \d+ more')


def test_densepose(tmp_path, save):
    path = tmp_path / 'x.npy'
    for dtype in (np.uint8, np.int64, np.float32):
        np.save(path, ids(25).astype(dtype))
        read = read_densepose(path)
        assert read.dtype == np.uint8
        assert (read == ids(25)).all()
    assert (read_densepose(save(ids(25))) == ids(25)).all()


def test_bad_densepose_is_refused(tmp_path, save):
    path = tmp_path / 'x.npy'
    for array, match in (
        (
            np.zeros((H, W, 3)),
            r'shape \(9, 7, 3\) and dtype float64, expected \(h, w\)',
        ),
        (ids(26), 'part ids 25, expected whole numbers from 0 to 24'),
        (ids(25) - 1.0, r'part ids -1\.0, '),
        (ids(25) + 256.0, r'part ids 256\.0'),
        (ids(25) / 2, r'part ids 0\.5'),
        (np.full((H, W), np.nan), 'part ids nan'),
        (np.full((H, W), 'x'), 'dtype <U1, expected'),
    ):
        np.save(path, array)
        refused(read_densepose, path, match)
    np.save(path, np.array([None]), allow_pickle=True)
    refused(read_densepose, path, 'cannot be read as an array')
    path.write_bytes(b'')
    refused(read_densepose, path, 'cannot be read as an array')
    refused(read_densepose, tmp_path / 'no.npy', 'no such file')
    refused(read_densepose, save(pixels()), 'in colours')


def test_flows(tmp_path):
    path = tmp_path / 'x.npz'
    flow = np.full((H, W, 2), np.nan, np.float16)
    flow[2, 3] = 4.5, 6
    np.savez(path, flow=flow)
    read = read_flow(path)
    assert read.dtype == np.float32
    assert np.array_equal(read, flow, equal_nan=True)
    np.savez(path, flow=flow[:, :, 0])
    refused(read_flow, path, r'expected \(h, w, 2\)')
    np.savez(path, map=flow)
    refused(read_flow, path, 'cannot be read as an .npz')
    path.write_bytes(b'PK')
    refused(read_flow, path, 'cannot be read as an .npz')
    refused(read_flow, tmp_path / 'no.npz', 'no such file')


@pytest.mark.fault(28)
class TestHostileFiles:
    def test_arrays_that_promise_more_than_they_hold(self, tmp_path):
        path = tmp_path / 'x.npy'
        np.save(path, ids(25))
        whole = path.read_bytes()
        for shape in (b'(99999, 99999)', b'(-1, 7)', b'((9, 7)', b"('9', 7)"):
            path.write_bytes(whole.replace(b'(9, 7)', shape, 1))
            refused(read_densepose, path, 'cannot be read as an array')
        path.write_bytes(whole[:-1])
        refused(read_densepose, path, 'cannot be read as an array')

    def test_an_archive_of_arrays_as_densepose(self, tmp_path):
        np.savez(tmp_path / 'x.npz', parts=ids(25))
        path = (tmp_path / 'x.npz').rename(tmp_path / 'x.NPY')
        refused(read_densepose, path, 'is an archive of arrays, expected one')
        np.save(other := tmp_path / 'y.npy', ids(25))
        other = other.rename(tmp_path / 'y.NPY')
        assert (read_densepose(other) == ids(25)).all()

    def test_a_warp_that_unpacks_to_gigabytes(self, tmp_path, monkeypatch):
        path = tmp_path / 'x.npz'
        np.savez_compressed(path, flow=np.zeros((64, 64, 2), np.float32))
        assert path.stat().st_size < 1000
        monkeypatch.setattr(files, '_MAX_FLOW_BYTES', 30_000)
        refused(read_flow, path, 'unpacks to 32,896 bytes, more than')

    @pytest.mark.parametrize(
        ('read', 'name'),
        [
            (read_densepose, 'x.npy'),
            (read_flow, 'x.npz'),
            (read_pose, 'x.json'),
            (read_mask, 'x.png'),
        ],
    )
    def test_pipes_do_not_hang_a_reader(self, tmp_path, read, name):
        os.mkfifo(path := tmp_path / name)
        refused(read, path, 'is a device, pipe or socket')
        (tmp_path / 'folder').mkdir()
        (loop := tmp_path / f'loop_{name}').symlink_to(loop)
        with pytest.raises(UserError):
            read(loop)

    def test_poses_nested_too_deep(self, tmp_path):
        path = tmp_path / 'x.json'
        path.write_text('[' * 200_000)
        refused(read_pose, path, 'the pose is not valid JSON')
