# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""COCO ground truth: the one reader of annotation files in COCO form.

Datasets and offline evaluation read the same files and need different fields
of them. Each declares its fields as tables of :mod:`.checks`; this module
reads, compares, and says in one line what is wrong and where.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..errors import UserError, describe
from ..utils.files import read_json
from ..utils.sources import check_regular_file
from .checks import Fields, list_problem, name_record, require, require_all
from .rules import (
    MAX_SIDE,
    Integer,
    ListOf,
    Number,
    Numbers,
    OptionalField,
    Text,
    show,
)
from .run_lengths import decode_counts

#: Fields of an image record that every dataset needs; sizes in px.
IMAGE_FIELDS: Fields = {
    'id': Integer(),
    'file_name': Text('a file name'),
    'width': Number(1, MAX_SIDE, 'px'),
    'height': Number(1, MAX_SIDE, 'px'),
}
BBOX = Numbers(4, 'x, y, w, h in px', limit=MAX_SIDE)
#: Fields of an annotation that every reader needs.
ANNOTATION_FIELDS: Fields = {
    'id': Integer(),
    'image_id': Integer(),
    'category_id': Integer(),
    'bbox': BBOX,
    'iscrowd': OptionalField(Integer(0, 1)),
}
#: Fields of a detection in the official list of results.
DETECTION_FIELDS: Fields = {
    'image_id': Integer(),
    'category_id': Integer(),
    'bbox': BBOX,
    'score': Number(),
}


@dataclass(frozen=True)
class CocoFields:
    """What a reader needs of a COCO file.

    Attributes:
        image (Fields): Fields of each image record; sizes (w, h) in px.
        annotation (Fields): Fields of each annotation; boxes (x, y, w, h)
            in px.
        category (Fields, optional): Fields of each category. None: the
            categories are not read.
        annotated (bool): Whether the file must have annotations.
        remedy (str): End of every message: what to do.
        error (type[UserError]): Class of the errors.
    """

    image: Fields
    annotation: Fields
    category: Fields | None = None
    annotated: bool = True
    remedy: str = 'make the file again'
    error: type[UserError] = UserError


@dataclass(frozen=True)
class CocoGroundTruth:
    """A checked COCO ground truth.

    Attributes:
        images (dict[int, dict]): Image records by id, in the order of the
            file; their sizes are (w, h) in px of the stored image.
        annotations (list[dict]): Annotations, in the order of the file;
            ``bbox`` is (x, y, w, h) in px.
        categories (list[dict]): Categories; empty if they were not read.
    """

    images: dict[int, dict]
    annotations: list[dict] = field(default_factory=list)
    categories: list[dict] = field(default_factory=list)

    def by_image(self) -> Iterator[tuple[dict, list[dict]]]:
        """Yield image records and their annotations: (image, [item, ...])."""
        annotations: dict[int, list[dict]] = {i: [] for i in self.images}
        for annotation in self.annotations:
            annotations[annotation['image_id']].append(annotation)
        for image_id, image in self.images.items():
            yield image, annotations[image_id]


def read_coco(
    source: dict | str | os.PathLike,
    fields: CocoFields,
    *,
    object_hook: Callable[[dict], Any] | None = None,
    backend_args: dict | None = None,
) -> CocoGroundTruth:
    """Read and check a COCO ground truth.

    Args:
        source (dict | str | os.PathLike): Its content, which is left as it
            is, a file, or a URL that MMEngine reads.
        fields (CocoFields): What is needed of it.
        object_hook (callable, optional): Called with each object of a file
            while it is parsed; its result stands for the object.
        backend_args (dict, optional): MMEngine's file backend.

    Returns:
        CocoGroundTruth: Records that obey the tables; their ids are unique,
        and every annotation has an image (and a category, if read). Sizes
        are (w, h) and boxes (x, y, w, h) in px.

    Raises:
        UserError: The first thing that is wrong, in one line with file and
            record.
    """
    where, content = 'ground truth', cast(Any, source)
    if not isinstance(source, dict):
        where = os.fspath(source)
        content = _load(where, fields.error, object_hook, backend_args)
    _check_lists(where, content, fields)
    images, annotations = content['images'], content.get('annotations', [])
    categories: list[dict] = []
    if fields.category is not None:
        categories = content['categories']
        _check(where, 'category', categories, fields.category, fields)
    _check(where, 'image', images, fields.image, fields)
    _check(where, 'annotation', annotations, fields.annotation, fields)
    by_id = {image['id']: image for image in images}
    _check_references(where, annotations, 'image', by_id, fields)
    if fields.category is not None:
        names = {category['id'] for category in categories}
        _check_references(where, annotations, 'category', names, fields)
    return CocoGroundTruth(by_id, annotations, categories)


def read_detections(
    path: str | os.PathLike, fields: Fields = DETECTION_FIELDS
) -> list[dict]:
    """Read a list of detections in COCO's result form.

    Args:
        path (str | os.PathLike): JSON file, or a URL that MMEngine reads.
        fields (Fields): What each entry must have.

    Returns:
        list[dict]: Entries with ``bbox`` (x, y, w, h) in px and ``score``.

    Raises:
        UserError: The file cannot be read or an entry is wrong; names both.
    """
    where = os.fspath(path)
    entries = _load(where, UserError, None, None, 'list of detections')
    if problem := list_problem(entries, 'detections'):
        raise UserError(f'{where} {problem}')
    for index, entry in enumerate(entries):
        require(entry, fields, f'{where}: entry {index}')
    return entries


def require_detections(path: str, found: int, usable: int) -> None:
    """Check that a file of detections leaves something to work on.

    Args:
        path (str): The file, for the message.
        found (int): Its detections.
        usable (int): Those that can be used.

    Raises:
        UserError: There are none.
    """
    if not usable:
        what = 'holds no detections'
        if found:
            what = f'holds {found} detections, of which none can be used'
        raise UserError(
            f'bbox_file {path} {what}; run the detector on the images of the '
            'annotations again, with a lower score threshold if it found '
            'nothing, or leave bbox_file out to use annotated boxes'
        )


@dataclass(frozen=True)
class Segmentation:
    """Rule for a COCO segmentation: None, polygons, or run lengths (RLE).

    A polygon is a flat list of x, y in px, run lengths are those of a mask
    (h, w).
    """

    def __call__(self, value: object) -> str:
        """Return what is wrong, an empty text if nothing is."""
        if value is None:
            return ''
        if isinstance(value, dict):
            return rle_problem(value)
        if not isinstance(value, list):
            return (
                f' {show(value)}, expected a list of polygons or run lengths '
                '{"size": [h, w], "counts": ...}'
            )
        rule = Numbers(note='x, y ... in px', limit=MAX_SIDE)
        for index, polygon in enumerate(value):
            if problem := rule(polygon):
                return f'[{index}]{problem}'
        return ''


def rle_problem(rle: dict) -> str:
    """Return what is wrong with a mask of run lengths; '' if nothing.

    pycocotools does not look: it crashes on such masks, or never ends.

    Args:
        rle (dict): ``size`` (h, w) in px as a list, and ``counts``: text,
            bytes or a list of integers that add up to h w.
    """
    size: Any = rle.get('size')
    counts = rle.get('counts')
    shape = ListOf(Integer(0, MAX_SIDE), 'integers (h, w in px)', 2)
    if problem := shape(size):
        return f' whose size is wrong, it has size{problem}'
    if isinstance(counts, list):
        numbers = np.array(counts) if not Numbers()(counts) else None
    else:
        numbers = decode_counts(counts)
    pixels = size[0] * size[1]
    if numbers is None or (numbers < 0).any() or numbers.sum() != pixels:
        return (
            f' whose counts are not run lengths of {size[0]} x {size[1]} '
            f'pixels: {show(counts)}'
        )
    return ''


def _load(
    path: str,
    error: type[UserError],
    object_hook: Callable[[dict], Any] | None,
    backend_args: dict | None,
    what: str = 'ground truth',
) -> Any:
    if '://' not in path and not backend_args:
        return read_json(path, what, error=error, object_hook=object_hook)
    from mmengine.fileio import get_text  # needed for URLs only

    try:
        if os.path.exists(local := path.removeprefix('file://')):
            check_regular_file(Path(local))
        text = get_text(path, backend_args=backend_args)
        return json.loads(text, object_hook=object_hook)
    except UserError as cause:
        raise error(f'cannot read the {what}: {cause}') from None
    except OSError as cause:
        raise error(
            f'{path}: cannot read the {what} ({cause}); check the URL'
        ) from cause
    except (ValueError, RecursionError) as cause:
        raise error(
            f'{path}: the {what} is not valid JSON ({cause}); write the file '
            'again'
        ) from cause


def _check_lists(where: str, content: object, fields: CocoFields) -> None:
    """Check that the file has the lists of a COCO ground truth."""
    names = ['images']
    if fields.annotated:
        names.append('annotations')
    if fields.category is not None:
        names.append('categories')
    expected = f'a COCO ground truth, an object with {", ".join(names)}'
    if not isinstance(content, dict):
        problem = show(content)
    elif missing := [name for name in names if name not in content]:
        problem = f'one without {", ".join(missing)}'
    else:
        problem = next(
            (
                f'{name} {show(content[name])}, not a list'
                for name in dict.fromkeys([*names, 'annotations'])
                if not isinstance(content.get(name, []), list)
            ),
            '',
        )
    if problem:
        raise fields.error(
            f'{where}: expected {expected}, got {problem}; {fields.remedy}'
        )


def _check(
    where: str, kind: str, records: list, table: Fields, fields: CocoFields
) -> None:
    """Check the fields of all records and that their ids are unique."""
    place = f'{where}: {kind}'
    require_all(records, table, place, fields.remedy, fields.error)
    ids, repeated = set(), []
    for record in records:
        if record['id'] in ids:
            repeated.append(record['id'])
        ids.add(record['id'])
    if repeated:
        raise fields.error(
            f'{where}: ids of {kind} records must be unique, got '
            f'{describe(repeated)} more than once; {fields.remedy}'
        )


def _check_references(
    where: str,
    annotations: list[dict],
    kind: str,
    known: dict | set,
    fields: CocoFields,
) -> None:
    """Check that the image or category of every annotation is listed."""
    for index, annotation in enumerate(annotations):
        if annotation[f'{kind}_id'] not in known:
            raise fields.error(
                f'{where}: annotation {name_record(annotation, index)} has '
                f'{kind}_id {annotation[f"{kind}_id"]}, which is not listed '
                f'in the file; {fields.remedy}'
            )
