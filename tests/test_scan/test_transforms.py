# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Transforms of clips against Pillow and plain drawing."""

import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from PIL import Image

from mmfashion_ext.errors import UserError
from mmfashion_ext.registry import TRANSFORMS
from mmfashion_ext.scan.transforms import (
    EraseFrames,
    FlipClip,
    LoadClip,
    PackClip,
    ResizeClip,
    load_frame,
)

T, H, W = 3, 16, 8


def pixels(seed, size=(H, W)):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (*size, 3), np.uint8)


def clip(**kwargs):
    """A clip of T frames with flow, as LoadClip delivers it."""
    return {
        'img': [Image.fromarray(pixels(k)) for k in range(T)],
        'flow': [Image.fromarray(pixels(10 + k)) for k in range(T)],
        **kwargs,
    }


def arrays(results, key='img'):
    return np.stack([np.asarray(image) for image in results[key]])


@pytest.fixture
def paths(tmp_path):
    paths = []
    for k in range(4):
        paths.append(str(tmp_path / f'{k}.png'))
        Image.fromarray(pixels(k)).save(paths[-1])
    return paths


def seeded(seed):
    np.random.seed(seed)  # noqa: NPY002


def test_load_rgb_and_flow(paths):
    results = LoadClip()({'img_paths': paths[:2], 'flow_paths': paths[2:]})
    assert (arrays(results)[1] == pixels(1)).all()
    assert (arrays(results, 'flow')[0] == pixels(2)).all()
    assert 'flow' not in LoadClip()({'img_paths': paths})


def test_short_clips_repeat_their_last_frame(paths):
    results = LoadClip()(
        {'img_paths': paths[:2], 'flow_paths': paths[2:], 'clip_length': 5}
    )
    expected = np.stack([pixels(k) for k in (0, 1, 1, 1, 1)])
    assert (arrays(results) == expected).all()
    assert len(results['flow']) == 5


def test_grey_images_become_rgb(tmp_path):
    path = tmp_path / 'grey.png'
    Image.fromarray(pixels(0)[:, :, 0]).save(path)
    (frame,) = arrays(LoadClip()({'img_paths': [str(path)]}))
    assert frame.shape == (H, W, 3)


@pytest.mark.parametrize('mode', ['1', 'L', 'LA', 'P', 'RGB', 'RGBA', 'CMYK'])
def test_frames_are_as_stored(tmp_path, mode):
    """Every colour mode as Pillow converts it; nothing is rotated."""
    path = tmp_path / ('0.tif' if mode == 'CMYK' else '0.png')
    image = Image.fromarray(pixels(0)).convert(mode)
    if 'A' in mode:
        image.putalpha(Image.fromarray(pixels(1)[..., 0]))
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by a quarter turn
    image.save(path, exif=exif)
    with Image.open(path) as stored:
        expected = np.asarray(stored.convert('RGB'))
    found = load_frame(str(path))
    assert found.size == (W, H)
    assert (np.asarray(found) == expected).all()


def test_bad_files_are_named(paths, tmp_path):
    with pytest.raises(
        UserError, match=r'no\.png: no such file; convert the dataset again'
    ):
        LoadClip()({'img_paths': [str(tmp_path / 'no.png')]})
    whole = (tmp_path / '0.png').read_bytes()
    for length in (0, 20, 60, len(whole) // 2, len(whole) - 60):
        (tmp_path / '0.png').write_bytes(whole[:length])
        with pytest.raises(
            UserError,
            match=r'0\.png: cannot be read as an image .*convert the dataset',
        ):
            LoadClip()({'img_paths': paths})
    with pytest.raises(UserError, match='flow_paths is empty'):
        LoadClip()({'img_paths': paths[1:], 'flow_paths': []})


def test_resize_as_pillow_does():
    before = clip()
    frames = list(before['img'])
    results = ResizeClip((8, 4))(before)
    assert arrays(results, 'flow').shape == (T, 8, 4, 3)
    expected = frames[1].resize((4, 8), Image.Resampling.BILINEAR)
    assert (arrays(results)[1] == np.asarray(expected)).all()
    same = clip()
    frames = list(same['img'])
    assert all(
        a is b
        for a, b in zip(ResizeClip((H, W))(same)['img'], frames, strict=True)
    )


def test_resize_takes_frames_of_any_size():
    results = {
        'img': [Image.fromarray(pixels(0, s)) for s in ((4, 2), (9, 7))]
    }
    assert arrays(ResizeClip((6, 3))(results)).shape == (2, 6, 3, 3)


def test_flip_is_one_draw_a_clip():
    before, flipped = clip(), 0
    for seed in range(40):
        seeded(seed)
        after = FlipClip(0.5)(clip())
        whole = [arrays(after, key) for key in ('img', 'flow')]
        mirror = [arrays(before, key)[:, :, ::-1] for key in ('img', 'flow')]
        same = [arrays(before, key) for key in ('img', 'flow')]
        is_flipped = (whole[0] == mirror[0]).all()
        flipped += is_flipped
        expected = mirror if is_flipped else same
        assert all(
            (a == b).all() for a, b in zip(whole, expected, strict=True)
        )
    assert 10 < flipped < 30
    assert (arrays(FlipClip(0)(clip())) == arrays(before)).all()
    assert (arrays(FlipClip(1)(clip())) == arrays(before)[:, :, ::-1]).all()


def painted(before, after):
    """x1, y1, x2, y2 of what changed; it must be one colour."""
    before, after = np.asarray(before), np.asarray(after)
    rows, columns = np.nonzero((before != after).any(-1))
    if not len(rows):
        return None
    box = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    inside = after[box[1] : box[3], box[0] : box[2]].reshape(-1, 3)
    assert (inside == inside[0]).all()
    return tuple(int(v) for v in box)


@pytest.mark.fault(14)
@pytest.mark.parametrize('paste', ['reference', 'sampled'])
def test_erased_rectangles(paste):
    width, height = 64, 128
    # no colour that could be drawn hides the rectangle
    image = Image.fromarray(pixels(0, (height, width)))
    erase = EraseFrames(1.0, paste=paste)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        (after,) = erase({'img': [image], 'rng': rng})['img']
        rng = np.random.default_rng(seed)
        rng.random()  # whether at all
        x1, y1, x2, y2 = erase.sample(width, height, rng)
        w, h = x2 - x1, y2 - y1
        assert 0 < x1 < x2 <= width
        assert 0 < y1 < y2 <= height
        # the integer box is less than 1 px smaller than the one drawn
        assert 0.02 * width * height < (w + 1) * (h + 1)
        assert w * h <= 0.2 * width * height
        assert (h + 1) / w > 0.3
        assert h / (w + 1) < 1 / 0.3
        expected = (x1, y1, x2, y2)
        if paste == 'reference':
            expected = (w, h, min(2 * w, width), min(2 * h, height))
        found = painted(image, after)
        if expected[0] >= width or expected[1] >= height:
            assert found is None
        else:
            assert found == expected


@pytest.mark.fault(14)
def test_published_erasing_covers_less_than_it_draws():
    width, height = 128, 256
    rng = np.random.default_rng(0)
    boxes = [EraseFrames().sample(width, height, rng) for _ in range(8000)]
    w, h = np.diff(np.reshape(boxes, (-1, 2, 2)), axis=1)[:, 0].T
    cut = np.clip(width - w, 0, w) * np.clip(height - h, 0, h)
    drawn = (w * h).mean() / (width * height)
    assert drawn == pytest.approx(0.108, abs=0.002)
    assert cut.mean() / (width * height) == pytest.approx(0.096, abs=0.002)


@pytest.mark.fault(14)
def test_size_of_the_erased_rectangle_is_added_to_its_rounded_corner():
    """floor(x + w) would make it 1 px smaller half of the time."""

    class Drawn:
        values = iter([0.1, 1.0, 10.9, 20.2])

        def uniform(self, low, high):
            return next(self.values)

    w = h = int((0.1 * 128 * 256) ** 0.5)
    box = EraseFrames().sample(128, 256, Drawn())
    assert box == (11, 21, 11 + w, 21 + h)


def test_each_frame_and_modality_is_erased_by_itself():
    seeded(0)
    image = Image.fromarray(pixels(0, (64, 32)))
    results = {'img': [image] * 40, 'flow': [image] * 40}
    results = EraseFrames(0.5, paste='sampled')(results)
    boxes = [
        painted(image, after)
        for key in ('img', 'flow')
        for after in results[key]
    ]
    erased = [box for box in boxes if box]
    assert 25 < len(erased) < 55
    assert len(set(erased)) > 20
    assert (np.asarray(image) == pixels(0, (64, 32))).all()


def test_erasing_tiny_images_ends():
    seeded(0)
    for size in ((1, 1), (2, 1), (3, 3)):
        image = Image.fromarray(pixels(0, size))
        for paste in ('reference', 'sampled'):
            for _ in range(20):
                EraseFrames(1, paste=paste)({'img': [image]})


def test_wrong_erasing():
    with pytest.raises(UserError, match="'reference' or 'sampled'"):
        EraseFrames(paste='random')
    for wrong in ({'area': (0.2, 0.1)}, {'area': (0, 0.1)}, {'aspect': 0}):
        with pytest.raises(UserError, match='area must be two fractions'):
            EraseFrames(**wrong)


def test_pack():
    known = {
        'pid': 5,
        'label': 2,
        'camid': 1,
        'tracklet': 7,
        'role': 'train',
        'start': 4,
        'end': 7,
    }
    packed = PackClip()(clip(**known, sample_idx=3))
    inputs, sample = packed['inputs'], packed['data_samples']
    assert inputs['img'].shape == (T, 3, H, W)
    assert inputs['img'].dtype == torch.uint8
    assert inputs['img'].is_contiguous()
    expected = np.stack([pixels(10 + k) for k in range(T)])
    assert (inputs['flow'].permute(0, 2, 3, 1).numpy() == expected).all()
    assert sample.metainfo == known
    results = clip()
    del results['flow']
    assert set(PackClip()(results)['inputs']) == {'img'}


def test_pack_refuses_frames_of_different_sizes():
    frames = [Image.fromarray(pixels(0, size)) for size in ((4, 2), (6, 2))]
    message = r'a/0\.png .*2 x 4 and 2 x 6 px.*ResizeClip before PackClip'
    with pytest.raises(UserError, match=message):
        PackClip()({'img': frames, 'img_paths': ['a/0.png', 'a/1.png']})


@pytest.mark.parametrize(
    'kind', [EraseFrames, FlipClip, LoadClip, PackClip, ResizeClip]
)
def test_is_registered(kind):
    assert TRANSFORMS.module_dict[kind.__name__] is kind


def test_same_seed_same_clip(paths):
    pipeline = Compose(
        [LoadClip(), ResizeClip((H, W)), FlipClip(), EraseFrames(), PackClip()]
    )
    item = {'img_paths': paths, 'flow_paths': paths}
    found = []
    for seed in (0, 0, 1):
        seeded(seed)
        found.append(pipeline(dict(item))['inputs']['img'])
    assert (found[0] == found[1]).all()
    assert (found[0] != found[2]).any()
