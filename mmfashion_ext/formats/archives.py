# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Unpacking archives so that nothing lands outside and nothing is halved."""

import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path

from ..errors import UserError


def unpack(archive: str | Path, folder: str | Path) -> Path:
    """Unpack a tar or zip archive into a new folder.

    The folder appears when everything is in it. Members with absolute paths,
    paths that lead outside, and links that do, are refused.

    Args:
        archive (str | Path): ``.tar`` (compressed or not) or ``.zip``.
        folder (str | Path): To create; its parent exists.

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
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise UserError(
            f'{archive} cannot be unpacked ({error}); download it again, or '
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
