# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The cache of downloads can be listed and cleaned, without PyTorch."""

import hashlib
import os
import time

import pytest

from mmfashion_ext.utils.download_cache import (
    cache_folder,
    clean_cache,
    list_cache,
    partial_path,
)
from mmfashion_ext.utils.downloads import DownloadError, cached_download


def test_files_are_listed_with_their_address(site):
    assert list_cache() == []
    site.files = {'/b/model.pth': b'B' * 5, '/a.json': b'{}'}
    files = [cached_download(site.url + path) for path in site.files]
    second, first = list_cache()[::-1]
    assert (first.path, second.path) == (files[1], files[0])
    assert second.url == f'{site.url}/b/model.pth'
    assert second.size == 5
    assert second.sha256 == hashlib.sha256(b'B' * 5).hexdigest()
    assert abs(second.modified - time.time()) < 3600
    assert second.is_complete
    assert [entry.path for entry in list_cache('model')] == files[:1]
    assert [entry.path for entry in list_cache(f'{site.url}/a*')] == files[1:]
    assert list_cache('zzz') == []


def test_what_is_left_of_a_download_is_listed_and_removed(site):
    site.files, site.cut = {'/x.pth': bytes(10**4)}, {'/x.pth': 99}
    site.etag = '"1"'
    with pytest.raises(DownloadError):
        cached_download(f'{site.url}/x.pth')
    (entry,) = list_cache()
    assert not entry.is_complete
    assert entry.url == f'{site.url}/x.pth'
    assert 0 < entry.size < 10**4
    site.files['/y.pth'] = b'y'
    whole = cached_download(f'{site.url}/y.pth')
    assert clean_cache(only_partial=True) == [entry]
    assert [entry.path for entry in list_cache()] == [whole]
    assert not entry.path.parent.exists()


def test_files_are_removed_by_name_and_age(site):
    site.files = {'/old.pth': b'o', '/new.pth': b'n'}
    old, new = (cached_download(site.url + path) for path in site.files)
    then = time.time() - 10 * 24 * 3600
    os.utime(old, (then, then))
    assert clean_cache(older_than=30) == []
    assert [entry.path for entry in clean_cache(older_than=9)] == [old]
    assert [entry.path for entry in list_cache()] == [new]
    assert clean_cache('old') == []
    beside = cache_folder().parent / 'of-another-tool.pth'
    beside.write_bytes(b'x')
    assert [entry.path for entry in clean_cache()] == [new]
    assert [*cache_folder().iterdir()] == []
    assert beside.exists()
    assert cached_download(f'{site.url}/new.pth') == new  # and again


def test_folder_follows_the_environment(monkeypatch, tmp_path):
    import torch

    monkeypatch.delenv('TORCH_HOME', raising=False)
    for name in ('XDG_CACHE_HOME', 'TORCH_HOME'):
        monkeypatch.setenv(name, str(tmp_path / name))
        with_torch = cache_folder()
        with monkeypatch.context() as patch:
            patch.delitem(__import__('sys').modules, 'torch')
            assert cache_folder() == with_torch
        assert str(with_torch).startswith(str(tmp_path / name))
        assert with_torch.parents[1] == type(tmp_path)(torch.hub.get_dir())


def test_partial_files_are_hidden(tmp_path):
    assert partial_path(tmp_path / 'x.pth').name == '.x.pth.partial'
