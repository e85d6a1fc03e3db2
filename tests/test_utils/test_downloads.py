# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Download cache: one file per URL, checked at every use, repaired."""

import hashlib
import http.server
import json
import threading

import pytest
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils import downloads, file_lock
from mmfashion_ext.utils.downloads import DownloadError, cached_download

pytestmark = pytest.mark.fault(3)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A web server: ``files`` (path -> bytes), ``asked``, and ``url``.

    ``cut`` (path -> number) breaks so many downloads off after half.
    """
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))

    class Site:
        files, cut, asked = {}, {}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            Site.asked.append(self.path)
            content = Site.files.get(self.path)
            if content is None:
                return self.send_error(404)
            self.send_response(200)
            self.send_header('Content-Length', str(len(content)))
            self.end_headers()
            if Site.cut.get(self.path, 0) > 0:
                Site.cut[self.path] -= 1
                content = content[: len(content) // 2]
            self.wfile.write(content)
            return None

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(
        target=server.serve_forever, args=(0.01,), daemon=True
    ).start()
    Site.url = f'http://127.0.0.1:{server.server_port}'
    Site.files, Site.cut, Site.asked = {}, {}, []
    yield Site
    server.shutdown()
    server.server_close()


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
    monkeypatch.setattr(downloads, 'MAX_BYTES', 20)
    with pytest.raises(DownloadError, match=r'model\.pth: more than'):
        cached_download(f'{site.url}/model.pth')
    assert len(site.asked) == 1
    with pytest.raises(DownloadError, match='cannot be downloaded') as raised:
        cached_download('http://127.0.0.1:9/model.pth')
    assert isinstance(raised.value, OSError)


def test_a_cache_that_cannot_be_written(site, tmp_path, monkeypatch):
    (tmp_path / 'hub').write_text('a file')
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
