# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import re
from pathlib import Path

import pytest

pytest.importorskip('mmdet')
import mmengine.runner  # noqa: F401 (registers hooks and visualizers)
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import (
    DATA_SAMPLERS,
    DATASETS,
    HOOKS,
    MODELS,
    VISUALIZERS,
    DefaultScope,
)
from mmengine.utils import get_installed_path

import mmfashion_ext
from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.checkpoint import (
    CheckpointError,
    UnsafeCheckpointError,
)

NAME = 'match-rcnn_r50_fpn_8xb2-1x_deepfashion2'

SMALL = """
_base_ = __import__('mmfashion_ext').config_path({base!r})
model = dict(
    backbone=dict(depth=18, base_channels=8, init_cfg=None),
    neck=dict(in_channels=[8, 16, 32, 64], out_channels=16),
    rpn_head=dict(in_channels=16, feat_channels=16),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=16),
        bbox_head=dict(in_channels=16, fc_out_channels=16),
        mask_roi_extractor=dict(out_channels=16),
        mask_head=dict(in_channels=16, conv_out_channels=8),
        landmark_head=dict(num_convs=1, in_channels=16, conv_channels=8)))
"""


@pytest.fixture
def small(tmp_path):
    """A user's config of a small model that inherits one of ours by name."""
    path = tmp_path / 'my_config.py'
    path.write_text(SMALL.format(base=NAME))
    return str(path)


def test_config_is_found_by_name_and_by_path(tmp_path, monkeypatch):
    path = hub.root() / 'configs' / 'match_rcnn' / f'{NAME}.py'
    assert hub.config_path(NAME) == str(path)
    assert hub.config_path(f'match_rcnn/{NAME}.py') == str(path)
    assert Path(hub.config_path('match_rcnn/_base_/model_r50.py')).is_file()
    own = tmp_path / 'own.py'
    own.touch()
    assert hub.config_path(str(own)) == str(own)
    monkeypatch.chdir(tmp_path)  # names do not depend on where one is
    assert hub.config_path(NAME) == str(path)


def test_unknown_config_lists_close_names():
    typo = NAME.replace('rcnn', 'rcn')
    for name in (typo, f'match_rcnn/{typo}.py'):
        with pytest.raises(UserError, match=f'Did you mean .*{NAME}'):
            hub.config_path(name)
    with pytest.raises(UserError, match=r"'zzz'. mmfashion_ext\.list_models"):
        hub.config_path('zzz')


def test_installed_package_uses_its_mim_folder(tmp_path, monkeypatch):
    package = tmp_path / 'mmfashion_ext'
    configs = package / '.mim' / 'configs' / 'match_rcnn'
    monkeypatch.setattr(hub, '_PACKAGE', package)
    find = hub.root.__wrapped__  # past the cache
    with pytest.raises(FileNotFoundError, match=r'no model-index\.yml in'):
        find()
    configs.mkdir(parents=True)
    (configs / 'a_b.py').touch()
    (package / '.mim' / 'model-index.yml').touch()
    assert find() == package / '.mim'
    monkeypatch.setattr(hub, 'root', find)
    assert hub.config_path('a_b') == str(configs / 'a_b.py')
    (tmp_path / 'model-index.yml').touch()  # a clone: the copy may be stale
    assert find() == tmp_path


def test_models_are_listed_by_pattern_and_task():
    names = mmfashion_ext.list_models()
    assert NAME in names == sorted(names)
    assert mmfashion_ext.list_models('match-rcnn_r50*-1x_*') == [NAME]
    assert NAME in mmfashion_ext.list_models('r50_fpn')
    assert mmfashion_ext.list_models('zzz') == []
    masks = mmfashion_ext.list_models(task='segmentation')
    landmarks = mmfashion_ext.list_models(task='landmark')
    assert NAME in masks
    assert NAME in landmarks
    assert set(masks) != set(landmarks)
    with pytest.raises(UserError, match=r"no task 'zzz'.*Object Detection"):
        mmfashion_ext.list_models(task='zzz')


def test_get_model_builds_in_the_hosts_scope_and_leaves_no_trace(small):
    before = DefaultScope.get_current_instance()
    model = mmfashion_ext.get_model(small)
    assert type(model).__module__.startswith('mmdet.')
    assert type(model.roi_head).__name__ == 'MatchRoIHead'
    assert not model.training
    assert model.cfg.filename == small
    assert DefaultScope.get_current_instance() is before


def test_get_model_takes_options(small):
    def convs(**options):
        model = mmfashion_ext.get_model(small, **options)
        return model.roi_head.mask_head.num_convs

    assert convs(model={'roi_head': {'mask_head': {'num_convs': 1}}}) == 1
    assert convs(**{'model.roi_head.mask_head.num_convs': 2}) == 2


def test_get_model_loads_weights(small, tmp_path):
    weights = mmfashion_ext.get_model(small).state_dict()
    path = tmp_path / 'epoch_1.pth'
    meta = {'dataset_meta': {'classes': ['a']}}
    torch.save({'state_dict': weights, 'meta': meta}, path)
    model = mmfashion_ext.get_model(small, path, device='cpu')
    for name, value in model.state_dict().items():
        assert torch.equal(value, weights[name]), name
    assert model.dataset_meta == {'classes': ['a']}


def test_get_model_refuses_wrong_and_unsafe_weights(small, tmp_path):
    path = tmp_path / 'other.pth'
    torch.save({'state_dict': {'conv.weight': torch.ones(1)}}, path)
    message = r'other\.pth: weights of another model than my_config: .* missi'
    with pytest.raises(UserError, match=message) as raised:
        mmfashion_ext.get_model(small, path)
    assert '1 unknown: conv.weight' in str(raised.value)
    assert len(str(raised.value)) < 1000
    torch.save({'meta': {}}, path)
    with pytest.raises(CheckpointError, match=r'other\.pth: no weights in'):
        mmfashion_ext.get_model(small, path)
    torch.save({'state_dict': {}, 'meta': Path('/x')}, path)
    with pytest.raises(UnsafeCheckpointError, match='refused'):
        mmfashion_ext.get_model(small, path)


@pytest.mark.parametrize('device', ['gpu7', 'cuda:99'])
def test_get_model_on_no_device(small, device):
    with pytest.raises(UserError, match=f"device '{device}' cannot be") as e:
        mmfashion_ext.get_model(small, device=device)
    assert '\n' not in str(e.value)


def test_model_without_published_weights_says_so(monkeypatch):
    message = rf'no weights are published for {NAME}\. Train it.*checkpoint='
    monkeypatch.setattr(hub, 'metafile_entries', lambda: [{'Name': NAME}])
    for use in (
        lambda: mmfashion_ext.get_model(NAME, pretrained=True),
        lambda: mmfashion_ext.inference_model(NAME, 'x.jpg'),
        lambda: hub.published_weights(f'match_rcnn/{NAME}.py'),
    ):
        with pytest.raises(UserError, match=message):
            use()


def test_inference_model_uses_the_systems_inferencer(
    small, tmp_path, monkeypatch
):
    from mmfashion_ext import match_rcnn

    calls = []

    class Inferencer:
        def __init__(self, model, weights, device, *, batch_size=1, **kwargs):
            calls.append((model, weights, device, batch_size, kwargs))

        def __call__(self, *inputs, **kwargs):
            return {'predictions': [*inputs], **kwargs}

    monkeypatch.setattr(
        match_rcnn, 'ClothesInferencer', Inferencer, raising=False
    )
    path = tmp_path / 'w.pth'
    torch.save({'w': torch.ones(1)}, path)
    result = mmfashion_ext.inference_model(
        small,
        'x.jpg',
        'y.jpg',
        checkpoint=path,
        device='cpu',
        batch_size=2,
        out_dir='o',
    )
    assert result == {'predictions': ['x.jpg', 'y.jpg'], 'out_dir': 'o'}
    assert calls == [(small, path, 'cpu', 2, {'show_progress': False})]
    with pytest.raises(UserError, match='expected one input or more'):
        mmfashion_ext.inference_model(small, checkpoint=path)

    plain = tmp_path / 'plain.py'
    plain.write_text("model = dict(type='MaskRCNN')")
    with pytest.raises(UserError, match=r'plain\.py: the model names no'):
        mmfashion_ext.inference_model(str(plain), 'x.jpg', checkpoint=path)


def resolves(registry, part):
    """Whether a registry would find the type of a part of a config."""
    scope = part.get('_scope_')
    with registry.switch_scope_and_registry(scope) as switched:
        return switched.get(part['type']) is not None


def different_configs():
    """Leaf configs without those that differ in a category's name alone."""
    first = {}
    for path in hub.leaf_configs():
        text = path.read_text()
        first.setdefault(re.sub(r'categories=\[.*\]', '', text), path)
    return list(first.values())


@pytest.mark.parametrize('path', different_configs(), ids=lambda p: p.stem)
def test_config_is_inherited_by_scope(path, tmp_path, monkeypatch):
    package = tmp_path / 'site-packages' / 'mmfashion_ext'
    (package / '.mim').mkdir(parents=True)
    for name in ('configs', 'model-index.yml'):
        (package / '.mim' / name).symlink_to(hub.root() / name)
    monkeypatch.setattr(
        'mmengine.config.config.get_installed_path',
        lambda name: {'mmfashion_ext': str(package)}.get(
            name, get_installed_path(name)
        ),
    )
    base = path.relative_to(hub.root() / 'configs')
    own = tmp_path / 'own.py'
    own.write_text(f"_base_ = 'mmfashion_ext::{base}'\n")
    cfg = Config.fromfile(own)
    # MMEngine marks what it inherits with `_scope_`, so types that resolve
    # in the config itself may not resolve here
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        for hook in cfg.default_hooks.values():
            assert resolves(HOOKS, hook), hook
        if 'visualizer' in cfg:
            assert resolves(VISUALIZERS, cfg.visualizer)
        assert resolves(MODELS, cfg.model)
        for split in ('train', 'val', 'test'):
            loader = cfg[f'{split}_dataloader']
            scope = loader.dataset.get('_scope_')
            with DATASETS.switch_scope_and_registry(scope):  # as in building
                assert Compose(loader.dataset.pipeline).transforms
            assert resolves(DATA_SAMPLERS, loader.sampler)
            if loader.get('batch_sampler'):
                assert resolves(DATA_SAMPLERS, loader.batch_sampler)
