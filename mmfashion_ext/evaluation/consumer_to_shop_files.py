# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Official files of consumer-to-shop retrieval: read, check, write.

:mod:`.consumer_to_shop` says what the three lists hold. Their boxes are
[x1, y1, x2, y2] in px, while those of COCO files are [x, y, w, h].

Two compositions of the ground truth exist, and both can be evaluated:

==========  =============================  ================================
            query: items of consumers      gallery: items of shops
==========  =============================  ================================
released    with style > 0                 all
paper       all of the images that have    with style > 0
            one with style > 0
==========  =============================  ================================

They give different numbers: an item of style 0 in the query list owns the
detections that overlap it most, which its neighbours then lose.
"""

import json
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from ..errors import UserError
from ..formats.coco import CocoFields, CocoGroundTruth, read_coco
from ..formats.deepfashion2.constants import ATTRIBUTES, SOURCES
from ..formats.rules import Choice, Integer, Rule
from ..utils.files import atomic_write, read_json
from .coco_files import EvaluationError
from .consumer_to_shop_entries import (
    ANNOTATION_FIELDS,
    GT_FIELDS,
    gt_problem,
    result_problem,
)

Kind = Literal['query', 'gallery']
Composition = Literal['released', 'paper']
_Path = str | os.PathLike

COMPOSITIONS = ('released', 'paper')
#: Largest difference in px of two roundings of one box.
_SAME_BOX = 0.01
_WRITE_LISTS = (
    'use the official list or write it with '
    'tools/dataset_converters/retrieval_lists.py'
)
_CONVERT = (
    'convert the raw annotations with tools/dataset_converters/deepfashion2.py'
)


def load_retrieval_gt(gt: list[dict] | _Path, kind: Kind) -> list[dict]:
    """Read and check a ground-truth list.

    Args:
        gt (list[dict] | str | os.PathLike): The list, left as it is, or its
            file.
        kind (str): ``'query'`` or ``'gallery'``.

    Returns:
        list[dict]: The entries with all their keys; boxes (x1, y1, x2, y2)
        in px.

    Raises:
        EvaluationError: It is not such a list, or a query list without
            queries; names file and entry.
    """
    if kind not in GT_FIELDS:
        raise EvaluationError(
            f"kind must be 'query' or 'gallery', got {kind!r}"
        )
    where, entries = _read_list(gt, f'{kind} ground truth', _WRITE_LISTS)
    pair_ids: dict[int, int] = {}
    for index, entry in enumerate(entries):
        problem = gt_problem(entry, kind)
        if not problem:
            image_id, pair_id = entry[f'{kind}_image_id'], entry['pair_id']
            if pair_ids.setdefault(image_id, pair_id) != pair_id:
                problem = (
                    f'gives image {image_id} the pair_id {pair_id}, an '
                    f'earlier one {pair_ids[image_id]}, expected one per '
                    'image (ids start at 1 in every split: do not mix splits)'
                )
        if problem:
            raise EvaluationError(
                f'{where}: entry {index} {problem}; {_WRITE_LISTS}'
            )
    if kind == 'query' and all(entry['style'] == 0 for entry in entries):
        raise EvaluationError(
            f'{where}: none of {len(entries)} entries has style > 0, so '
            f'there is nothing to be found; {_WRITE_LISTS}'
        )
    return entries


def load_retrieval_results(results: list[dict] | _Path) -> list[dict]:
    """Read and check a result list.

    Args:
        results (list[dict] | str | os.PathLike): The list, left as it is, or
            its file. Retrieved boxes are (n, 4), x1, y1, x2, y2 in px, with
            any n.

    Returns:
        list[dict]: The entries, with whatever further keys they have.

    Raises:
        EvaluationError: It is not such a list; names file and entry.
    """
    remedy = 'write the official result list'
    where, entries = _read_list(results, 'results', remedy)
    for index, entry in enumerate(entries):
        if problem := result_problem(entry):
            raise EvaluationError(
                f'{where}: entry {index} {problem}; {remedy}'
            )
    return entries


def write_retrieval_list(path: _Path, entries: Iterable[dict]) -> None:
    """Write any of the three lists as JSON, an entry per line.

    Args:
        path (str | os.PathLike): File to write, whole or not at all.
        entries (Iterable[dict]): Values may be arrays and scalars of NumPy.

    Raises:
        ValueError: A number is not finite, which JSON cannot hold.
    """
    with atomic_write(Path(path)) as temporary, temporary.open('w') as file:
        separator = '[\n'
        for entry in entries:
            line = json.dumps(
                entry, allow_nan=False, default=lambda value: value.tolist()
            )
            file.write(separator + line)
            separator = ',\n'
        file.write('[]\n' if separator == '[\n' else '\n]\n')


def compose_retrieval_gt(
    coco: dict | _Path, composition: Composition = 'released'
) -> tuple[list[dict], list[dict]]:
    """Compose the two ground-truth lists from a COCO ground truth.

    Consumer items whose shop items are all missing, as may be in a part of
    the data, could never be found: they get style 0 and a warning.

    Args:
        coco (dict | str | os.PathLike): COCO ground truth of our converter,
            left as it is, or its file. It needs ``source`` and ``pair_id``
            of the images, ``style``, ``category_id`` and ``bbox`` of the
            annotations.
        composition (str): ``'released'`` or ``'paper'``, see above.

    Returns:
        tuple[list[dict], list[dict]]: Query and gallery ground truth in the
        order of the annotations, boxes (x1, y1, x2, y2) in px; the former is
        empty if nothing can be found.

    Raises:
        EvaluationError: The ground truth lacks a field.
    """
    if composition not in COMPOSITIONS:
        raise EvaluationError(
            f"composition must be 'released' or 'paper', got {composition!r}"
        )
    truth = _read_coco(coco, 'source', 'pair_id')
    queries, gallery = [], []
    for ann in truth.annotations:
        image = truth.images[ann['image_id']]
        pair_id, box = image['pair_id'], _corners(ann['bbox'])
        entry = {'style': ann['style'], 'pair_id': pair_id, 'bbox': box}
        if image['source'] == 'user':
            entry |= {'query_image_id': image['id'], 'cls': ann['category_id']}
            queries.append({key: entry[key] for key in GT_FIELDS['query']})
        else:
            entry |= {'gallery_image_id': image['id']}
            gallery.append({key: entry[key] for key in GT_FIELDS['gallery']})
    _drop_unanswerable(queries, gallery)
    if composition == 'released':
        return [entry for entry in queries if entry['style'] > 0], gallery
    query_images = {e['query_image_id'] for e in queries if e['style'] > 0}
    return (
        [e for e in queries if e['query_image_id'] in query_images],
        [entry for entry in gallery if entry['style'] > 0],
    )


def write_retrieval_gt(
    coco: dict | _Path,
    query: _Path,
    gallery: _Path,
    composition: Composition = 'released',
) -> tuple[list[dict], list[dict]]:
    """Make the two ground-truth lists from a COCO ground truth, write them.

    Args:
        coco (dict | str | os.PathLike): See :func:`compose_retrieval_gt`.
        query (str | os.PathLike): JSON of the query list to write.
        gallery (str | os.PathLike): JSON of the gallery list to write.
        composition (str): ``'released'`` or ``'paper'``, see above.

    Returns:
        tuple[list[dict], list[dict]]: Query and gallery ground truth.

    Raises:
        UserError: The ground truth does not have what is needed, nothing
            could be found, or a path is a folder. Nothing is written then.
    """
    for path in (query, gallery):
        if os.path.isdir(path):
            raise UserError(f'{path} is a folder, expected a file name')
    queries, items = compose_retrieval_gt(coco, composition)
    if not queries:
        where = 'ground truth' if isinstance(coco, dict) else coco
        raise UserError(
            f'{where}: no consumer item has a shop item of its pair_id and '
            'style, so that nothing can be a query; use a whole split'
        )
    write_retrieval_list(query, queries)
    write_retrieval_list(gallery, items)
    return queries, items


def add_attribute_codes(
    query_gt: list[dict], coco: dict | _Path
) -> list[dict]:
    """Add the codes of scale, occlusion, zoom-in and viewpoint to queries.

    Args:
        query_gt (list[dict]): Query ground truth, left as it is.
        coco (dict | str | os.PathLike): COCO ground truth of our converter
            that holds the same items, or its file.

    Returns:
        list[dict]: Copies with the four codes; entries of style 0, which
        are not queries, are returned without them.

    Raises:
        EvaluationError: An item is not in the COCO ground truth (same image,
            class, style and box), or its codes are not.
    """
    where = 'ground truth' if isinstance(coco, dict) else str(coco)
    annotations = {
        image['id']: items for image, items in _read_coco(coco).by_image()
    }
    extended = []
    for index, entry in enumerate(query_gt):
        if entry['style'] > 0:
            candidates = annotations.get(entry['query_image_id'], [])
            ann = next((a for a in candidates if _is_same(entry, a)), None)
            if ann is None:
                raise EvaluationError(
                    f'{where}: has no annotation of image '
                    f'{entry["query_image_id"]}, class {entry["cls"]}, style '
                    f'{entry["style"]} and corners {entry["bbox"]}, which is '
                    f'entry {index} of the query ground truth; use the COCO '
                    'ground truth of the same split'
                )
            if lacking := [name for name in ATTRIBUTES if name not in ann]:
                raise EvaluationError(
                    f'{where}: annotation {ann.get("id")} has no '
                    f'{", ".join(lacking)}, which the official conversion '
                    f'leaves out; {_CONVERT}'
                )
            entry = entry | {name: ann[name] for name in ATTRIBUTES}
        extended.append(entry)
    return extended


def _read_list(
    source: list[dict] | _Path, what: str, remedy: str
) -> tuple[str, list[dict]]:
    """Return what messages call the list, and the list."""
    where = what
    if not isinstance(source, list):
        where, source = (
            str(source),
            read_json(source, what, error=EvaluationError),
        )
    if not isinstance(source, list):
        raise EvaluationError(
            f'{where}: expected a list of entries as {what}, got '
            f'{type(source).__name__}; {remedy}'
        )
    return where, source


def _read_coco(coco: dict | _Path, *image_fields: str) -> CocoGroundTruth:
    """Read a COCO ground truth whose images have certain fields."""
    rules: dict[str, Rule] = {
        'id': Integer(),
        'source': Choice(SOURCES),
        'pair_id': Integer(),
    }
    fields = CocoFields(
        image={name: rules[name] for name in ('id', *image_fields)},
        annotation=ANNOTATION_FIELDS,
        remedy=_CONVERT,
        error=EvaluationError,
    )
    return read_coco(coco, fields, object_hook=_without_shapes)


def _without_shapes(item: dict) -> dict:
    """Free what fills the memory: 882 numbers an item, and polygons."""
    item.pop('keypoints', None)
    item.pop('segmentation', None)
    return item


def _corners(bbox: list[float]) -> list[float]:
    x, y, w, h = bbox
    return [x, y, x + w, y + h]


def _drop_unanswerable(queries: list[dict], gallery: list[dict]) -> None:
    """Set style 0 where the gallery has nothing to find."""
    existing = {(entry['pair_id'], entry['style']) for entry in gallery}
    dropped = 0
    for entry in queries:
        identity = entry['pair_id'], entry['style']
        if entry['style'] > 0 and identity not in existing:
            entry['style'] = 0
            dropped += 1
    if dropped:
        warnings.warn(
            f'{dropped} consumer items have no shop item of their pair_id and '
            'style: they are not queries'
        )


def _is_same(entry: dict, ann: dict) -> bool:
    pairs = zip(entry['bbox'], _corners(ann['bbox']), strict=True)
    return (
        entry['cls'] == ann['category_id']
        and entry['style'] == ann['style']
        and all(abs(a - b) <= _SAME_BOX for a, b in pairs)
    )
