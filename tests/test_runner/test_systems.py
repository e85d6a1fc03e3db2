# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Training data of the four systems: too few items are an early error."""

import json
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmfashion_ext.errors import UserError
from mmfashion_ext.hub import config_path
from mmfashion_ext.runner.checks import check_training

pytestmark = pytest.mark.fault(9)

MODELS = {
    'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160': '4 items',
    'match-rcnn-retrieval-class_r18-small_fpn_2xb8-1e_synthetic-160x160': (
        '4 items'
    ),
    'td-hm-udp_r18-small_1xb32-10e_synthetic-128x96': (
        'DeepFashion2LandmarkDataset'
    ),
    'scan_r10-small_1xb32-12e_synthetic-64x32': (
        'CrossCameraPairSampler yields'
    ),
    'pb-afn_warp-small_1xb4-8e_synthetic-128x96': '4 items',
}


@pytest.fixture(scope='module')
def tiny_video_reid(tmp_path_factory, run_tool):
    """Four persons in two cameras, a clip or two each."""
    from mmfashion_ext.synthetic import generate_video_reid

    root = tmp_path_factory.mktemp('reid') / 'data'
    generate_video_reid(root, num=4, size=32, frames=(10, 11), progress=False)
    converter = 'tools/dataset_converters/video_reid.py'
    run_tool(
        *(converter, 'ilids-vid', root / 'raw', '--out', root),
        *('--flow', 'dis'),
    )
    return root


@pytest.fixture(scope='module')
def paired_annotations(tiny_deepfashion2, tmp_path_factory):
    """Annotations of the four images as if all showed one garment."""
    path = tiny_deepfashion2[0] / 'annotations' / 'train.json'
    content = json.loads(path.read_text())
    for image in content['images']:
        image['pair_id'] = 1
    for item in content['annotations']:
        item['style'] = item['pair_id'] = 1
    paired = tmp_path_factory.mktemp('pairs') / 'train.json'
    paired.write_text(json.dumps(content))
    return paired


@pytest.mark.parametrize('name', MODELS)
def test_fewer_items_than_a_batch(
    name, tiny_deepfashion2, paired_annotations, tiny_video_reid, write_viton
):
    cfg = Config.fromfile(config_path(name))
    root = tiny_deepfashion2[0]
    if name.startswith('scan'):
        root = tiny_video_reid
    elif name.startswith('pb-afn'):
        root = write_viton()
    cfg.train_dataloader.update(
        batch_size=64, drop_last=True, num_workers=0, persistent_workers=False
    )
    cfg.train_dataloader.dataset.data_root = f'{root}/'
    if 'retrieval' in name:
        cfg.train_dataloader.dataset.ann_file = str(paired_annotations)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    runner = SimpleNamespace(visualizer=SimpleNamespace())
    loop = EpochBasedTrainLoop(runner, loader, 1)
    with pytest.raises(UserError, match=MODELS[name]) as caught:
        check_training(loop)
    assert 'fewer than a batch of 64 with drop_last=True' in str(caught.value)
