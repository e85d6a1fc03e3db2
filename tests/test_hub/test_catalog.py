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
from mmfashion_ext.hub import catalog
from mmfashion_ext.utils.files import file_sha256

NAME = 'match-rcnn_r50_fpn_8xb2-1x_deepfashion2'


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
    monkeypatch.setattr(catalog, '_PACKAGE', package)
    find = catalog.root.__wrapped__  # past the cache
    with pytest.raises(FileNotFoundError, match=r'no model-index\.yml in'):
        find()
    configs.mkdir(parents=True)
    (configs / 'a_b.py').touch()
    (package / '.mim' / 'model-index.yml').touch()
    assert find() == package / '.mim'
    monkeypatch.setattr(catalog, 'root', find)
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


def test_model_without_published_weights_says_so(monkeypatch):
    message = rf'no weights are published for {NAME}\. Train it.*checkpoint='
    monkeypatch.setattr(catalog, 'metafile_entries', lambda: [{'Name': NAME}])
    for use in (
        lambda: mmfashion_ext.get_model(NAME, pretrained=True),
        lambda: mmfashion_ext.inference_model(NAME, 'x.jpg'),
        lambda: hub.published_weights(f'match_rcnn/{NAME}.py'),
    ):
        with pytest.raises(UserError, match=message):
            use()


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


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """A repository with one model whose weights are in it; its root."""
    from mmfashion_ext.utils.tensor_file import write_tensor_file

    (tmp_path / 'weights').mkdir()
    file = tmp_path / 'weights' / f'{NAME}-0.safetensors'
    write_tensor_file(file, {'w': torch.ones(2)}, {})
    metadata = {'SHA-256': file_sha256(file)}
    weights = f'weights/{file.name}'
    entry = {'Name': NAME, 'Weights': weights, 'Metadata': metadata}
    monkeypatch.setattr(catalog, 'root', lambda: tmp_path)
    monkeypatch.setattr(catalog, 'metafile_entries', lambda: [entry])
    return tmp_path, entry


def test_published_weights_are_a_file_of_the_package(zoo):
    root, entry = zoo
    assert hub.published_weights(NAME) == str(root / entry['Weights'])
    entry['Weights'] = 'https://a.b/x.pth'
    sha256 = entry['Metadata']['SHA-256']
    assert hub.published_weights(NAME) == f'https://a.b/x.pth#sha256={sha256}'


@pytest.mark.parametrize('damage', ['changed', 'missing', 'folder', 'no hash'])
def test_published_weights_are_checked_before_they_are_used(zoo, damage):
    root, entry = zoo
    file = root / entry['Weights']
    if damage == 'changed':
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    elif damage == 'no hash':
        del entry['Metadata']['SHA-256']
    else:
        file.unlink()
        if damage == 'folder':
            file.mkdir()
    message = {
        'changed': 'are damaged: SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64};',
        'missing': 'no such file; get the file again',
        'folder': 'is a folder',
        'no hash': 'expected None',
    }[damage]
    with pytest.raises(UserError, match=message) as error:
        hub.published_weights(NAME)
    assert '\n' not in str(error.value)
