# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What users name is opened only if it is a file of a sane size."""

import io
import os

import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils import sources
from mmfashion_ext.utils.sources import (
    check_regular_file,
    is_url,
    open_source,
)


def test_files_are_opened_by_path_and_bytes_in_memory(tmp_path):
    path = tmp_path / 'x'
    path.write_bytes(b'abc')
    assert open_source(path) == open_source(str(path)) == path
    assert open_source(b'abc').read() == b'abc'
    assert open_source(io.BytesIO(b'abc')).read() == b'abc'


@pytest.mark.parametrize(
    ('source', 'message'),
    [
        (3, 'expected an image as path.*got int'),
        ('missing', 'missing: no such file'),
        (io.StringIO('abc'), "expected one opened with mode 'rb'"),
        ('http://127.0.0.1:9/x', 'cannot be downloaded'),
        ('http://[bad', 'cannot be downloaded'),
    ],
)
def test_what_cannot_be_opened(source, message):
    with pytest.raises(UserError, match=message):
        open_source(source)


def test_large_content_is_refused(monkeypatch):
    monkeypatch.setattr(sources, 'MAX_BYTES', 2)
    with pytest.raises(UserError, match='more than 0 MiB'):
        open_source(io.BytesIO(b'abc'))


def test_only_regular_files_pass(tmp_path):
    """Opening a pipe would wait forever, a device would never end."""
    (tmp_path / 'file').touch()
    (tmp_path / 'link').symlink_to(tmp_path / 'file')
    check_regular_file(tmp_path / 'file')
    check_regular_file(tmp_path / 'link')
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'null').symlink_to('/dev/null')
    (tmp_path / 'loop').symlink_to(tmp_path / 'loop')
    for name, message in {
        'pipe': 'device, pipe or socket',
        'null': 'device, pipe or socket',
        '.': 'is a folder',
        'gone': 'no such file',
        'loop': 'symbolic links',
        'x' * 300: 'too long',
    }.items():
        with pytest.raises(UserError, match=message):
            check_regular_file(tmp_path / name)


def test_urls():
    assert is_url('https://a.b/c.png')
    assert is_url('http://a.b/c.png')
    assert not is_url('file:///etc/passwd')
    assert not is_url('a.png')
    assert not is_url(b'http://a.b')


@pytest.mark.fault(29)
@pytest.mark.parametrize('version', ['v1', 'v2'])
def test_pointers_of_git_lfs_are_recognised(tmp_path, version):
    path = tmp_path / 'a.jpg'
    start = f'version https://git-lfs.github.com/spec/{version}\n'
    path.write_text(f'{start}oid sha256:{"0" * 64}\nsize 123\n')
    with pytest.raises(UserError, match=r'a pointer of git-lfs.*git lfs pull'):
        check_regular_file(path)
    path.write_text(start + 'x' * 2000)  # more than a pointer
    check_regular_file(path)


@pytest.mark.fault(3)
def test_a_download_that_breaks_off_is_an_error(monkeypatch):
    """An image that is cut short is still decoded by some decoders."""

    class Answer(io.BytesIO):
        headers = {'Content-Length': '10'}

    monkeypatch.setattr(
        'urllib.request.urlopen', lambda url, timeout: Answer(b'12345')
    )
    with pytest.raises(UserError, match=r'a\.png: .* after 5 of 10 bytes'):
        open_source('http://x.org/a.png')
    monkeypatch.setattr(sources, 'MAX_BYTES', 3)
    with pytest.raises(UserError, match=r'^http://x\.org/a\.png: more than'):
        open_source('http://x.org/a.png')
