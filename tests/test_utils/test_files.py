# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import hashlib
import os

import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.files import atomic_write, file_sha256, read_json


def test_reads_json(tmp_path):
    path = tmp_path / 'x.json'
    path.write_text('{"a": [1, {"b": "ä"}]}', encoding='utf-8')
    assert read_json(path, 'list') == {'a': [1, {'b': 'ä'}]}
    assert read_json(str(path), 'list', object_hook=len) == 1


@pytest.mark.parametrize(
    'content',
    [
        b'{"a": 1',
        b'',
        b'\xff\xfe\x00',
        b'[' * 100_000,
        b'[' + b'9' * 5000 + b']',
    ],
)
def test_what_is_not_json_is_named(tmp_path, content):
    path = tmp_path / 'x.json'
    path.write_bytes(content)
    with pytest.raises(
        UserError, match=r'x\.json: the list is not valid JSON'
    ):
        read_json(path, 'list')


def test_what_cannot_be_opened_is_named(tmp_path):
    class ListError(UserError):
        pass

    with pytest.raises(ListError, match=r'none: cannot .* \(No such file'):
        read_json(tmp_path / 'none', 'list', error=ListError)
    with pytest.raises(UserError, match='cannot read the list'):
        read_json(tmp_path, 'list')


@pytest.mark.fault(4)
def test_pipes_and_devices_do_not_hang(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'zero').symlink_to('/dev/zero')
    (tmp_path / 'loop').symlink_to(tmp_path / 'loop')
    for name in ('pipe', 'zero'):
        with pytest.raises(UserError, match=r'cannot read the list: .*device'):
            read_json(tmp_path / name, 'list')
    with pytest.raises(UserError, match='loop: cannot read the list'):
        read_json(tmp_path / 'loop', 'list')


@pytest.mark.fault(28)
def test_encodings_are_read_or_named(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('["é"]', encoding='utf-8-sig')
    assert read_json(path, 'list') == ['é']
    for encoding in ('utf-16', 'latin1'):
        path.write_text('["é"]', encoding=encoding)
        with pytest.raises(UserError, match='the list is not valid JSON'):
            read_json(path, 'list')


def test_sha256_of_a_file_larger_than_a_piece(tmp_path):
    path = tmp_path / 'x'
    path.write_bytes(b'ab' * 2**20)
    expected = hashlib.sha256(b'ab' * 2**20).hexdigest()
    assert file_sha256(path) == file_sha256(str(path)) == expected


@pytest.mark.parametrize('umask', [0o022, 0o077, 0o002])
def test_written_files_may_be_read_as_the_user_says(tmp_path, umask):
    """Temporary files are private; what is written is as open() makes it."""
    path = tmp_path / 'new' / 'x.txt'
    before = os.umask(umask)
    try:
        with atomic_write(path) as temporary:
            temporary.write_text('x')
        assert os.umask(umask) == umask  # it is as it was
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_failed_write_leaves_the_earlier_file(tmp_path):
    path = tmp_path / 'x.txt'
    path.write_text('old')

    def fail():
        with atomic_write(path) as temporary:
            temporary.write_text('half')
            raise OSError('full')

    with pytest.raises(OSError, match='full'):
        fail()
    assert path.read_text() == 'old'
    assert list(tmp_path.iterdir()) == [path]
