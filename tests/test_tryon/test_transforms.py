# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.dataset import Compose
from PIL import Image

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.viton.cloth_mask import grabcut_mask
from mmfashion_ext.formats.viton.files import read_rgb
from mmfashion_ext.formats.viton.pairs_file import read_pairs
from mmfashion_ext.registry import TRANSFORMS
from mmfashion_ext.tryon.dataset import TryOnDataset
from mmfashion_ext.tryon.structures import TryOnDataSample
from mmfashion_ext.tryon.transforms import (
    DrawPose,
    LoadTryOn,
    PackTryOn,
    ResizeTryOn,
)

H, W = 32, 24
SAMPLES = Path(os.environ.get('MMFASHION_EXT_SAMPLES', '')) / 'viton_demo'


@pytest.fixture
def item(write_viton):
    """Paths of item 2, by kind."""
    root = write_viton()
    return TryOnDataset(str(root), unpaired='random').get_data_info(2)


def refused(call, match):
    with pytest.raises(UserError, match=match) as error:
        call()
    assert '\n' not in str(error.value)


def images(size=(H, W), seed=0):
    rng = np.random.default_rng(seed)
    person, cloth = rng.integers(0, 256, (2, *size, 3), np.uint8)
    mask = np.zeros(size, np.uint8)
    mask[2:, 3:] = 255
    return {
        'person_path': person,
        'cloth_path': cloth,
        'cloth_mask_path': mask,
    }


def test_load_everything(item):
    loaded = LoadTryOn()(item)
    assert np.abs(loaded['person'].astype(int) - 22).max() <= 1
    assert np.abs(loaded['cloth'].astype(int) - 122).max() <= 1
    mask = loaded['cloth_mask'] >= 128
    assert mask[:, : W // 2].all()
    assert not mask[:, W // 2 :].any()
    assert loaded['unpaired_cloth_mask'].shape == (H, W)
    assert set(loaded['parse'].flat) == set(range(14))
    assert set(loaded['densepose'].flat) == set(range(25))
    assert loaded['pose'][5].tolist() == [5, 10, 0.5]
    assert loaded['flow'][7, 3].tolist() == [3, 7]


def test_load_arrays_and_only_what_there_is():
    given = images()
    loaded = LoadTryOn()(dict(given))
    for kind in ('person', 'cloth'):  # arrays are BGR, try-on is RGB
        assert (loaded[kind] == given[f'{kind}_path'][..., ::-1]).all()
    assert (loaded['cloth_mask'] == given['cloth_mask_path']).all()
    assert set(loaded) == {*given, 'person', 'cloth', 'cloth_mask'}


def test_a_missing_mask_is_made():
    cloth = np.full((H, W, 3), 250, np.uint8)
    cloth[6:28, 5:20] = 10, 90, 40
    loaded = LoadTryOn()({'person_path': cloth, 'cloth_path': cloth})
    assert (loaded['cloth_mask'] == grabcut_mask(cloth[..., ::-1])).all()
    blank = dict(images(), cloth_path=cloth * 0, cloth_mask_path=None)
    refused(lambda: LoadTryOn()(blank), 'given as an array: GrabCut found no')


def test_what_belongs_to_a_image_has_its_size(item):
    np.save(item['densepose_path'], np.zeros((H, W + 1), np.uint8))
    refused(
        lambda: LoadTryOn()(dict(item)),
        r'000002_0\.npy has 25 x 32 px, but \S*000002_0\.jpg has 24 x 32 px: ',
    )
    np.save(item['densepose_path'], np.zeros((H, W), np.uint8))
    path = item['cloth_mask_path']
    Image.fromarray(np.full((H, 9), 255, np.uint8)).save(path)
    refused(
        lambda: LoadTryOn()(dict(item)),
        r'edge/000002_1\.jpg has 9 x 32 px, but \S*color/000002_1\.jpg has 24',
    )


def test_damaged_files_are_named(item):
    path = Path(item['cloth_path'])
    path.write_bytes(path.read_bytes()[:-30])
    refused(
        lambda: LoadTryOn()(dict(item)), r'color/000002_1\.jpg: cannot be read'
    )


def test_person_and_cloth_of_different_sizes():
    item = dict(images(), person_path=images((40, 30))['person_path'])
    load = LoadTryOn()
    refused(
        lambda: PackTryOn()(load(dict(item))),
        'array has 30 x 40 px, but .* array has 24 x 32 px: .* ResizeTryOn',
    )
    packed = PackTryOn()(ResizeTryOn((64, 48))(load(dict(item))))
    sizes = {value.shape[1:] for value in packed['inputs'].values()}
    assert sizes == {(64, 48)}
    assert packed['data_samples'].ori_shape == (64, 48)


def test_resize_as_pillow_does(item):
    before = LoadTryOn()(item)
    before['person'] = images()['person_path']
    original = dict(before)
    after = ResizeTryOn((16, 12))(before)
    for kind, resample in (
        ('person', Image.Resampling.BILINEAR),
        ('cloth_mask', Image.Resampling.BILINEAR),
        ('parse', Image.Resampling.NEAREST),
        ('densepose', Image.Resampling.NEAREST),
    ):
        image = Image.fromarray(original[kind]).resize((12, 16), resample)
        assert (after[kind] == np.asarray(image)).all()
    same = ResizeTryOn((H, W))(dict(original))
    assert same['person'] is original['person']
    assert np.array_equal(same['flow'], original['flow'])
    assert np.array_equal(same['pose'][2:], original['pose'][2:])


@settings(deadline=None, max_examples=30)
@given(st.integers(8, 80), st.integers(8, 80), st.integers(0, 99))
def test_joints_and_flow_move_with_the_pixels(height, width, seed):
    """A flow that is affine stays that map, in units of the new pixels."""
    rng = np.random.default_rng(seed)
    matrix, shift = rng.uniform(-1, 1, (2, 2)), rng.uniform(0, 30, 2)
    cloth = 40, 30  # (h, w), of another size than the person

    def warp(points, size, cloth_size):
        """From the person's pixels to the cloth's, both in px."""
        relative = (points + 0.5) / size[::-1]
        scaled = relative * (W, H) - 0.5
        on_cloth = scaled @ matrix.T + shift
        return (on_cloth + 0.5) / cloth[::-1] * cloth_size[::-1] - 0.5

    def pixels(size):
        return np.indices(size)[::-1].transpose(1, 2, 0).astype(float)

    item = {
        'person': np.zeros((H, W, 3), np.uint8),
        'cloth': np.zeros((*cloth, 3), np.uint8),
        'flow': warp(pixels((H, W)), (H, W), cloth).astype(np.float32),
        'pose': np.array([[10.5, 20, 1], [0, 30, 1], [2, 2, 1]], np.float32),
    }
    size = np.array([height, width])
    resized = ResizeTryOn((height, width))(item)
    expected = warp(pixels(size), size, size)
    # the outermost pixels reach half a pixel beyond the known
    rim = np.ceil(size / (H, W)).astype(int)
    inner = slice(rim[0], -rim[0]), slice(rim[1], -rim[1])
    difference = np.abs(resized['flow'] - expected)[inner]
    assert difference.max(initial=0) < 1e-3
    scale = size[::-1] / (W, H)
    joints = (np.array([10.5, 20]) + 0.5) * scale - 0.5
    assert np.allclose(resized['pose'][0, :2], np.maximum(joints, 1))
    assert resized['pose'][1].tolist() == [0, 0, 1]
    assert (resized['pose'][2, :2] > 1).all()


def test_flow_keeps_its_holes(item):
    loaded = LoadTryOn()(item)
    loaded['flow'][:, W // 2 :] = np.nan
    flow = ResizeTryOn((2 * H, 2 * W))(dict(loaded))['flow']
    seen = np.isfinite(flow[:, :, 0])
    assert seen[:, : W - 2].all()
    assert not seen[:, W + 1 :].any()


def test_draw_pose(item):
    drawn = DrawPose(radius=2)(LoadTryOn()(item))['pose_map']
    assert drawn.shape == (18, H, W)
    assert (drawn[5, 8:13, 3:8] == 1).all()
    assert (drawn[5] == 1).sum() == 25
    assert (drawn[0] == -1).all()


def test_pack(item):
    pipeline = Compose([LoadTryOn(), DrawPose(), PackTryOn()])
    packed = pipeline(item)
    inputs = packed['inputs']
    shapes = {
        'person': (3, torch.uint8),
        'cloth': (3, torch.uint8),
        'cloth_mask': (1, torch.uint8),
        'unpaired_cloth': (3, torch.uint8),
        'unpaired_cloth_mask': (1, torch.uint8),
        'parse': (1, torch.uint8),
        'densepose': (1, torch.uint8),
        'pose_map': (18, torch.int8),
        'flow': (2, torch.float32),
    }
    assert inputs.pop('cloth_class').tolist() == 0  # a top
    assert set(inputs) == set(shapes)
    for kind, (channels, dtype) in shapes.items():
        assert inputs[kind].shape == (channels, H, W)
        assert inputs[kind].dtype == dtype
        assert inputs[kind].is_contiguous()
    assert inputs['flow'][:, 7, 3].tolist() == [3, 7]
    sample = packed['data_samples']
    assert isinstance(sample, TryOnDataSample)
    assert sample.person_name == '000002_0.jpg'
    assert sample.cloth_name == '000002_1.jpg'
    assert sample.ori_shape == (H, W)


def test_channels_are_red_green_blue():
    given = images()
    packed = PackTryOn()(LoadTryOn()(dict(given)))
    person = packed['inputs']['person'].numpy()
    rgb = given['person_path'][..., ::-1]
    assert (person.transpose(1, 2, 0) == rgb).all()
    sample = packed['data_samples']
    assert (sample.person_name, sample.cloth_name) == ('person', 'cloth')


def test_names_without_a_data_set(item):
    paths = {k: v for k, v in item.items() if not k.endswith('_name')}
    sample = PackTryOn()(LoadTryOn()(paths))['data_samples']
    assert sample.person_name == '000002_0.jpg'


def test_they_are_registered():
    for transform in (LoadTryOn, ResizeTryOn, DrawPose, PackTryOn):
        # not by get(), which imports the hosts of all systems
        assert TRANSFORMS.module_dict[transform.__name__] is transform


@pytest.mark.skipif(not SAMPLES.is_dir(), reason='no sample of the dataset')
def test_preprocessing_of_the_published_results():
    """The two left thirds of the published strips, up to JPEG's loss."""
    from mmfashion_ext.tryon.data_preprocessor import TryOnDataPreprocessor

    dataset = TryOnDataset(
        str(SAMPLES),
        split='test',
        pairs_file='demo.txt',
        pipeline=[LoadTryOn(), PackTryOn()],
    )
    pairs = read_pairs(SAMPLES / 'demo.txt')
    assert len(pairs) == len(dataset) == 6
    preprocess = TryOnDataPreprocessor()
    for number, pair in enumerate(pairs):
        item = dataset[number]
        assert item['data_samples'].person_name == pair.person
        batch = {k: [v] for k, v in item['inputs'].items()}
        inputs = preprocess({'inputs': batch})['inputs']
        panels = torch.cat([inputs['person'], inputs['cloth']], dim=3)[0]
        levels = ((panels + 1) / 2 * 255).permute(1, 2, 0).numpy()
        strip = read_rgb(SAMPLES / f'results_demo_PFAFN/{number}.jpg')
        strip = strip[:, : levels.shape[1]].astype(float)
        # they were saved truncated, not rounded
        truncated = np.abs(np.trunc(levels) - strip)
        person, cloth = np.split(truncated, 2, axis=1)
        assert max(person.mean(), cloth.mean()) < 1
        assert truncated.mean() < np.abs(np.round(levels) - strip).mean()
