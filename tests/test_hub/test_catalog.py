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
ALONE = 'pf-afn_warp_8xb4-200e_viton-256x192'


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


def parts_of(dataset):
    """The datasets that have a pipeline, in a dataset of datasets."""
    if 'pipeline' in dataset:
        return [dataset]
    inner = dataset.get('datasets') or [dataset.dataset]
    return [part for one in inner for part in parts_of(one)]


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
            for dataset in parts_of(loader.dataset):
                scope = dataset.get('_scope_')
                with DATASETS.switch_scope_and_registry(scope):  # as built
                    assert Compose(dataset.pipeline).transforms
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


@pytest.fixture
def with_aliases(monkeypatch):
    """The catalogue with aliases of two models."""
    entries = hub.metafile_entries()
    names = {NAME: ['match-rcnn:balanced', 'match-rcnn:performance']}
    names[ALONE] = ['tryon:lightweight']
    for entry in entries:
        entry['Aliases'] = names.get(entry['Name'])
    monkeypatch.setattr(catalog, 'metafile_entries', lambda: entries)
    return entries


@pytest.mark.parametrize(
    ('alias', 'name'),
    [
        ('match-rcnn:balanced', NAME),
        ('match_rcnn:Performance', NAME),
        ('match-rcnn', NAME),
        ('try-on:lightweight', ALONE),
        (ALONE, ALONE),
    ],
)
def test_an_alias_is_as_good_as_the_name(with_aliases, alias, name):
    assert hub.model_name(alias) == name
    assert Path(hub.config_path(alias)).stem == name
    with pytest.raises(
        UserError, match=f'no weights are published for {name}'
    ):
        hub.published_weights(alias)


def test_wrong_aliases(with_aliases):
    for alias in ('tryon:balanced', 'tryons:lightweight'):
        message = f"no model is called '{alias}'; the aliases are match-rcnn:"
        with pytest.raises(UserError, match=message):
            hub.config_path(alias)
    for other in ('tryon', 'match-rcnn:fast', 'C:/configs/x'):
        assert hub.model_name(other) == other
    with_aliases[0]['Aliases'] = with_aliases[1]['Aliases'] = ['scan:balanced']
    with pytest.raises(UserError, match="'scan:balanced' is given to"):
        hub.aliases()


def test_aliases_of_the_zoo_are_of_published_models():
    published = set(hub.list_models(pretrained=True))
    for alias, name in hub.aliases().items():
        kind, _, level = alias.partition(':')
        assert level in catalog.LEVELS
        assert kind == kind.lower().replace('_', '-')
        assert name in published, alias


@pytest.mark.parametrize('mirror', ['URL', 'folder'])
def test_published_weights_that_are_not_here_come_from_the_mirror(
    zoo, site, tmp_path_factory, monkeypatch, mirror
):
    root, entry = zoo
    file = root / entry['Weights']
    assert hub.fetch_weights(NAME) == file
    content = file.read_bytes()
    file.unlink()
    folder = tmp_path_factory.mktemp('mirror')
    (folder / file.name).write_bytes(content)
    site.files = {f'/zoo/{file.name}': content}
    where = f'{site.url}/zoo/' if mirror == 'URL' else str(folder)
    monkeypatch.setenv('MMFASHION_ZOO_URL', where)
    assert hub.fetch_weights(NAME).read_bytes() == content
    # another content is refused, wherever it comes from
    hub.clean_cache()
    (folder / file.name).write_bytes(b'other')
    site.files = {f'/zoo/{file.name}': b'other'}
    with pytest.raises(UserError, match='invalid hash value'):
        hub.fetch_weights(NAME)


def test_a_url_of_a_metafile_is_downloaded(zoo, site):
    root, entry = zoo
    site.files = {'/x.safetensors': (root / entry['Weights']).read_bytes()}
    entry['Weights'] = f'{site.url}/x.safetensors'
    assert hub.fetch_weights(NAME).read_bytes() == site.files['/x.safetensors']
    assert [cached.url for cached in hub.list_cache()] == [entry['Weights']]
    hub.clean_cache()
    site.files['/x.safetensors'] += b'x'
    with pytest.raises(UserError, match='invalid hash value'):
        hub.fetch_weights(NAME)
