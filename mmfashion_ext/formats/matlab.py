# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Matrices and texts of MATLAB files (level 4 or 5), read without trust.

SciPy reads the same files, but a damaged one can crash its process.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ..utils.sources import check_regular_file

_MATRIX, _COMPRESSED = 14, 15
#: Element type -> NumPy's code of a number.
_NUMBERS = {
    1: 'i1',
    2: 'u1',
    3: 'i2',
    4: 'u2',
    5: 'i4',
    6: 'u4',
    7: 'f4',
    9: 'f8',
    12: 'i8',
    13: 'u8',
}
#: Digit P of the type of a variable of level 4 -> NumPy's code.
_OLD_NUMBERS = ('f8', 'f4', 'i4', 'i2', 'u2', 'u1')
#: Classes of arrays that are numeric and dense.
_CLASSES = range(6, 16)
_CELL, _CHAR = 1, 4
#: Element type -> encoding of a text.
_TEXTS = {
    1: 'latin1',
    2: 'latin1',
    4: 'utf-16',
    16: 'utf-8',
    17: 'utf-16',
}
_COMPLEX = 0x800
_HEADER = 128  # bytes
_MAX_BYTES = 2**30  # of a file, or of a decompressed variable
_HDF5 = b'\x89HDF\r\n\x1a\n'
_HDF5_STARTS = (0, 512)  # files of MATLAB begin with a text

_Element: TypeAlias = tuple[int, bytes]


class MatlabError(ValueError):
    """A file that is damaged or not of this format.

    Attributes:
        remedy (str): What to do about it.
    """

    remedy = 'download it again'


class Hdf5Error(MatlabError):
    """A file of MATLAB 7.3, which is one of HDF5."""

    remedy = (
        "save it again with MATLAB's save(..., '-v7'), or with "
        'scipy.io.savemat from what h5py reads (transposed)'
    )


def read_variable(path: str | Path, name: str) -> np.ndarray:
    """Read a real numeric matrix.

    Args:
        path (str | Path): ``.mat`` file of level 4 or 5 (``-v4`` to ``-v7``).
        name (str): Name of the variable.

    Returns:
        np.ndarray: Of the dtype and shape that are stored, (1, 1) of a
        number.

    Raises:
        KeyError: The file has no such variable.
        MatlabError: The file is damaged, of another level, or the variable is
            not a real numeric matrix. Of MATLAB 7.3: an ``Hdf5Error``.
        OSError: The file cannot be read.
        UserError: It is not a regular file.
    """
    content, order = _read_content(Path(path))
    if order is None:
        return _read_old_variable(content, name)
    flags, dimensions, parts = _find_matrix(content, order, name)
    return _to_array(flags, dimensions, _next(parts), order)


def read_texts(path: str | Path, name: str) -> list[str]:
    """Read a cell array of texts.

    Args:
        path (str | Path): ``.mat`` file of level 5 (``-v6`` or ``-v7``).
        name (str): Name of the variable.

    Returns:
        list[str]: The texts, column by column.

    Raises:
        KeyError: The file has no such variable.
        MatlabError: The file is damaged, of another level, or the variable is
            not a cell array of texts. Of MATLAB 7.3: an ``Hdf5Error``.
        OSError: The file cannot be read.
        UserError: It is not a regular file.
    """
    content, order = _read_content(Path(path))
    if order is None:
        raise MatlabError('it is of level 4, which has no cell arrays')
    flags, dimensions, parts = _find_matrix(content, order, name)
    if _flag(flags, order) & 0xFF != _CELL:
        raise MatlabError('the variable is not a cell array')
    texts = [_to_text(kind, data, order) for kind, data in parts]
    if math.prod(_shape(dimensions, order)) != len(texts):
        raise MatlabError('a variable has a wrong number of values')
    return texts


def _read_content(path: Path) -> tuple[bytes, str | None]:
    """Return the bytes of a file and their order; None of level 4."""
    check_regular_file(path)
    if path.stat().st_size > _MAX_BYTES:
        raise MatlabError(f'it has more than {_MAX_BYTES:,} bytes')
    content = path.read_bytes()
    if any(content.startswith(_HDF5, start) for start in _HDF5_STARTS):
        raise Hdf5Error('it is of MATLAB 7.3 (HDF5), expected level 4 or 5')
    if 0 in content[:4]:  # a text in files of level 5
        return content, None
    order = {b'IM': '<', b'MI': '>'}.get(content[126:_HEADER])
    if order is None:
        raise MatlabError('it is not a MATLAB file of level 4 or 5')
    return content, order


def _find_matrix(
    content: bytes, order: str, name: str
) -> tuple[_Element, _Element, Iterator[_Element]]:
    """Return flags, dimensions and the other elements of a variable."""
    for kind, data in _elements(content[_HEADER:], order):
        if kind == _COMPRESSED:
            kind, data = _decompress(data, order)
        if kind != _MATRIX:
            continue
        parts = _elements(data, order)
        flags, dimensions, label = (_next(parts) for _ in range(3))
        if label[1].decode('latin1') == name:
            return flags, dimensions, parts
    raise KeyError(name)


def _to_text(kind: int, data: bytes, order: str) -> str:
    """Return the text of a cell, '' of an empty one."""
    if kind != _MATRIX:
        raise MatlabError('a cell is not a matrix')
    if not data:
        return ''
    parts = _elements(data, order)
    flags, _, _, (code, letters) = (_next(parts) for _ in range(4))
    encoding = _TEXTS.get(code, '')
    if encoding == 'utf-16':
        encoding += '-le' if order == '<' else '-be'
    if _flag(flags, order) & 0xFF != _CHAR or not encoding:
        raise MatlabError('a cell is not a text')
    try:
        return letters.decode(encoding)
    except UnicodeDecodeError:
        raise MatlabError('a cell is not a text') from None


def _flag(flags: _Element, order: str) -> int:
    """Return class (the lowest 8 bits) and properties of a variable."""
    if len(flags[1]) != 8:
        raise MatlabError('a variable has a wrong head')
    return struct.unpack_from(f'{order}I', flags[1])[0]


def _shape(dimensions: _Element, order: str) -> list[int]:
    """Return the shape of a variable, (h, w) or more."""
    if len(dimensions[1]) % 4 or not dimensions[1]:
        raise MatlabError('a variable has a wrong head')
    return np.frombuffer(dimensions[1], f'{order}i4').tolist()


def _read_old_variable(content: bytes, name: str) -> np.ndarray:
    """Read a matrix of a file of level 4; see :func:`read_variable`."""
    start = 0
    while start < len(content):
        if len(content) - start < 20:
            raise MatlabError('it ends inside of a variable')
        for order in '<>':
            head = struct.unpack_from(f'{order}5i', content, start)
            kind, rows, columns, is_complex, length = head
            code, is_text = kind // 10 % 10, kind % 10
            if kind // 1000 == '<>'.index(order) and code < 6:
                break
        else:
            raise MatlabError('it is not a MATLAB file of level 4 or 5')
        code = f'{order}{_OLD_NUMBERS[code]}'
        size = rows * columns * np.dtype(code).itemsize
        begin = start + 20 + length
        stop = begin + size * (2 if is_complex else 1)
        if min(rows, columns, length) < 0 or stop > len(content):
            raise MatlabError('a variable has a wrong size')
        label = content[start + 20 : begin].rstrip(b'\0').decode('latin1')
        if label == name:
            if is_complex or is_text:
                raise MatlabError('the variable is not a real numeric matrix')
            numbers = np.frombuffer(content[begin : begin + size], code)
            return numbers.reshape(rows, columns, order='F')
        start = stop
    raise KeyError(name)


def _elements(data: bytes, order: str) -> Iterator[_Element]:
    """Yield types and contents of the elements of a stream."""
    start = 0
    while start < len(data):
        if len(data) - start < 8:
            raise MatlabError('it ends inside of an element')
        kind, size = struct.unpack_from(f'{order}2I', data, start)
        begin = start + 8
        if kind >> 16:  # up to 4 bytes in the second half of the tag
            kind, size, begin = kind & 0xFFFF, kind >> 16, start + 4
            stop = start + 8
            if size > 4:
                raise MatlabError('an element has a wrong size')
        else:
            padded = size if kind == _COMPRESSED else -(-size // 8) * 8
            stop = begin + padded
        if begin + size > len(data):
            raise MatlabError('it ends inside of an element')
        yield kind, data[begin : begin + size]
        start = stop


def _next(parts: Iterator[_Element]) -> _Element:
    try:
        return next(parts)
    except StopIteration:
        raise MatlabError('a variable is incomplete') from None


def _decompress(data: bytes, order: str) -> _Element:
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(data, _MAX_BYTES)
    except zlib.error as error:
        raise MatlabError(str(error)) from None
    if not stream.eof:
        raise MatlabError('a variable is incomplete or too large')
    return _next(_elements(content, order))


def _to_array(
    flags: _Element,
    dimensions: _Element,
    values: _Element,
    order: str,
) -> np.ndarray:
    """Return the (h, w, ...) array of the elements of a variable."""
    flag = _flag(flags, order)
    code = _NUMBERS.get(values[0])
    if flag & 0xFF not in _CLASSES or flag & _COMPLEX or code is None:
        raise MatlabError('the variable is not a real numeric matrix')
    shape = _shape(dimensions, order)
    count = math.prod(shape)
    if min(shape) < 0 or count * np.dtype(code).itemsize != len(values[1]):
        raise MatlabError('a variable has a wrong number of values')
    numbers = np.frombuffer(values[1], f'{order}{code}')
    return numbers.reshape(shape, order='F')
