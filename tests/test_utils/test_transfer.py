# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Transfer of one file over HTTP, against a server on this machine."""

import hashlib
import shutil
import time

import pytest

from mmfashion_ext.utils import transfer as module
from mmfashion_ext.utils.download_cache import record_path
from mmfashion_ext.utils.transfer import DownloadError, transfer

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def file(tmp_path):
    """Where the file is to be."""
    return tmp_path / 'x.partial'


def get(site, file, path='/x', *, known=False):
    return transfer(site.url + path, file, hash_is_known=known)


def test_a_file_arrives(site, file):
    site.files = {'/x': CONTENT, '/empty': b''}
    done = get(site, file)
    assert file.read_bytes() == CONTENT
    assert done == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), False)
    assert not record_path(file).exists()
    assert get(site, file, '/empty').size == 0


@pytest.mark.parametrize('known', [False, True])
def test_a_transfer_goes_on_where_it_stopped(site, file, known):
    site.files, site.cut = {'/x': CONTENT}, {'/x': 1}
    site.etag = '"1"'
    done = get(site, file, known=known)
    assert file.read_bytes() == CONTENT
    assert done.resumed
    assert done.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert site.ranges == [None, f'bytes={len(CONTENT) // 2}-']


def test_a_later_call_goes_on_too(site, file):
    site.files, site.cut, site.etag = {'/x': CONTENT}, {'/x': 99}, '"1"'
    for share in (7 / 8, 63 / 64):  # half of the rest at each attempt
        with pytest.raises(DownloadError, match=r'broke off after \d+ of 102'):
            get(site, file)
        assert file.stat().st_size == len(CONTENT) * share
    site.cut = {}
    assert get(site, file).resumed
    assert file.read_bytes() == CONTENT


@pytest.mark.parametrize('etag', ['', 'W/"1"'])
def test_what_cannot_be_compared_is_not_continued(site, file, etag):
    site.files, site.cut, site.etag = {'/x': CONTENT}, {'/x': 1}, etag
    assert not get(site, file).resumed
    assert file.read_bytes() == CONTENT
    assert site.ranges == [None, None]
    site.cut = {'/x': 99}
    with pytest.raises(DownloadError):
        get(site, file)
    assert not file.exists(), 'nothing of use is left'


def test_a_file_that_changed_begins_again(site, file):
    site.files, site.cut, site.etag = {'/x': CONTENT}, {'/x': 3}, '"1"'
    with pytest.raises(DownloadError):
        get(site, file)
    site.files, site.etag = {'/x': CONTENT[::-1]}, '"2"'
    done = get(site, file)
    assert not done.resumed
    assert file.read_bytes() == CONTENT[::-1]
    # shorter than what was there, and the server does not look at If-Range
    site.cut, site.etag = {'/x': 3}, '"2"'
    with pytest.raises(DownloadError):
        get(site, file)
    site.files, site.ignores_if_range = {'/x': b'short'}, True
    assert get(site, file).size == 5
    assert file.read_bytes() == b'short'


def test_of_another_address_nothing_is_continued(site, file):
    site.files = {'/x': CONTENT, '/y': CONTENT[::-1]}
    site.cut, site.etag = {'/x': 3}, '"1"'
    with pytest.raises(DownloadError):
        get(site, file)
    assert not get(site, file, '/y').resumed
    assert file.read_bytes() == CONTENT[::-1]


def test_a_wrong_part_is_not_used(site, file):
    site.files, site.cut, site.etag = {'/x': CONTENT}, {'/x': 1}, '"1"'
    site.shift = 5
    assert get(site, file).sha256 == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize('status', [404, 403, 410, 500, 503])
def test_answers_of_a_server(site, file, status):
    site.status = {'/x': [status] * 9}
    with pytest.raises(DownloadError, match=f'HTTP Error {status}') as error:
        get(site, file)
    assert '\n' not in str(error.value)
    assert len(site.asked) == (3 if status >= 500 else 1)
    assert not file.exists()
    site.files, site.status = {'/x': CONTENT}, {'/x': [503, 429]}
    assert get(site, file).size == len(CONTENT)


def test_redirects(site, file):
    site.files = {'/x': CONTENT}
    site.redirects = {'/a': '/b', '/b': f'{site.url}/x'}
    assert get(site, file, '/a').size == len(CONTENT)
    site.redirects = {'/a': '/b', '/b': '/a'}
    with pytest.raises(DownloadError, match='redirect error') as error:
        get(site, file, '/a')
    assert '\n' not in str(error.value)
    for target in ('file:///etc/passwd', 'ftp://a/b', 'data:,x', 'gopher://x'):
        site.redirects = {'/a': target}
        with pytest.raises(DownloadError, match=r'[rR]edirect') as error:
            get(site, file, '/a')
        assert '\n' not in str(error.value)
        assert not file.exists()


def test_https_is_never_left_for_http():
    request = module.urllib.request.Request('https://a.b/x')
    follow = module._Redirects().redirect_request
    with pytest.raises(DownloadError, match='expected an address of https'):
        follow(request, None, 302, 'Found', {}, 'http://a.b/x')
    assert follow(request, None, 302, 'Found', {}, 'https://c.d/x')


def test_a_slow_server_is_waited_for_and_a_dead_one_is_not(
    site, file, monkeypatch
):
    monkeypatch.setattr(module, '_TIMEOUT', 0.5)
    site.files, site.slow = {'/x': CONTENT}, {'/x': 0.02}
    assert get(site, file).size == len(CONTENT)
    site.slow = {'/x': 5}
    monkeypatch.setattr(module, '_TIMEOUT', 0.05)
    start = time.monotonic()
    with pytest.raises(DownloadError, match='timed out'):
        get(site, file)
    assert time.monotonic() - start < 5
    assert not file.exists()


@pytest.mark.parametrize('length', ['99999999999999999', '-5', 'x', '1e9'])
def test_lengths_that_lie(site, file, length):
    site.files, site.lengths = {'/x': CONTENT}, {'/x': length}
    with pytest.raises(DownloadError) as error:
        get(site, file)
    assert '\n' not in str(error.value)
    assert not file.exists()


def test_a_full_disk_is_told_before(site, file, monkeypatch):
    site.files = {'/x': CONTENT}
    usage = shutil.disk_usage(file.parent)._replace(free=1000)
    monkeypatch.setattr(module.shutil, 'disk_usage', lambda path: usage)
    with pytest.raises(DownloadError, match=r'free in .*TORCH_HOME'):
        get(site, file)
    assert not file.exists()


def test_more_than_the_limit_ends_while_it_comes(site, file, monkeypatch):
    monkeypatch.setattr(module, 'MAX_BYTES', 100)
    site.files, site.lengths = {'/x': CONTENT}, {'/x': None}
    site.etag = '"1"'
    with pytest.raises(DownloadError, match='more than'):
        get(site, file)
    assert not file.exists()
    assert not record_path(file).exists()
