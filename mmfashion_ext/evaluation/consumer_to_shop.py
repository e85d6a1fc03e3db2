# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Consumer-to-shop retrieval accuracy by the official DeepFashion2 protocol.

:mod:`.consumer_to_shop_files` reads and checks the official files. The three
lists, with boxes [x1, y1, x2, y2] in px throughout (the width is x2 - x1):

- query ground truth: ``query_image_id``, ``style``, ``cls`` (1..13),
  ``pair_id``, ``bbox``; an entry per garment of a consumer image;
- gallery ground truth: ``gallery_image_id``, ``style``, ``pair_id``,
  ``bbox``; an entry per garment of a shop image, which only decides what is
  right;
- results: ``query_image_id``, ``query_bbox``, ``query_cls``,
  ``query_score``, ``gallery_image_id`` (20 ids) and ``gallery_bbox`` (20
  boxes), best first; an entry per *detected* garment of a consumer image.

The rules, as the official script applies them:

1. Every query entry with style > 0 counts, whether or not its image has
   detections. Style 0 ("in no pair") is never a query.
2. A detection belongs to the entry of its image, style 0 included, with the
   highest intersection over union (IoU); the first one on ties. There is no
   least IoU: a detection that overlaps no entry belongs to the first one.
3. The candidates of an entry are its detections of its class. The one with
   the highest score represents it, the first in the file on ties; without
   candidates the query fails.
4. A retrieved item is right if its image and a gallery entry's are the same,
   their IoU is at least 0.5, and that entry has the query's pair_id and
   style.
5. top-k is the fraction of queries with a right item among the first k.

This implementation continues where the script stops for technical reasons:
at lists of fewer than 20 items or of different lengths (a missing item is not
found, items beyond the largest k are ignored) and at classes without queries.
The script asserts that a query has something to find in the gallery, but only
if the query is represented; here ``unanswerable`` says what to do, in any
case. Two degenerate boxes, whose IoU is 0 / 0, count as not overlapping.
"""

import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..formats.deepfashion2.constants import ATTRIBUTES, CATEGORIES
from .coco_files import EvaluationError

QueryState = Literal['found', 'not found', 'no candidate', 'no detection']
Unanswerable = Literal['error', 'miss']

#: The k of top-k accuracy.
TOPK = (1, 5, 10, 15, 20)
#: IoU at which a retrieved box is the gallery's.
MIN_IOU = 0.5
#: The published subset tables hold queries with more identical items.
MANY_IDENTICAL = 5


#: Whether the image has detections -> state of a query without candidates.
_FAILED: dict[bool, QueryState] = {True: 'no candidate', False: 'no detection'}


@dataclass(frozen=True)
class QueryOutcome:
    """Outcome of one query.

    Attributes:
        index (int): Index of the query in the query ground truth.
        state (str): ``'found'`` or ``'not found'`` among the retrieved
            items, ``'no candidate'`` if no detection of its class belongs
            to it, ``'no detection'`` if its image has none at all.
        representative (int): Index in the results of the detection that
            represents the query, -1 for none.
        rank (int): Rank of the first right item, 0 is best, -1 for none.
            It may be beyond the largest k.
        num_identical (int): Gallery entries of its pair_id and style.
    """

    index: int
    state: QueryState
    representative: int
    rank: int
    num_identical: int


def evaluate_retrieval(
    query_gt: list[dict],
    gallery_gt: list[dict],
    results: list[dict],
    *,
    topk: Sequence[int] = TOPK,
    per_category: bool = False,
    subsets: bool = False,
    unanswerable: Unanswerable = 'error',
) -> dict[str, float]:
    """Evaluate retrieval results under the official protocol.

    Args:
        query_gt (list[dict]): Query ground truth; further keys are allowed.
        gallery_gt (list[dict]): Gallery ground truth.
        results (list[dict]): Results; ``gallery_image_id`` (n,) and
            ``gallery_bbox`` (n, 4) px may be arrays.
        topk (Sequence[int]): The k of top-k accuracy.
        per_category (bool): Add ``<metric>/<category>`` by the class of the
            query.
        subsets (bool): Add ``<subset>/<metric>`` for the queries with more
            than five identical items in the gallery, ``identical>5``, and,
            if the query entries carry the attribute codes
            (:func:`~.consumer_to_shop_files.add_attribute_codes`), for
            ``scale=small`` ... and for both together, as in the published
            tables: ``identical>5,scale=small`` ...
        unanswerable (str): Queries with nothing to find in the gallery are
            an ``'error'`` or a ``'miss'``, which counts.

    Returns:
        dict[str, float]: ``top-<k>`` in 0-1, -1.0 for parts without
        queries; ``query_num``, the number of queries; ``miss_num``, those
        without candidates (like the official script, without the queries of
        images without any detection). Warns of results that look wrong,
        although the protocol can count them.

    Raises:
        EvaluationError: A query cannot be answered, see ``unanswerable``.
    """
    _warn_of_suspicious_results(query_gt, gallery_gt, results, max(topk))
    outcomes = query_outcomes(
        query_gt, gallery_gt, results, unanswerable=unanswerable
    )
    metrics = retrieval_metrics(outcomes, topk)
    if per_category:
        for category in CATEGORIES:
            part = [
                outcome
                for outcome in outcomes
                if query_gt[outcome.index]['cls'] == category.id
            ]
            for name, value in retrieval_metrics(part, topk).items():
                metrics[f'{name}/{category.name}'] = value
    if subsets:
        for subset, part in _subsets(query_gt, outcomes):
            for name, value in retrieval_metrics(part, topk).items():
                metrics[f'{subset}/{name}'] = value
    return metrics


def query_outcomes(
    query_gt: list[dict],
    gallery_gt: list[dict],
    results: list[dict],
    *,
    unanswerable: Unanswerable = 'error',
) -> list[QueryOutcome]:
    """Compute the outcome of every query.

    Args:
        query_gt (list[dict]): Query ground truth.
        gallery_gt (list[dict]): Gallery ground truth.
        results (list[dict]): Results; ``gallery_image_id`` (n,) and
            ``gallery_bbox`` (n, 4) px may be arrays.
        unanswerable (str): As in :func:`evaluate_retrieval`.

    Returns:
        list[QueryOutcome]: One per query entry with style > 0, in the order
        of the ground truth.

    Raises:
        EvaluationError: A query cannot be answered, see ``unanswerable``.
    """
    if unanswerable not in ('error', 'miss'):
        raise EvaluationError(
            f"unanswerable must be 'error' or 'miss', got {unanswerable!r}"
        )
    identical = _identical_items(gallery_gt)
    if unanswerable == 'error':
        _check_answerable(query_gt, identical)
    detections = _group_by_image(results)
    outcomes = []
    for image_id, entries in _group_by_image(query_gt).items():
        detected = detections.get(image_id, [])
        representatives = _choose_representatives(
            [query_gt[i] for i in entries], [results[i] for i in detected]
        )
        for index, choice in zip(entries, representatives, strict=True):
            if query_gt[index]['style'] <= 0:
                continue
            right_boxes = identical.get(_identity(query_gt[index]), {})
            rank, state = -1, _FAILED[bool(detected)]
            if choice >= 0:
                choice = detected[choice]
                rank = _first_right_rank(results[choice], right_boxes)
                state = 'not found' if rank < 0 else 'found'
            number = sum(len(boxes) for boxes in right_boxes.values())
            outcomes.append(QueryOutcome(index, state, choice, rank, number))
    return sorted(outcomes, key=lambda outcome: outcome.index)


def retrieval_metrics(
    outcomes: Sequence[QueryOutcome], topk: Sequence[int] = TOPK
) -> dict[str, float]:
    """Compute the metrics of all outcomes, or of any subset of queries.

    Args:
        outcomes (Sequence[QueryOutcome]): All or some of
            :func:`query_outcomes`.
        topk (Sequence[int]): The k of top-k accuracy.

    Returns:
        dict[str, float]: ``top-<k>``, ``query_num`` and ``miss_num``, see
        :func:`evaluate_retrieval`.
    """
    metrics = {}
    for k in topk:
        right = sum(0 <= outcome.rank < k for outcome in outcomes)
        metrics[f'top-{k}'] = right / len(outcomes) if outcomes else -1.0
    metrics['query_num'] = len(outcomes)
    metrics['miss_num'] = sum(o.state == 'no candidate' for o in outcomes)
    return metrics


def box_ious(
    first: Sequence[Sequence[float]] | np.ndarray,
    second: Sequence[Sequence[float]] | np.ndarray,
) -> np.ndarray:
    """Compute the intersection over union of two sets of boxes.

    Args:
        first (array-like): (A, 4), [x1, y1, x2, y2] in px.
        second (array-like): (B, 4), [x1, y1, x2, y2] in px.

    Returns:
        np.ndarray: (A, B) float64 in 0-1; 0 for two boxes without area.
    """
    a = np.asarray(first, dtype=float).reshape(-1, 1, 4)
    b = np.asarray(second, dtype=float).reshape(1, -1, 4)
    corners = np.maximum(a[..., :2], b[..., :2])
    sides = np.minimum(a[..., 2:], b[..., 2:]) - corners
    shared = np.clip(sides, 0, None).prod(axis=-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(axis=-1) for box in (a, b)]
    union = areas[0] + areas[1] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _group_by_image(entries: list[dict]) -> dict[int, list[int]]:
    """Group by consumer image: id -> indices of its entries, ascending."""
    groups = defaultdict(list)
    for index, entry in enumerate(entries):
        groups[entry['query_image_id']].append(index)
    return dict(groups)


def _identity(entry: dict) -> tuple[int, int]:
    """Return what identical items share: a style is one of its pair."""
    return entry['pair_id'], entry['style']


# pair_id and style -> shop image -> boxes of identical items.
_Identical = dict[tuple[int, int], dict[int, list[Sequence[float]]]]


def _identical_items(gallery_gt: list[dict]) -> _Identical:
    items: _Identical = {}
    for entry in gallery_gt:
        boxes = items.setdefault(_identity(entry), {})
        boxes.setdefault(entry['gallery_image_id'], []).append(entry['bbox'])
    return items


def _check_answerable(query_gt: list[dict], identical: _Identical) -> None:
    unanswerable = [
        index
        for index, entry in enumerate(query_gt)
        if entry['style'] > 0 and _identity(entry) not in identical
    ]
    if unanswerable:
        index, *others = unanswerable
        entry = query_gt[index]
        more = f' (and {len(others)} more)' if others else ''
        raise EvaluationError(
            f'query ground truth: entry {index}{more} has no gallery entry of '
            f'its pair_id {entry["pair_id"]} and style {entry["style"]} to be '
            'found; use the gallery list of the same split, or count it as '
            "failed: unanswerable='miss', for the tool --unanswerable miss"
        )


def _choose_representatives(
    entries: list[dict], detections: list[dict]
) -> list[int]:
    """Return the index of the detection of each entry, -1 for none."""
    if not detections:
        return [-1] * len(entries)
    overlaps = box_ious(
        [detection['query_bbox'] for detection in detections],
        [entry['bbox'] for entry in entries],
    )
    owners = overlaps.argmax(axis=1)  # the first one on ties
    representatives = []
    for number, entry in enumerate(entries):
        candidates = [
            index
            for index, detection in enumerate(detections)
            if owners[index] == number
            and detection['query_cls'] == entry['cls']
        ]
        best = max(  # the first one on ties
            candidates,
            key=lambda index: detections[index]['query_score'],
            default=-1,
        )
        representatives.append(best)
    return representatives


def _first_right_rank(
    detection: dict, right_boxes: dict[int, list[Sequence[float]]]
) -> int:
    """Return the rank of the first right retrieved item, -1 for none."""
    retrieved = zip(
        detection['gallery_image_id'], detection['gallery_bbox'], strict=True
    )
    for rank, (image_id, box) in enumerate(retrieved):
        boxes = right_boxes.get(image_id)
        if boxes and (box_ious([box], boxes) >= MIN_IOU).any():
            return rank
    return -1


def _subsets(
    query_gt: list[dict], outcomes: list[QueryOutcome]
) -> Iterator[tuple[str, list[QueryOutcome]]]:
    many = [o for o in outcomes if o.num_identical > MANY_IDENTICAL]
    queries = [query_gt[outcome.index] for outcome in outcomes]
    yield f'identical>{MANY_IDENTICAL}', many
    coded = [all(name in query for name in ATTRIBUTES) for query in queries]
    if not all(coded):
        warnings.warn(
            f'{coded.count(False)} of {len(coded)} queries have no attribute '
            'codes, which the official lists lack: no subsets by scale, '
            'occlusion, zoom-in and viewpoint. Give the COCO ground truth '
            'too (add_attribute_codes, for the tool --gt)'
        )
        return
    for prefix, part in (
        ('', outcomes),
        (f'identical>{MANY_IDENTICAL},', many),
    ):
        for attribute, values in ATTRIBUTES.items():
            for code, value in values.items():
                subset = [
                    outcome
                    for outcome in part
                    if query_gt[outcome.index][attribute] == code
                ]
                yield f'{prefix}{attribute}={value}', subset


def _warn_of_suspicious_results(
    query_gt: list[dict],
    gallery_gt: list[dict],
    results: list[dict],
    depth: int,
) -> None:
    """Warn of results that the protocol silently counts as wrong."""
    if not results:
        warnings.warn('no results: every top-k is 0')
    query_images = {entry['query_image_id'] for entry in query_gt}
    shop_images = {entry['gallery_image_id'] for entry in gallery_gt}
    unknown = sum(
        entry['query_image_id'] not in query_images for entry in results
    )
    if unknown:
        warnings.warn(
            f'{unknown} of {len(results)} results are of images that are not '
            'in the query ground truth, and are ignored'
        )
    lengths = [len(entry['gallery_image_id']) for entry in results]
    if short := sum(length < depth for length in lengths):
        warnings.warn(
            f'{short} of {len(results)} results have fewer than {depth} '
            'retrieved items, which the official script does not accept; '
            'missing items count as not found'
        )
    retrieved: list[Any] = [
        image_id for entry in results for image_id in entry['gallery_image_id']
    ]
    unknown = sum(image_id not in shop_images for image_id in retrieved)
    if unknown:
        warnings.warn(
            f'{unknown} of {len(retrieved)} retrieved items are of images '
            'that are not in the gallery ground truth, and count as wrong'
        )
