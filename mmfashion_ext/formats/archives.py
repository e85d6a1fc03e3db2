# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Unpack archives safely: whole or not at all, bounded, inside their folder.

The sizes of all files are known from the archive before they are unpacked,
and are bounded: of a file, of all, and against the size of the archive, so
that a decompression bomb ends before it fills the disk.
"""

import errno
import gzip
import lzma
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..utils.sources import MAX_BYTES, check_regular_file

#: Largest file in an archive, and largest sum of all, in bytes.
MAX_FILE_BYTES = MAX_BYTES
MAX_TOTAL_BYTES = 64 * 2**30
#: Images are compressed already: an archive of them does not grow more than
#: this, in bytes a byte. Archives that stay small may.
MAX_GROWTH = 100
SMALL_BYTES = 256 * 2**20
MAX_MEMBERS = 5_000_000
_MAX_HEADER_BYTES = 2**20  # of names and other attributes in a tar archive

#: What the standard library raises for damaged, encrypted or odd archives.
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    LookupError,
    ArithmeticError,
    AttributeError,
    TypeError,
    struct.error,
)
#: Errors of the system that names in an archive cause: too long, a file and
#: a folder of one name ...; zipfile also seeks to where a damaged file says.
_DAMAGED_NUMBERS = {
    errno.EINVAL,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.ENOTEMPTY,
}
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


def unpack(archive: str | Path, folder: str | Path) -> Path:
    """Unpack a tar or zip archive into a new folder.

    The folder appears when it is complete. Members with absolute paths and
    paths that lead outside, symbolic links and devices are refused.

    Args:
        archive (str | Path): ``.tar`` (compressed or not) or ``.zip``.
        folder (str | Path): Folder to create; its parent must exist.

    Returns:
        Path: ``folder``.

    Raises:
        UserError: The archive is missing, damaged, of another kind, unsafe,
            or unpacks to more than :func:`unpacked_limit`.
    """
    archive, folder = Path(archive), Path(folder)
    check_regular_file(archive)
    temporary = Path(
        tempfile.mkdtemp(prefix=f'.{folder.name}.', dir=folder.parent)
    )
    try:
        _extract(archive, temporary)
        temporary.chmod(0o755)
        temporary.rename(folder)
    except (*_DAMAGED, OSError) as error:
        if isinstance(error, UserError):
            raise
        number = getattr(error, 'errno', None)
        if not (isinstance(error, _DAMAGED) or number in _DAMAGED_NUMBERS):
            raise
        reason = ' '.join(str(error).partition(':\n')[0].split())[:200]
        raise UserError(
            f'{archive} cannot be unpacked ({reason}); download it again, or '
            f'unpack it into {folder} yourself'
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def unpacked_limit(packed: int) -> int:
    """Return to how many bytes at most an archive of ``packed`` may unpack."""
    return min(max(SMALL_BYTES, MAX_GROWTH * packed), MAX_TOTAL_BYTES)


class _Budget:
    """Counts what an archive unpacks to, and ends it when it is too much."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.packed = archive.stat().st_size
        self.limit = unpacked_limit(self.packed)
        self.total = self.members = 0

    def add(self, name: str, size: int) -> None:
        """Count a file of ``size`` bytes before it is unpacked."""
        self.total += size
        self.members += 1
        problem = ''
        if size > MAX_FILE_BYTES:
            problem = (
                f'{name!r:.99} of {size:,} bytes, more than the '
                f'{MAX_FILE_BYTES:,} of a file'
            )
        elif self.total > self.limit:
            problem = (
                f'more than the {self.limit:,} bytes that an archive of '
                f'{self.packed:,} bytes may unpack to'
            )
        elif self.members > MAX_MEMBERS:
            problem = f'more than {MAX_MEMBERS:,} files'
        if problem:
            raise UserError(
                f'{self.archive} holds {problem}; download it again, or '
                'unpack it yourself if it is right'
            )


class _Member(tarfile.TarInfo):
    """Member of a tar archive whose names have a bounded length."""

    @classmethod
    def frombuf(cls, *args: Any, **kwargs: Any) -> '_Member':
        """Read a header; see the base class."""
        member = super().frombuf(*args, **kwargs)
        if member.type in _HEADERS and member.size > _MAX_HEADER_BYTES:
            raise tarfile.TarError('the name of a file is too long')
        return member


def _extract(archive: Path, folder: Path) -> None:
    budget = _Budget(archive)
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for info in file.infolist():
                if not _is_inside(folder, info.filename):
                    raise zipfile.BadZipFile(
                        f'{info.filename!r:.99} would lie outside'
                    )
                budget.add(info.filename, info.file_size)
            file.extractall(folder)
        return
    with tarfile.open(archive, tarinfo=_Member) as file:
        if not hasattr(tarfile, 'data_filter'):
            raise tarfile.TarError(
                'this Python is too old to unpack it safely'
            )
        for member in file:
            if member.issym():
                raise tarfile.TarError(
                    f'{member.name!r:.99} is a symbolic link'
                )
            budget.add(member.name, member.size)
            file.extract(member, folder, filter='data')


def _is_inside(folder: Path, name: str) -> bool:
    return (folder / name).resolve().is_relative_to(folder.resolve())
