# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Shared models: a stranger's config changes numbers and words, no more."""

import json
import sys
import types
from pathlib import Path

import pytest

pytest.importorskip('mmengine')
import torch
from mmengine.config import Config

import mmfashion_ext
from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.hub import shared
from mmfashion_ext.hub.shared import check_options, open_shared
from mmfashion_ext.utils.files import file_sha256
from mmfashion_ext.utils.tensor_file import write_tensor_file

NAME = 'scan_r10-small_1xb32-12e_synthetic-64x32'
KNOWN = {path.stem: path for path in hub.leaf_configs()}


@pytest.fixture
def write(tmp_path):
    """A function that writes a shared model; its name."""

    def write(weights=None, folder=None, **changes):
        folder = folder or tmp_path / 'shared model'
        folder.mkdir(exist_ok=True)
        file = folder / 'model.safetensors'
        write_tensor_file(file, weights or {'w': torch.ones(2)}, {})
        content = {
            'format': shared.FORMAT,
            'model': NAME,
            'options': {},
            'sha256': file_sha256(file),
        } | changes
        (folder / 'config.json').write_text(json.dumps(content))
        return f'local-dir:{folder}'

    return write


def test_a_shared_model_is_built_with_its_options_and_weights(write):
    key = 'model.matcher.similarity.dim'
    options = {'test_dataloader.dataset.pipeline.1.size': [32, 64]}
    model = mmfashion_ext.get_model(NAME)
    with torch.no_grad():
        for value in model.parameters():
            value.fill_(0.5)
    name = write(model.state_dict(), options=options)
    other = mmfashion_ext.get_model(name, pretrained=True)
    assert key not in other.cfg
    pipeline = other.cfg.test_dataloader.dataset.pipeline
    assert list(pipeline[1]['size']) == [32, 64]
    for key, value in other.named_parameters():
        assert torch.equal(value, torch.full_like(value, 0.5)), key
    assert hub.config_path(name) == hub.config_path(NAME)
    assert hub.inferencer_class(name) is hub.inferencer_class(NAME)
    assert hub.model_name(name) == name


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'format': 'other'}, 'format'),
        ({'model': '../../evil.py'}, 'has no config'),
        ({'model': '/tmp/evil.py'}, 'has no config'),
        ({'model': 7}, 'model'),
        ({'model': 'scan_r10-small_1xb32-12e_synthetic-64x33'}, 'Did you me'),
        ({'options': [1]}, 'expected an object'),
        ({'sha256': '0' * 64}, 'SHA-256 .*, expected 0000'),
    ],
)
def test_configs_that_are_refused(write, changes, message):
    with pytest.raises(UserError, match=message) as error:
        open_shared(write(**changes), KNOWN)
    assert '\n' not in str(error.value)


def test_folders_that_are_not_shared_models(write, tmp_path):
    for name in (f'local-dir:{tmp_path}', 'local-dir:/no/such', 'local-dir:'):
        with pytest.raises(UserError, match='expected a folder that'):
            hub.load_config(name)
    name = write()
    config = Path(name.removeprefix('local-dir:'), 'config.json')
    config.write_text('{' * 10**5)
    with pytest.raises(UserError, match='not valid JSON'):
        open_shared(name, KNOWN)
    config.write_text(' ' * (10**6 + 1))
    with pytest.raises(UserError, match='more than 1000000 bytes'):
        open_shared(name, KNOWN)
    config.unlink()
    config.symlink_to('/dev/zero')
    with pytest.raises(UserError, match='is a device'):
        open_shared(name, KNOWN)


#: A config as those of this package are.
CONFIG = Config(
    {
        'model': {
            'type': 'mmdet.X',
            'depth': 18,
            'ratio': 0.5,
            'flag': True,
            'none': None,
            'style': 'pytorch',
            'size': [3, 4],
            'layers': [{'type': 'A', 'dim': 3}, {'type': 'B', 'dim': 4}],
            'loss_weight': 1.0,
            'norm_type': 'BN',
            'init_cfg': {'type': 'Pretrained', 'checkpoint': 'x.pth'},
            'pretrained': False,
            'data_root': 'data/',
        },
        'test_dataloader': {
            'dataset': {
                'ann_file': 'x',
                'pipeline': [{'type': 'Load', 'size': (1, 2)}],
                'metainfo': {'classes': ['a']},
            }
        },
        'work_dir': 'x',
        'custom_imports': {'imports': ['os']},
        'load_from': None,
    }
)


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('model.depth', 34),
        ('model.ratio', 1),
        ('model.flag', False),
        ('model.none', 3),
        ('model.none', 'word'),
        ('model.style', 'caffe'),
        ('model.size', [5, 6, 7]),
        ('model.size', None),
        ('model.layers.1.dim', 5),
        ('model.loss_weight', 0.5),
        ('test_dataloader.dataset.pipeline.0.size', [3, 4]),
        ('test_dataloader.dataset.metainfo.classes', ['short sleeve', 'b']),
    ],
)
def test_numbers_and_words_may_differ(key, value):
    check_options(CONFIG, {key: value}, 'x')


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        # classes and functions, which MMEngine would import and call
        ('model.type', 'os.system'),
        ('model.type', 'posix'),
        ('model.layers.0.type', 'subprocess.Popen'),
        ('model.norm_type', 'GN'),
        ('model.init_cfg.type', 'x'),
        ('test_dataloader.dataset.pipeline.0.type', 'x'),
        ('custom_imports.imports', ['evil']),
        # files
        ('model.init_cfg.checkpoint', 'y.pth'),
        ('model.init_cfg.checkpoint', None),
        ('model.pretrained', True),
        ('model.data_root', 'x'),
        ('model.none', '/etc/passwd'),
        ('model.none', 'http://a.b/c'),
        ('model.style', 'hf-hub:a/b'),
        ('load_from', 'x'),
        ('work_dir', 'x'),
        ('test_dataloader.dataset.ann_file', 'x'),
        # dicts, also within lists
        ('model.layers', [{'type': 'os.system'}]),
        ('model.none', {'type': 'os.system'}),
        ('model.none', [{'type': 'os.system'}]),
        ('model.none', [[{'type': 'os.system'}]]),
        ('model.init_cfg', None),
        ('model.layers.0', 3),
        # keys that are not there, or not keys
        ('model.evil', 1),
        ('model.layers.2.dim', 1),
        ('model.layers.-1.dim', 1),
        ('model.depth.real', 1),
        ('model.__class__', 1),
        ('model._delete_', True),
        ('model', 1),
        ('', 1),
        ('model.', 1),
        ('_base_', 'x'),
        # another kind of value
        ('model.depth', 'deep'),
        ('model.depth', True),
        ('model.flag', 1),
        ('model.style', 3),
        ('model.size', 3),
        ('model.style', 'a\nb'),
        ('model.style', '{{fileDirname}}'),
        ('model.style', 'x' * 200),
    ],
)
def test_what_could_name_code_or_files_is_refused(key, value):
    with pytest.raises(UserError, match=r'^x: option') as error:
        check_options(CONFIG, {key: value}, 'x')
    assert '\n' not in str(error.value)
    assert len(str(error.value)) < 400


@pytest.fixture
def hugging_face(monkeypatch):
    """What stands for ``huggingface_hub``; folders by repository."""
    fake = types.ModuleType('huggingface_hub')
    fake.folders, fake.asked = {}, []

    def snapshot_download(repo_id, revision, allow_patterns):
        fake.asked.append((repo_id, revision, allow_patterns))
        if repo_id not in fake.folders:
            raise OSError(f'404 Client Error.\nNot found: {repo_id}')
        return str(fake.folders[repo_id])

    fake.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, 'huggingface_hub', fake)
    monkeypatch.setattr(shared, 'require_package', lambda *_: None)
    shared._download.cache_clear()
    yield fake
    shared._download.cache_clear()


def test_a_model_of_hugging_face(write, hugging_face, tmp_path):
    write(folder=tmp_path / 'there', options={'model.matcher': 1})
    hugging_face.folders['org/name'] = tmp_path / 'there'
    found = open_shared('hf-hub:org/name@v1', KNOWN)
    assert (found.base, found.options) == (NAME, {'model.matcher': 1})
    assert open_shared('hf-hub:org/name@v1', KNOWN) == found
    # two files alone, one revision of both for the whole process
    files = ['config.json', 'model.safetensors']
    assert hugging_face.asked == [('org/name', 'v1', files)]
    with pytest.raises(UserError, match=r'cannot be downloaded \(404 Cl') as e:
        open_shared('hf-hub:org/other', KNOWN)
    assert '\n' not in str(e.value)
    for wrong in ('hf-hub:name', 'hf-hub:a/b/c', 'hf-hub:../x', 'hf-hub:'):
        with pytest.raises(UserError, match='expected hf-hub:ORGANISATION'):
            open_shared(wrong, KNOWN)


def test_without_huggingface_hub(monkeypatch):
    monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
    with pytest.raises(ImportError, match=r'pip install .*huggingface_hub'):
        open_shared('hf-hub:org/unseen', KNOWN)
