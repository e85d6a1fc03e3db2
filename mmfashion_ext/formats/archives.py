# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Unpack archives safely: whole or not at all, and inside their folder."""

import errno
import gzip
import lzma
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

from ..errors import UserError

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
)


def unpack(archive: str | Path, folder: str | Path) -> Path:
    """Unpack a tar or zip archive into a new folder.

    The folder appears when it is complete. Members with absolute paths, and
    paths or links that lead outside, are refused.

    Args:
        archive (str | Path): ``.tar`` (compressed or not) or ``.zip``.
        folder (str | Path): Folder to create; its parent must exist.

    Returns:
        Path: ``folder``.

    Raises:
        UserError: The archive is damaged, of another kind, or unsafe.
    """
    archive, folder = Path(archive), Path(folder)
    temporary = Path(
        tempfile.mkdtemp(prefix=f'.{folder.name}.', dir=folder.parent)
    )
    try:
        _extract(archive, temporary)
        temporary.chmod(0o755)
        temporary.rename(folder)
    except (*_DAMAGED, OSError) as error:
        # zipfile seeks to where a damaged file says
        damaged = isinstance(error, _DAMAGED) or error.errno == errno.EINVAL
        if not damaged:
            raise
        reason = str(error).partition(':\n')[0]
        raise UserError(
            f'{archive} cannot be unpacked ({reason}); download it again, or '
            f'unpack it into {folder} yourself'
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _extract(archive: Path, folder: Path) -> None:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for name in file.namelist():
                if not _is_inside(folder, name):
                    raise zipfile.BadZipFile(f'{name!r} would lie outside')
            file.extractall(folder)
        return
    with tarfile.open(archive) as file:
        if not hasattr(tarfile, 'data_filter'):
            raise tarfile.TarError(
                'this Python is too old to unpack it safely'
            )
        file.extractall(folder, filter='data')


def _is_inside(folder: Path, name: str) -> bool:
    return (folder / name).resolve().is_relative_to(folder.resolve())
