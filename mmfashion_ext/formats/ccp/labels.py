# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Pixel labels and tags of Clothing Co-Parsing: MATLAB files or PNGs.

========================  ==========================================
``label_list.mat``        variable ``label_list``, cells of names
``pixel-level/0001.mat``  ``groundtruth`` (h, w), indices of names
``image-level/1005.mat``  ``tags`` (1, n), indices of names
``label_names.json``      list of names
``labels/0001.png``       grey values or palette indices, as above
========================  ==========================================
"""

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from ...errors import UserError
from ...utils.files import read_json
from ...utils.images import open_image
from ...utils.sources import check_regular_file
from ..image_files import reason_of
from ..matlab import MatlabError, read_texts, read_variable
from ..rules import Array, ListOf, Text, show
from .constants import TAGS

_NAMES = ListOf(Text('the name of a tag'), 'names of tags')
_Content = TypeVar('_Content')


def read_tag_list(path: Path) -> tuple[str, ...]:
    """Read the names of the labels.

    Args:
        path (Path): ``label_list.mat`` or ``label_names.json``.

    Returns:
        tuple[str, ...]: Names of the labels 0, 1 ...: known ones, each once,
        in any order.

    Raises:
        UserError: It cannot be read, or has other names.
    """
    check_regular_file(path)
    again = 'download it again'
    if path.suffix.lower() == '.mat':
        try:
            names = _read_matlab(path, 'label_list', read_texts)
        except UserError as error:
            raise UserError(f'{error}; {again}') from None
    else:
        names = read_json(path, 'list of tags')
    if problem := _NAMES(names):
        raise UserError(f'{path} holds{problem}; {again}')
    for index, name in enumerate(names):
        problem = ''
        if name not in TAGS:
            near = difflib.get_close_matches(name, TAGS, 1, 0.75)
            guess = f' (is it {near[0]!r}?)' if near else ''
            problem = f'which is not one of the {len(TAGS)} tags{guess}'
        elif names.index(name) != index:
            problem = f'which label {names.index(name)} has already'
        if problem:
            raise UserError(
                f'{path} has {show(name)} as name of label {index}, '
                f'{problem}; {again}'
            )
    if not names or names[0] != TAGS[0]:
        raise UserError(
            f'{path} has {show(names[0] if names else None)} as name of label '
            f'0, expected {TAGS[0]!r}, the background; {again}'
        )
    return tuple(names)


def read_label_map(path: Path, count: int = len(TAGS)) -> np.ndarray:
    """Read the pixel labels of a photograph.

    Args:
        path (Path): ``.mat`` with the variable ``groundtruth``, or an image
            of grey values or palette indices.
        count (int): Labels are below.

    Returns:
        np.ndarray: (h, w) uint8, indices into the list of tags.

    Raises:
        UserError: What is wrong, to follow the name of the file.
    """
    try:
        if path.suffix.lower() == '.mat':
            name = 'groundtruth'
            labels = _read_matlab(path, name, read_variable)
        else:
            name = 'labels'
            labels = _read_image(path)
    except UserError as error:
        raise UserError(reason_of(error, path)) from None
    if problem := Array(('h', 'w'), 'iuf', below=count)(labels):
        raise UserError(f'has {name}{problem}')
    return labels.astype(np.uint8)


def read_image_tags(path: Path, count: int = len(TAGS)) -> tuple[int, ...]:
    """Read the tags of a photograph without pixel labels.

    Args:
        path (Path): ``.mat`` with the variable ``tags``.
        count (int): Labels are below.

    Returns:
        tuple[int, ...]: Labels, indices into the list of tags, each once,
        the background (0) included if it is listed.

    Raises:
        UserError: What is wrong, to follow the name of the file.
    """
    try:
        tags = _read_matlab(path, 'tags', read_variable)
    except UserError as error:
        raise UserError(reason_of(error, path)) from None
    if problem := Array(('n',), 'iuf', below=count)(tags.ravel()):
        raise UserError(f'has tags{problem}')
    return tuple(sorted({int(tag) for tag in tags.ravel()}))


def _read_matlab(
    path: Path, name: str, read: Callable[[Path, str], _Content]
) -> _Content:
    """Read a variable; name file, problem and remedy in one line."""
    try:
        return read(path, name)
    except KeyError:
        raise UserError(f'{path} has no variable {name}') from None
    except (OSError, MatlabError) as error:
        raise UserError(f'{path} cannot be read ({error})') from error


def _read_image(path: Path) -> np.ndarray:
    """Return grey values or palette indices (h, w)."""
    image = open_image(path, orientation=False)
    labels = np.asarray(image)
    if image.mode == 'RGB' and (labels == labels[:, :, :1]).all():
        labels = labels[:, :, 0]
    if labels.ndim != 2 or image.mode == '1':
        raise UserError(
            f'{path} is an image in colours or of single bits (mode '
            f'{image.mode}), expected labels as grey values or with a palette'
        )
    return labels
