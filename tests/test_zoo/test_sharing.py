# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What is shared comes back the same, or is refused before it is written."""

import json
import sys
import types

import pytest

pytest.importorskip('mmengine')
import torch
import yaml

import mmfashion_ext
from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.tensor_file import read_tensor_file
from mmfashion_ext.zoo import sharing
from mmfashion_ext.zoo.sharing import options_of

NAME = 'scan_r10-small_1xb32-12e_synthetic-64x32'
SAID = {'license': 'Apache-2.0', 'training_data': 'synthetic, 40 persons'}


class Refused(Exception):
    """What stands for an error of an HTTP library."""


@pytest.fixture
def config(tmp_path):
    """A function that writes a user's config with some changes."""

    def write(text=''):
        path = tmp_path / 'own.py'
        base = f"_base_ = __import__('mmfashion_ext').config_path({NAME!r})\n"
        path.write_text(base + text)
        return str(path)

    return write


def test_a_model_comes_back(config, tmp_path):
    model = mmfashion_ext.get_model(config())
    model.dataset_meta = {'classes': ('a', 'b')}
    folder = mmfashion_ext.save_to_dir(
        model, tmp_path / 'out', base=NAME, half=False, **SAID
    )
    names = {path.name for path in folder.iterdir()}
    assert names == {'config.json', 'model.safetensors', 'README.md'}
    other = mmfashion_ext.get_model(f'local-dir:{folder}', pretrained=True)
    assert other.dataset_meta == {'classes': ['a', 'b']}
    for name, value in other.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name
    content = json.loads((folder / 'config.json').read_text())
    assert content['model'] == NAME
    assert content['options'] == {}
    assert content['license'] == 'Apache-2.0'
    # the numbers of the zoo's own weights are not those of these
    found = mmfashion_ext.describe(f'local-dir:{folder}')
    assert found['license'] == 'Apache-2.0'
    assert found['training_data'] == SAID['training_data']
    assert found['metrics'] == {}
    assert found['weights'] == str(folder / 'model.safetensors')
    assert found['sha256'] == content['sha256']
    half = mmfashion_ext.save_to_dir(model, folder, base=NAME, **SAID)
    weights = read_tensor_file(half / 'model.safetensors')['state_dict']
    kinds = {value.dtype for value in weights.values() if value.dim() > 1}
    assert kinds == {torch.float16}


def test_differences_are_options(config):
    model = mmfashion_ext.get_model(NAME)
    assert options_of(model, NAME) == {}
    model.cfg.test_dataloader.dataset.pipeline[1].size = (40, 80)
    assert options_of(model, NAME) == {
        'test_dataloader.dataset.pipeline.1.size': [40, 80]
    }


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'model.new_argument': 3}, 'new_argument is in the config of the mo'),
        ({'model.type': 'builtins.print'}, 'names a class or a file'),
    ],
)
def test_models_that_cannot_be_shared(change, message):
    model = mmfashion_ext.get_model(NAME)
    model.cfg.merge_from_dict(change)
    with pytest.raises(UserError, match=f'cannot be shared.*{message}'):
        options_of(model, NAME)


def test_what_must_be_said_first(config, tmp_path):
    model = mmfashion_ext.get_model(config())
    with pytest.raises(UserError, match="'own' is not a config of this pack"):
        mmfashion_ext.save_to_dir(model, tmp_path / 'x', **SAID)
    with pytest.raises(UserError, match=r'license=\.\.\., training_data='):
        mmfashion_ext.save_to_dir(model, tmp_path / 'x', base=NAME)
    with pytest.raises(UserError, match='no weights are published'):
        mmfashion_ext.save_to_dir(
            'scan_r50_1xb32-30e_mars-256x128', tmp_path / 'x'
        )
    assert not (tmp_path / 'x').exists()


def test_a_model_is_pushed(monkeypatch, tmp_path):
    calls = []

    class HfApi:
        def __init__(self, token):
            calls.append(token)

        def create_repo(self, repository, private, exist_ok):
            calls.append((repository, private, exist_ok))

        def upload_folder(self, repo_id, folder_path, commit_message):
            folder = type(tmp_path)(folder_path)
            names = sorted(path.name for path in folder.iterdir())
            calls.append((repo_id, names, commit_message))
            calls.append((folder / 'README.md').read_text())
            if repo_id == 'org/refused':
                raise Refused('403\nForbidden')

    fake = types.ModuleType('huggingface_hub')
    fake.HfApi = HfApi
    monkeypatch.setitem(sys.modules, 'huggingface_hub', fake)
    monkeypatch.setattr(sharing, 'require_package', lambda *_: None)
    model = mmfashion_ext.get_model(NAME)
    name = mmfashion_ext.push_to_hub(
        model, 'org/scan', private=True, message='m', **SAID
    )
    assert name == 'hf-hub:org/scan'
    files = ['README.md', 'config.json', 'model.safetensors']
    assert calls[:3] == [
        None,
        ('org/scan', True, True),
        ('org/scan', files, 'm'),
    ]
    assert "build_inferencer('hf-hub:org/scan')" in calls[3]
    assert yaml.safe_load(calls[3].split('---')[1])['license'] == 'apache-2.0'
    with pytest.raises(UserError, match=r'org/refused: cannot be written \(4'):
        mmfashion_ext.push_to_hub(model, 'org/refused', **SAID)
