# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The page's image processing computes what the package's does."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    shutil.which('node') is None, reason='needs Node.js, not installed'
)


def packed(array):
    """An array as the script reads it."""
    content = np.ascontiguousarray(array)
    text = base64.b64encode(content.tobytes()).decode()
    return {'type': str(content.dtype), 'base64': text}


def image(array):
    h, w = array.shape[:2]
    return {'data': packed(array), 'width': w, 'height': h}


def run(*calls):
    """Call functions of the page; images come back as arrays."""
    done = subprocess.run(
        ['node', Path(__file__).with_name('call_modules.mjs')],
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [unpacked(result) for result in json.loads(done.stdout)]


def unpacked(result):
    if 'data' not in result:
        return result
    values = np.frombuffer(base64.b64decode(result['data']), np.uint8)
    return values.reshape(result['height'], result['width'], -1)


def rgba(bgr):
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGBA)


@pytest.fixture
def noise():
    """Images (h, w, 4) uint8 of noise that is smooth in places."""
    random = np.random.default_rng(0)

    def draw(h, w, channels=4):
        values = random.integers(0, 256, (h, w, channels), np.uint8)
        smooth = cv2.blur(values, (5, 5)).reshape(values.shape)
        values[h // 2 :] = smooth[h // 2 :]
        return values

    return draw


def test_resize_is_that_of_pillow(noise):
    """If not, the network sees other pixels than it does in Python."""
    sizes = [
        ((64, 48), (192, 256)),
        ((331, 257), (96, 128)),
        ((97, 240), (97, 31)),
        ((5, 3), (24, 40)),
        ((1, 1), (4, 4)),
    ]
    images = [noise(*size) for size, _ in sizes]
    results = run(
        *(
            ['resize', image(source), *size]
            for source, (_, size) in zip(images, sizes, strict=True)
        )
    )
    for source, (_, size), result in zip(images, sizes, results, strict=True):
        expected = [
            np.array(
                Image.fromarray(source[..., c]).resize(
                    size, Image.Resampling.BILINEAR
                )
            )
            for c in range(3)
        ]
        assert (result[..., :3] == np.stack(expected, -1)).all(), size
        assert (result[..., 3] == 255).all()


def test_images_lie_in_the_frame_as_in_python(noise):
    """If not, flow and garment belong to other places."""
    from mmfashion_ext.tryon.inference.frame import Frame

    # sides that end in .5 in the frame round to the even number
    sizes = [(400, 300), (300, 400), (256, 33), (123, 1), (512, 387)]
    images = [noise(*size, channels=1) for size in sizes]
    results = run(*(['fit', image(x), [256, 192]] for x in images))
    for source, result in zip(images, results, strict=True):
        frame = Frame.of(source.shape[:2], (256, 192))
        assert (result[..., 0] == frame.fit(source[..., 0])).all()


def test_garments_are_cropped_as_in_python():
    """If not, the garment has another size in the frame."""
    from mmfashion_ext.tryon.inference.frame import garment_box

    masks = [np.zeros((90, 70), np.uint8) for _ in range(4)]
    masks[1][3:80, 20:45] = 255
    masks[2][:, 69] = 128
    masks[3][40, 10:60] = 127
    masks[3][41, 10:60] = 200
    for mask, box in zip(
        masks, run(*(['garmentBox', image(m)] for m in masks)), strict=True
    ):
        rows, columns = garment_box(mask)
        expected = mask[rows, columns].shape
        assert (box['top'], box['left']) == (rows.start, columns.start)
        assert (box['height'], box['width']) == expected


@pytest.mark.parametrize('size', [(60, 47), (211, 160)])
def test_composition_is_that_of_python(noise, size):
    """If not, the page shows another try-on for the same network."""
    torch = pytest.importorskip('torch')
    from mmfashion_ext.tryon.generator import Composition
    from mmfashion_ext.tryon.inference.frame import Frame
    from mmfashion_ext.tryon.inference.full_size import compose_full_size
    from mmfashion_ext.tryon.visualizer import to_uint8

    frame = 64, 96
    h, w = frame
    made = torch.rand(1, 7, h // 8, w // 8)
    made = torch.nn.functional.interpolate(made, frame, mode='bilinear')
    changed = (made[:, :1] * 3 - 1).clamp(0, 1)
    changed[..., : w // 3] = 0  # there the photograph is kept
    logits, rendered = made[:, 1:2] * 8 - 4, made[:, 2:5] * 2 - 1
    flow = made[:, 5:] * 3 - 1.5  # also beyond the garment
    photograph, garment = noise(*size), noise(50, 40)
    mask = noise(50, 40, channels=1)
    maps = {
        'changed': changed,
        'cloth_logits': logits,
        'rendered': rendered,
        'flow': flow,
    }
    (result,) = run(
        [
            'compose',
            {name: packed(values.numpy()) for name, values in maps.items()},
            image(photograph),
            frame,
            image(garment),
            image(mask),
        ]
    )

    def tensor(array):
        values = torch.from_numpy(array[None, ..., :3]).permute(0, 3, 1, 2)
        return (values / 255 - 0.5) / 0.5

    on = torch.from_numpy(mask[None, ..., 0] >= 128)[None].float()
    logits_of_both = torch.cat([logits, logits], 1)
    composition = Composition(rendered, rendered, on, changed, logits_of_both)
    full = compose_full_size(
        composition,
        flow,
        tensor(photograph),
        tensor(garment) * on,
        on,
        Frame.of(size, frame),
        Frame.of((50, 40), frame),
    )
    expected = to_uint8(full.try_on, rounded=True).astype(int)
    difference = np.abs(expected - result[..., :3].astype(int))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.001
    kept = slice(None), slice(size[1] // 10), slice(3)
    assert (result[kept] == photograph[kept]).all()


def test_masks_are_those_of_python():
    """If not, garments of files are cut out in another way."""
    from mmfashion_ext.formats.garments.flat_mask import mask_garment

    names = 't-shirt', 'shirt'
    photos = [
        cv2.imread(str(ROOT / 'demo' / 'images' / f'{name}.jpg'))
        for name in names
    ]
    masks = run(*(['mask', image(rgba(photo))] for photo in photos))
    for name, photo, found in zip(names, photos, masks, strict=True):
        mask, expected = found[..., 0] > 0, mask_garment(photo) > 0
        iou = (mask & expected).sum() / (mask | expected).sum()
        assert iou > 0.95, f'{name}: IoU {iou:.3f} with the mask of Python'


def test_what_is_not_a_garment_is_refused():
    """If not, the page dresses people in wallpaper."""
    plain = np.full((80, 60, 4), 200, np.uint8)
    large = np.full((80, 60, 4), 255, np.uint8)
    large[:, 4:] = 30, 60, 90, 255
    for found in run(['mask', image(plain)], ['mask', image(large)]):
        assert set(found) == {'error'}, 'a mask was made'
