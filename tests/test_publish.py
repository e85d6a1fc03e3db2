# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import hashlib
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.publish import (
    find_metafile,
    publish_checkpoint,
    publish_to_zoo,
    to_plain,
    update_metafile,
    zoo_metadata,
)
from mmfashion_ext.utils.checkpoint import (
    CheckpointError,
    UnsafeCheckpointError,
    load_checkpoint_file,
)
from mmfashion_ext.utils.files import file_sha256


@pytest.fixture
def training(tmp_path):
    """A training checkpoint with an EMA, an optimizer and odd meta values."""
    path = tmp_path / 'epoch_1.pth'
    torch.save(
        {
            'meta': {
                'epoch': 1,
                'seed': np.int64(3),
                'dataset_meta': {
                    'classes': ('a', 'b'),
                    'sigmas': np.array([0.5, 1.0]),
                    'palette': {(1, 2, 3)},
                },
            },
            'state_dict': OrderedDict(w=torch.full((2,), 7.0)),
            'ema_state_dict': {'module.w': torch.zeros(2), 'steps': 3},
            'optimizer': {'state': {0: torch.ones(100)}},
        },
        path,
    )
    return path


def test_published_file_is_small_plain_and_named_by_its_hash(
    training, tmp_path
):
    out = tmp_path / 'out'
    path = publish_checkpoint(training, 'x', out, '20260102')
    sha8 = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    assert path.name == f'x_20260102-{sha8}.pth'
    assert list(out.iterdir()) == [path]  # nothing else is left
    content = torch.load(path, weights_only=True)
    assert list(content) == ['meta', 'state_dict']
    # MMEngine keeps the averaged weights under 'state_dict'
    assert torch.equal(content['state_dict']['w'], torch.full((2,), 7.0))
    assert content['meta'] == {
        'epoch': 1,
        'seed': 3,
        'dataset_meta': {
            'classes': ['a', 'b'],
            'sigmas': [0.5, 1.0],
            'palette': [[1, 2, 3]],
        },
    }
    again = publish_checkpoint(training, 'x', tmp_path / 'b', '20260102')
    assert again.name == path.name  # the same weights, the same name


def test_bare_weights_are_published(tmp_path):
    torch.save({'w': torch.ones(1)}, tmp_path / 'w.pth')
    path = publish_checkpoint(tmp_path / 'w.pth', 'x', tmp_path, '20260102')
    content = torch.load(path, weights_only=True)
    assert content == {'meta': {}, 'state_dict': {'w': torch.ones(1)}}


def test_objects_need_trust_and_do_not_survive(tmp_path):
    path = tmp_path / 'objects.pth'
    state = {'w': torch.ones(1)}
    torch.save({'state_dict': state, 'meta': {'p': Path('/x')}}, path)
    with pytest.raises(UnsafeCheckpointError, match='--trust'):
        publish_checkpoint(path, 'x', tmp_path / 'out', '20260102')
    assert not (tmp_path / 'out').exists()
    new = publish_checkpoint(path, 'x', tmp_path, '20260102', trust=True)
    assert torch.load(new, weights_only=True)['meta'] == {'p': None}


def test_what_cannot_be_unpickled_is_named(tmp_path):
    path = tmp_path / 'x.pth'
    path.write_bytes(b'no checkpoint')
    with pytest.raises(CheckpointError, match=r'x\.pth cannot be unpickled'):
        publish_checkpoint(path, 'x', tmp_path / 'out', '20260102', trust=True)
    with pytest.raises(FileNotFoundError):
        publish_checkpoint(
            tmp_path / 'y', 'x', tmp_path, '20260102', trust=True
        )
    assert not (tmp_path / 'out').exists()


def test_plain_values():
    value = {1: (np.float32(0.5), {2, 1}), 'a': [np.arange(2), Path('x')]}
    assert to_plain(value) == {'1': [0.5, [1, 2]], 'a': [[0, 1], None]}
    assert to_plain(True) is True


def test_metafile_is_found_above_the_config(monkeypatch, tmp_path):
    for entry in hub.metafile_entries():
        path = find_metafile(entry['Name'])
        assert path.is_file()
        assert hub.root() / 'configs' in path.parents
    config = tmp_path / 'mine.py'  # of a user, in no repository
    config.write_text('model = dict()')
    with pytest.raises(UserError, match=r'no metafile\.yml in any folder'):
        update_metafile(str(config), {}, None)


class Model(torch.nn.Module):
    """One filter and one bias."""

    def __init__(self):
        super().__init__()
        self.filter = torch.nn.Parameter(torch.zeros(3, 2))
        self.bias = torch.nn.Parameter(torch.zeros(2))


def test_file_of_the_zoo(tmp_path):
    """Half of the size, plain, named by its hash; no name of a machine."""
    weights = {'filter': torch.full((3, 2), 0.1), 'bias': torch.rand(2)}
    meta = {'epoch': 2, 'cfg': "work_dir = '/home/me'", 'seed': 3}
    meta['dataset_meta'] = {'classes': ('a', 'b')}
    source, out = tmp_path / 'x.pth', tmp_path / 'out'
    torch.save({'state_dict': weights, 'meta': meta}, source)
    model = Model()
    path = publish_to_zoo(source, 'x', out, model=model)
    assert [*out.iterdir()] == [path]
    assert path.name == f'x-{file_sha256(path)[:8]}.safetensors'
    content = load_checkpoint_file(path)
    assert content['meta'] == {
        'dataset_meta': {'classes': ['a', 'b']},
        'epoch': 2,
    }
    assert content['state_dict']['filter'].dtype == torch.float16
    assert torch.equal(content['state_dict']['bias'], weights['bias'])
    # the model has what was written, not what was read
    assert torch.equal(model.filter, weights['filter'].half().float())
    found = zoo_metadata(path, model)
    assert found['SHA-256'] == file_sha256(path)
    assert found['Parameters (M)'] == round(8 / 1e6, 2)

    exact = publish_to_zoo(source, 'x', out, model=model, half=False)
    assert torch.equal(model.filter, weights['filter'])
    assert exact != path
    torch.save({'filter': weights['filter']}, source)
    with pytest.raises(CheckpointError, match='1 missing: bias'):
        publish_to_zoo(source, 'x', tmp_path / 'none', model=model)
    assert not (tmp_path / 'none').exists()
