# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Download cache: one file per URL, checked at every use, repaired."""

import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils import file_lock, transfer
from mmfashion_ext.utils.checkpoint import CheckpointError, load_weights
from mmfashion_ext.utils.downloads import (
    DownloadError,
    cached_download,
    clean_cache,
)

pytestmark = pytest.mark.fault(3)

ROOT = Path(__file__).resolve().parents[2]


class Payload:
    """Creates a folder when an ordinary unpickler reads it."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def zip_of_a_pickle(marker):
    content = io.BytesIO()
    torch.save({'w': Payload(marker)}, content)
    return content.getvalue()


def zip_bomb(marker):
    """A zip file whose one record claims to have 1 GB."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, 'w', zipfile.ZIP_DEFLATED) as file:
        file.writestr('x/data.pkl', bytes(10**7))
    changed = content.getvalue()
    size = (10**7).to_bytes(4, 'little')
    return changed.replace(size, (10**9).to_bytes(4, 'little'))


HOSTILE = {
    'pickle': lambda marker: pickle.dumps({'w': Payload(marker)}),
    'zip of a pickle': zip_of_a_pickle,
    'zip bomb': zip_bomb,
    'header that lies': lambda marker: (
        (2**40).to_bytes(8, 'little') + b'{"w": {}}'
    ),
    'page': lambda marker: b'<html>Sign in</html>',
    'nothing': lambda marker: b'',
}


def test_two_sites_with_one_name_are_two_files(site):
    site.files = {'/a/model.pth': b'A', '/b/model.pth': b'B'}
    site.files['/get?id=1'], site.files['/get?id=2'] = b'1', b'2'
    for path, content in site.files.items():
        file = cached_download(site.url + path)
        assert file.read_bytes() == content
    assert cached_download(f'{site.url}/a/model.pth').name == 'model.pth'
    assert len(site.asked) == 4, 'each was downloaded once'


@pytest.mark.parametrize('damage', ['length', 'content', 'record', 'torn'])
def test_what_is_damaged_in_the_cache_is_fetched_again(site, damage):
    site.files = {'/model.pth': b'weights' * 9}
    file = cached_download(f'{site.url}/model.pth')
    record = file.with_name(f'{file.name}.json')
    if damage == 'length':
        file.write_bytes(b'weights')
    elif damage == 'content':
        file.write_bytes(b'WEIGHTS' * 9)
    elif damage == 'record':
        record.unlink()
    else:
        record.write_text(record.read_text()[:20])
    assert cached_download(f'{site.url}/model.pth') == file
    assert file.read_bytes() == b'weights' * 9
    assert len(site.asked) == 2


def test_a_cached_file_is_held_against_the_hash_in_its_name(site):
    content = b'weights'
    sha256 = hashlib.sha256(content).hexdigest()
    url = f'{site.url}/model-{sha256[:8]}.pth'
    site.files = {f'/model-{sha256[:8]}.pth': content}
    file = cached_download(url)
    bad = b'another'
    file.write_bytes(bad)
    record = file.with_name(f'{file.name}.json')
    record.write_text(
        json.dumps(
            {'bytes': len(bad), 'sha256': hashlib.sha256(bad).hexdigest()}
        )
    )
    assert cached_download(url).read_bytes() == content
    # what another tool downloaded serves too, if it has the hash
    file.unlink()
    site.files = {}
    shared = file.parents[2] / file.name
    shared.write_bytes(bad)
    with pytest.raises(DownloadError, match='HTTP Error 404'):
        cached_download(url)
    shared.write_bytes(content)
    assert cached_download(url) == shared


def test_a_download_that_breaks_off_is_tried_again_and_never_kept(site):
    site.files = {'/model.pth': b'weights' * 9}
    site.cut = {'/model.pth': 2}
    file = cached_download(f'{site.url}/model.pth')
    assert file.read_bytes() == b'weights' * 9
    site.files['/other.pth'] = b'weights' * 9
    site.cut = {'/other.pth': 99}
    for _ in range(2):
        with pytest.raises(
            DownloadError, match=r'other\.pth: cannot be downloaded \(broke'
        ):
            cached_download(f'{site.url}/other.pth')
    assert not [
        path
        for path in file.parents[1].rglob('*')
        if path.is_file() and 'other' in path.name
    ]


def test_no_server_and_too_large(site, monkeypatch):
    site.files = {'/model.pth': b'weights' * 9}
    monkeypatch.setattr(transfer, 'MAX_BYTES', 20)
    with pytest.raises(DownloadError, match=r'model\.pth: more than'):
        cached_download(f'{site.url}/model.pth')
    assert len(site.asked) == 1
    with pytest.raises(DownloadError, match='cannot be downloaded') as raised:
        cached_download('http://127.0.0.1:9/model.pth')
    assert isinstance(raised.value, OSError)


def test_a_cache_that_cannot_be_written(site, tmp_path, monkeypatch):
    (tmp_path / 'torch').write_text('a file')
    site.files = {'/model.pth': b'x'}
    with pytest.raises(UserError, match='is, or lies below, a file'):
        cached_download(f'{site.url}/model.pth')

    def full(path):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(file_lock, 'make_folder', full)
    with pytest.raises(DownloadError, match=r'No space.*TORCH_HOME'):
        cached_download(f'{site.url}/model.pth')


def test_threads_that_want_one_file_download_it_once(site):
    site.files = {'/model.pth': bytes(10**6)}
    files = []

    def get():
        files.append(cached_download(f'{site.url}/model.pth'))

    threads = [threading.Thread(target=get) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(files) == 4
    assert len(site.asked) == 1


def test_a_name_cannot_leave_the_cache(site):
    site.files = {'/%2e%2e%2fevil.pth': b'x', '/': b'y', '/a/%2e%2e': b'z'}
    site.files['/.lock'] = b'l'
    for path in site.files:
        file = cached_download(site.url + path)
        assert file.resolve().is_relative_to(torch.hub.get_dir())
        assert file.read_bytes() == site.files[path]


def named(content, suffix='.safetensors'):
    """Name of a published file of this content."""
    return f'x-{hashlib.sha256(content).hexdigest()[:8]}{suffix}'


def left_in_cache(cache):
    """Names of all files below a folder, of locks and records too."""
    return sorted(path.name for path in cache.rglob('*') if path.is_file())


def test_the_whole_hash_stands_behind_the_url(site):
    content = b'weights' * 9
    sha256 = hashlib.sha256(content).hexdigest()
    site.files = {'/model.pth': content}
    url = f'{site.url}/model.pth'
    assert cached_download(f'{url}#sha256={sha256}').read_bytes() == content
    for wrong in (f'{url}#sha256={"0" * 64}', f'{site.url}/x-00000000.pth'):
        site.files['/x-00000000.pth'] = content
        with pytest.raises(DownloadError, match='invalid hash value: expect'):
            cached_download(wrong)
    assert left_in_cache(site.cache) == ['model.pth', 'model.pth.json']


@pytest.mark.parametrize('how', ['url', 'file', 'folder'])
def test_a_mirror_is_asked_first(site, tmp_path, monkeypatch, how):
    content = b'weights' * 9
    name = named(content)
    folder = tmp_path / 'my mirror'
    folder.mkdir()
    mirror = {
        'url': f'{site.url}/mirror/',
        'file': folder.as_uri(),
        'folder': str(folder),
    }[how]
    monkeypatch.setenv('MMFASHION_ZOO_URL', mirror)
    url = f'{site.url}/original/{name}'
    # the mirror lacks the file, or has another one: the address is asked
    site.files = {f'/original/{name}': content}
    assert cached_download(url).read_bytes() == content
    clean_cache()
    (folder / name).write_bytes(b'other')
    site.files[f'/mirror/{name}'] = b'other'
    assert cached_download(url).read_bytes() == content
    clean_cache()
    (folder / name).write_bytes(content)
    site.files = {f'/mirror/{name}': content}
    site.asked.clear()
    assert cached_download(url).read_bytes() == content
    assert f'/original/{name}' not in site.asked
    # files without a hash are those of their address alone
    site.files = {'/mirror/model.pth': b'm', '/a/model.pth': b'a'}
    assert cached_download(f'{site.url}/a/model.pth').read_bytes() == b'a'


def test_a_mirror_that_does_not_help(site, monkeypatch):
    monkeypatch.setenv('MMFASHION_ZOO_URL', f'{site.url}/mirror')
    with pytest.raises(DownloadError, match=r'404.*MMFASHION_ZOO_URL was ask'):
        cached_download(f'{site.url}/x-00000000.pth')
    for wrong in ('ftp://a/b', '/no/such/folder', 's3://bucket'):
        monkeypatch.setenv('MMFASHION_ZOO_URL', wrong)
        with pytest.raises(
            UserError, match=r'MMFASHION_ZOO_URL=.*expected an'
        ):
            cached_download(f'{site.url}/x-00000000.pth')


def test_file_urls(tmp_path):
    file = tmp_path / 'a b.pth'
    file.write_bytes(b'weights')
    assert cached_download(file.as_uri()) == file
    sha256 = hashlib.sha256(b'weights').hexdigest()
    assert cached_download(f'{file.as_uri()}#sha256={sha256}') == file
    for url, message in {
        f'{file.as_uri()}#sha256={"0" * 64}': 'invalid hash value',
        (tmp_path / 'none.pth').as_uri(): 'no such file',
        tmp_path.as_uri(): 'is a folder',
        'file://server/share/x.pth': 'of another machine',
        'file:///dev/zero': 'is a device',
    }.items():
        with pytest.raises(DownloadError, match=message):
            cached_download(url)


def test_processes_that_want_one_file_download_it_once(
    site, tmp_path, monkeypatch
):
    """Two processes, of which one waits for the other."""
    content = bytes(10**6)
    site.files = {'/model.pth': content}
    site.slow = {'/model.pth': 0.02}  # s a piece
    code = (
        'import sys; from mmfashion_ext.utils.downloads import '
        'cached_download; print(cached_download(sys.argv[1]))'
    )
    environment = {**os.environ, 'TORCH_HOME': str(tmp_path)}
    processes = [
        subprocess.Popen(
            [sys.executable, '-c', code, f'{site.url}/model.pth'],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        for _ in range(2)
    ]
    first, second = (process.communicate()[0] for process in processes)
    assert first == second
    assert Path(first.strip()).read_bytes() == content
    assert site.asked == ['/model.pth']


@pytest.mark.parametrize('content', HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_never_run(site, content, tmp_path):
    """What a server sends is data, whatever its name says."""
    for name in ('x.safetensors', 'x.pth'):
        site.files = {f'/{name}': content(tmp_path / 'executed')}
        with pytest.raises(CheckpointError, match=name) as error:
            load_weights(torch.nn.Linear(1, 1), f'{site.url}/{name}', 'x')
        assert '\n' not in str(error.value)
        clean_cache()
    assert not (tmp_path / 'executed').exists()
