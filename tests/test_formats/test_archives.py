# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import errno
import io
import tarfile
import zipfile

import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.archives import unpack


@pytest.mark.parametrize('ending', ['.zip', '.tar', '.tar.gz'])
def test_folders_are_unpacked_whole(tmp_path, ending):
    archive = tmp_path / f'a{ending}'
    if ending == '.zip':
        with zipfile.ZipFile(archive, 'w') as file:
            file.writestr('sub/x.txt', b'text')
    else:
        mode = 'w:gz' if ending.endswith('gz') else 'w'
        with tarfile.open(archive, mode) as file:
            member = tarfile.TarInfo('sub/x.txt')
            member.size = 4
            file.addfile(member, io.BytesIO(b'text'))
    folder = unpack(archive, tmp_path / 'new')
    assert folder == tmp_path / 'new'
    assert (folder / 'sub/x.txt').read_text() == 'text'
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted([archive.name, 'new'])


@pytest.mark.parametrize('name', ['../out.txt', '/tmp/out.txt'])
def test_archives_stay_inside(tmp_path, name):
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as file:
        file.writestr(name, b'x')
    with tarfile.open(tmp_path / 'a.tar', 'w') as file:
        file.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(UserError, match='would lie outside'):
        unpack(tmp_path / 'a.zip', tmp_path / 'new')
    if name.startswith('..'):  # tar strips a leading slash
        with pytest.raises(UserError, match='cannot be unpacked'):
            unpack(tmp_path / 'a.tar', tmp_path / 'new')
    assert sorted(p.name for p in tmp_path.iterdir()) == ['a.tar', 'a.zip']


@pytest.mark.parametrize('name', ['a.zip', 'a.tar', 'a.tar.gz'])
def test_other_files_are_refused_in_one_line(tmp_path, name):
    (tmp_path / name).write_bytes(b'text' * 300)
    with pytest.raises(UserError, match='cannot be unpacked') as error:
        unpack(tmp_path / name, tmp_path / 'new')
    assert '\n' not in str(error.value)


def test_a_full_disk_is_not_a_damaged_archive(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, 'No space left on device')

    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as file:
        file.writestr('x', b'x')
    monkeypatch.setattr(zipfile.ZipFile, 'extractall', fail)
    with pytest.raises(OSError, match='No space left'):
        unpack(tmp_path / 'a.zip', tmp_path / 'new')


def test_damaged_archive(tmp_path):
    (tmp_path / 'a.tar').write_bytes(b'nothing of the kind')
    with pytest.raises(UserError, match='download it again'):
        unpack(tmp_path / 'a.tar', tmp_path / 'new')
    with tarfile.open(tmp_path / 'b.tar', 'w') as file:
        info = tarfile.TarInfo('x')
        info.size = 5000
        file.addfile(info, io.BytesIO(bytes(5000)))
    whole = (tmp_path / 'b.tar').read_bytes()
    (tmp_path / 'b.tar').write_bytes(whole[:3000])
    with pytest.raises(UserError, match='download it again'):
        unpack(tmp_path / 'b.tar', tmp_path / 'new')
    assert sorted(p.name for p in tmp_path.iterdir()) == ['a.tar', 'b.tar']
