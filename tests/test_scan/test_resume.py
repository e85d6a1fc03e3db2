# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A resumed training equals an unbroken one, bit by bit."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image
from torch.utils.data import DataLoader

from mmfashion_ext.formats.video_reid.layout import (
    Meta,
    PersonSplit,
    VideoReID,
)
from mmfashion_ext.hub import config_path
from mmfashion_ext.scan.dataset import VideoReIDDataset
from mmfashion_ext.scan.sampler import CrossCameraPairSampler
from mmfashion_ext.scan.transforms import EraseFrames, FlipClip, LoadClip

MODEL = 'scan_r10-small_1xb32-12e_synthetic-64x32'
PEOPLE, FRAMES = 4, 10  # a clip for each person and camera


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Noise, as a converted dataset."""
    root = tmp_path_factory.mktemp('data')
    rng = np.random.default_rng(0)
    identities = [
        [[f'{p}_{c}_{k:02d}.png' for k in range(FRAMES)] for c in range(2)]
        for p in range(PEOPLE)
    ]
    for folder in ('images', 'others'):
        (root / folder).mkdir()
        for file in np.ravel(identities):
            pixels = rng.integers(0, 256, (64, 32, 3), np.uint8)
            Image.fromarray(pixels).save(root / folder / file)
    people = list(range(PEOPLE))
    split = PersonSplit(people, people, people)
    VideoReID(Meta('noise', 2, identities), [split]).write(root)
    return root


def to_array(results):
    """Index and pixels of a clip."""
    images = [np.asarray(p) for key in ('img', 'flow') for p in results[key]]
    return results['sample_idx'], np.stack(images)


def load(root, epochs, **kwargs):
    """All items of the last of some epochs."""
    pipeline = [LoadClip(), FlipClip(), EraseFrames(), to_array]
    dataset = VideoReIDDataset(
        str(root), clip_length=10, last='include', pipeline=pipeline
    )
    sampler = CrossCameraPairSampler(dataset, seed=0)
    loader = DataLoader(dataset, 4, sampler=sampler, collate_fn=list, **kwargs)
    for epoch in epochs:
        sampler.set_epoch(epoch)
        items = [item for batch in loader for item in batch]
    return items


def test_clips_depend_on_seed_and_epoch_alone(root):
    straight = load(root, (0, 1), num_workers=1, persistent_workers=True)
    assert len(straight) == 2 * PEOPLE * 2
    np.random.seed(5)  # noqa: NPY002
    for workers in (0, 2):
        resumed = load(root, (1,), num_workers=workers)
        for (index, clip), (expected, same) in zip(
            resumed, straight, strict=True
        ):
            assert index == expected
            assert (clip == same).all()
    other = load(root, (0,))
    assert any(
        (a[1] != b[1]).any() for a, b in zip(other, straight, strict=True)
    )
    # a clip that comes twice in an epoch is augmented twice
    clips = {}
    for index, clip in straight:
        clips.setdefault(index, []).append(clip)
    twice = [c for c in clips.values() if len(c) > 1]
    assert twice
    assert all((c[0] != c[1]).any() for c in twice)


def runner(root, work_dir, **kwargs):
    """The shipped training, but of four people and two epochs."""
    cfg = Config.fromfile(config_path(MODEL), import_custom_modules=False)
    cfg.train_dataloader.batch_size = 4
    cfg.train_dataloader.dataset.data_root = str(root)
    cfg.model.oim_loss.num_classes = PEOPLE
    cfg.model.oim_rate = dict(base=1.0, factor=0.5, step=1)
    cfg.train_cfg.max_epochs = 2
    for part in ('dataloader', 'cfg', 'evaluator'):
        cfg[f'val_{part}'] = cfg[f'test_{part}'] = None
    cfg.custom_hooks = []
    cfg.visualizer = dict(type='Visualizer')  # without files
    cfg.log_level = 'ERROR'
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = work_dir.name
    cfg.merge_from_dict(kwargs)
    return Runner.from_cfg(cfg)


def test_a_resumed_training_goes_on_as_an_unbroken_one(root, tmp_path):
    """Weights, table, statistics, momenta and schedules, bit by bit."""
    runner(root, tmp_path / 'straight').train()
    half = tmp_path / 'straight' / 'epoch_1.pth'
    np.random.seed(5)  # noqa: NPY002
    resume = dict(resume=True, load_from=str(half))
    runner(root, tmp_path / 'resumed', **resume).train()

    half, straight, resumed = (
        torch.load(path, weights_only=False)
        for path in (
            half,
            tmp_path / 'straight' / 'epoch_2.pth',
            tmp_path / 'resumed' / 'epoch_2.pth',
        )
    )
    for part in ('state_dict', 'optimizer'):
        torch.testing.assert_close(
            resumed[part], straight[part], rtol=0, atol=0
        )
    assert resumed['param_schedulers'] == straight['param_schedulers']
    assert set(straight['optimizer']) == {'cnn', 'attention'}
    for name in ('oim_loss.table', 'frame_cnn.feat.weight'):
        weights = straight['state_dict'][name]
        assert not (weights == half['state_dict'][name]).all()
