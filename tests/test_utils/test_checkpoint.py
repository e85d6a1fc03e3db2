# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import _codecs
import hashlib
import http.server
import os
import re
import tarfile
import threading
import zipfile
from collections import OrderedDict
from functools import partial
from pickle import UnpicklingError

import numpy as np
import pytest
import torch

from mmfashion_ext.utils import checkpoint as ckpt
from mmfashion_ext.utils import safe_pickle
from mmfashion_ext.utils.checkpoint import UnsafeCheckpointError


class Payload:
    """Creates ``marker`` when an ordinary unpickler reads it."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def save_training_checkpoint(path, **extra):
    """What MMEngine's CheckpointHook writes: logs, optimizer, numpy meta."""
    history = pytest.importorskip('mmengine.logging.history_buffer')
    weights = torch.nn.Linear(2, 3)
    optimizer = torch.optim.SGD(weights.parameters(), 0.1, momentum=0.9)
    weights(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    buffer = history.HistoryBuffer([1.5, 2.5], [1, 1])
    torch.save(
        {
            'meta': {
                'epoch': 1,
                'seed': np.int64(3),
                'dataset_meta': {
                    'classes': ('a', 'b'),
                    'sigmas': np.linspace(0, 1, 3, dtype=np.float32),
                },
            },
            'state_dict': weights.state_dict(),
            'message_hub': {'log_scalars': OrderedDict(loss=buffer)},
            'optimizer': optimizer.state_dict(),
            **extra,
        },
        path,
    )
    return weights.state_dict()


@pytest.fixture
def malicious(tmp_path):
    """A checkpoint with a payload, and the directory it would create."""
    path, marker = tmp_path / 'evil.pth', tmp_path / 'executed'
    torch.save(
        {'state_dict': {'w': torch.ones(1)}, 'meta': Payload(marker)}, path
    )
    return path, marker


def test_training_checkpoint_is_read(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    weights = save_training_checkpoint(path)
    ckpt.assert_safe(path)
    loaded = ckpt.load_checkpoint_file(path)
    assert loaded['meta']['seed'] == 3
    np.testing.assert_array_equal(
        loaded['meta']['dataset_meta']['sigmas'],
        np.linspace(0, 1, 3, dtype=np.float32),
    )
    assert loaded['message_hub']['log_scalars']['loss'].mean() == 2.0
    state = ckpt.extract_state_dict(loaded, path)
    assert list(state) == ['weight', 'bias']
    assert torch.equal(state['weight'], weights['weight'])


@pytest.mark.parametrize('read', [ckpt.load_checkpoint_file, ckpt.assert_safe])
def test_payload_is_refused_and_does_not_run(read, malicious):
    path, marker = malicious
    message = r'evil\.pth: refused.*posix\.mkdir.*publish_model\.py --trust'
    with pytest.raises(UnsafeCheckpointError, match=message):
        read(path)
    assert not marker.exists()
    torch.load(path, weights_only=False)  # the payload is a real one
    assert marker.exists()


def test_payload_in_the_old_file_format_is_refused(tmp_path):
    path, marker = tmp_path / 'old.pth', tmp_path / 'executed'
    torch.save(Payload(marker), path, _use_new_zipfile_serialization=False)
    with pytest.raises(UnsafeCheckpointError, match='refused'):
        ckpt.assert_safe(path)
    assert not marker.exists()


class Attribute:
    """Pickles as ``getattr(owner, name)``."""

    def __init__(self, owner, name):
        self.owner, self.name = owner, name

    def __reduce__(self):
        return getattr, (self.owner, self.name)


def test_getattr_reaches_only_the_log_buffer_methods(tmp_path):
    history = pytest.importorskip('mmengine.logging.history_buffer')
    path = tmp_path / 'getattr.pth'
    for owner, name in [
        (history.HistoryBuffer, '__init__'),
        (np.ndarray, 'tofile'),
        (history.HistoryBuffer, '__subclasses__'),
    ]:
        torch.save({'x': Attribute(owner, name)}, path)
        with pytest.raises(UnsafeCheckpointError, match=r'builtins\.getattr'):
            ckpt.assert_safe(path)


class Encoded:
    """Pickles as ``_codecs.encode('ab', 'latin1')``."""

    def __reduce__(self):
        return _codecs.encode, ('ab', 'latin1')


def test_bytes_are_read_and_no_other_codec_is_looked_up(tmp_path):
    """Torch 2.4 does not know ``encode``, which NumPy's scalars need."""
    path = tmp_path / 'bytes.pth'
    torch.save({'a': Encoded()}, path)
    assert ckpt.load_checkpoint_file(path) == {'a': b'ab'}
    with pytest.raises(UnpicklingError, match='rot13'):
        safe_pickle._latin_1('ab', 'rot13')


def test_allow_list_does_not_outlive_the_call(tmp_path):
    before = set(torch.serialization.get_safe_globals())
    path = tmp_path / 'x.pth'
    save_training_checkpoint(path)
    ckpt.assert_safe(path)
    assert set(torch.serialization.get_safe_globals()) == before


@pytest.mark.parametrize('core', ['numpy.core', 'numpy._core'])
def test_numpy_scalars_of_either_numpy_are_read(tmp_path, core):
    path, spelled = tmp_path / 'scalar.pth', tmp_path / 'spelled.pth'
    torch.save({'x': np.float64(0.25)}, path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(spelled, 'w') as new:
        for name in old.namelist():
            content = re.sub(
                rb'numpy\._?core\.multiarray\n',
                f'{core}.multiarray\n'.encode(),
                old.read(name),
            )
            new.writestr(name, content)
    assert core.encode() in spelled.read_bytes()
    assert ckpt.load_checkpoint_file(spelled)['x'] == 0.25


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'not found: .*none\.pth'):
        ckpt.load_checkpoint_file(tmp_path / 'none.pth')
    path = tmp_path / 'cut.pth'
    torch.save({'state_dict': {'w': torch.ones(1000)}}, path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(
        ckpt.CheckpointError, match=r'cut\.pth: cannot be read'
    ):
        ckpt.assert_safe(path)
    (tmp_path / 'empty.pth').touch()
    with pytest.raises(
        ckpt.CheckpointError, match=r'empty\.pth: cannot be read'
    ):
        ckpt.assert_safe(tmp_path / 'empty.pth')
    (tmp_path / 'page.pth').write_text('<html>404</html>')
    with pytest.raises(
        ckpt.CheckpointError, match=r'page\.pth is not a PyTorch checkpoint'
    ) as raised:
        ckpt.assert_safe(tmp_path / 'page.pth')
    assert not isinstance(raised.value, UnsafeCheckpointError)
    with pytest.raises(
        ckpt.CheckpointError, match=r'only files, http\(s\) and file URLs'
    ):
        ckpt.assert_safe('s3://bucket/x.pth')


def test_state_dict_is_found_wherever_it_is():
    extract = partial(ckpt.extract_state_dict, file='x.pth')
    weights = OrderedDict(w=torch.ones(1))
    assert extract({'state_dict': weights}) is weights
    assert extract({'model': weights}) is weights
    assert extract(weights) is weights
    wrapped = OrderedDict({'module.w': torch.ones(1)})
    assert list(extract(wrapped)) == ['w']
    assert list(wrapped) == ['module.w']  # the argument is left alone
    # a model with a part of this name is not a wrapped one
    part = OrderedDict({'module.w': torch.ones(1), 'b': torch.ones(1)})
    assert extract(part) is part
    for nothing in ({}, {'state_dict': {}}, {'epoch': 1}):
        with pytest.raises(
            ckpt.CheckpointError, match=r'x\.pth: no weights in the'
        ):
            extract(nothing)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """``(directory, url)`` of a web server on this machine."""
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    served = tmp_path / 'served'
    served.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    httpd = http.server.ThreadingHTTPServer(
        ('127.0.0.1', 0), partial(Quiet, directory=str(served))
    )
    threading.Thread(
        target=httpd.serve_forever, args=(0.01,), daemon=True
    ).start()
    yield served, f'http://127.0.0.1:{httpd.server_port}'
    httpd.shutdown()
    httpd.server_close()


def test_download_is_checked_against_the_hash_in_its_name(server):
    served, url = server
    torch.save({'state_dict': {'w': torch.ones(1)}}, served / 'x.pth')
    content = (served / 'x.pth').read_bytes()
    sha8 = hashlib.sha256(content).hexdigest()[:8]
    (served / f'good-{sha8}.pth').write_bytes(content)
    (served / 'bad-00000000.pth').write_bytes(content)

    name = f'good-{sha8}.pth'
    loaded = ckpt.load_checkpoint_file(f'{url}/{name}?download=1')
    assert torch.equal(loaded['state_dict']['w'], torch.ones(1))
    (served / name).unlink()
    assert ckpt.local_checkpoint(f'{url}/{name}').name == name  # cached

    with pytest.raises(ckpt.CheckpointError, match='invalid hash value'):
        ckpt.assert_safe(f'{url}/bad-00000000.pth')
    with pytest.raises(OSError, match='404'):
        ckpt.assert_safe(f'{url}/none-00000000.pth')


@pytest.mark.fault(28)
def test_content_that_is_nested_too_deep(tmp_path):
    """What reads it next, such as copy.deepcopy, would recurse."""
    deep = []
    for _ in range(300):
        deep = [deep]
    torch.save(
        {'state_dict': {'w': torch.ones(1)}, 'meta': deep}, tmp_path / 'a'
    )
    with pytest.raises(ckpt.CheckpointError, match='nested deeper than 200'):
        ckpt.load_checkpoint_file(tmp_path / 'a')


@pytest.mark.fault(1)
def test_programs_and_old_archives_are_refused(tmp_path):
    """PyTorch would run the one and unpack the other."""
    torch.jit.script(torch.nn.Linear(1, 1)).save(str(tmp_path / 'a.pth'))
    with pytest.raises(UnsafeCheckpointError, match='a TorchScript program'):
        ckpt.load_checkpoint_file(tmp_path / 'a.pth')
    with tarfile.open(tmp_path / 'b.pth', 'w') as tar:
        info = tarfile.TarInfo('\udc80storages')
        tar.addfile(info)
    with pytest.raises(ckpt.CheckpointError, match='not a PyTorch checkpoint'):
        ckpt.load_checkpoint_file(tmp_path / 'b.pth')


@pytest.mark.fault(1)
def test_what_is_not_a_regular_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / 'pipe.pth')
    for path in (tmp_path / 'pipe.pth', tmp_path, '/dev/zero'):
        with pytest.raises(ckpt.CheckpointError, match='expected a file'):
            ckpt.load_checkpoint_file(path)
    with pytest.raises(FileNotFoundError, match=r'not found: .*gone\.pth'):
        ckpt.load_checkpoint_file(tmp_path / 'gone.pth')


def test_an_environment_that_lets_pytorch_read_no_logs(tmp_path, monkeypatch):
    torch.save({'w': torch.ones(1)}, tmp_path / 'a.pth')
    monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '1')
    with pytest.raises(ckpt.CheckpointError, match='TORCH_FORCE_WEIGHTS_ONLY'):
        ckpt.load_checkpoint_file(tmp_path / 'a.pth')


@pytest.mark.fault(29)
def test_a_pointer_of_git_lfs_is_named(tmp_path):
    path = tmp_path / 'model.pth'
    path.write_text(
        'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n'
    )
    with pytest.raises(
        ckpt.CheckpointError, match=r'model\.pth.* git-lfs.*git'
    ):
        ckpt.load_checkpoint_file(path)
