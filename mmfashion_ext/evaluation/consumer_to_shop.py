# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The official DeepFashion2 consumer-to-shop retrieval protocol.

Plain lists in, plain numbers out; :mod:`.retrieval_files` reads and checks
the official files. The three lists, boxes [x1, y1, x2, y2] in px throughout
(width x2 - x1, no + 1):

- query ground truth: ``query_image_id``, ``style``, ``cls`` (1..13),
  ``pair_id``, ``bbox``; an entry per garment of a consumer image;
- gallery ground truth: ``gallery_image_id``, ``style``, ``pair_id``,
  ``bbox``; an entry per garment of a shop image, used for nothing but to
  tell right from wrong;
- results: ``query_image_id``, ``query_bbox``, ``query_cls``,
  ``query_score``, ``gallery_image_id`` (20 ids) and ``gallery_bbox`` (20
  boxes), best first; an entry per *detected* garment of a consumer image.

The rules, as the official script applies them:

1. Every query entry with style > 0 counts, whether or not its image has
   detections. Style 0 ("in no pair") is never asked for.
2. A detection belongs to the entry of its image, style 0 included, with the
   highest intersection over union (IoU); the first one on ties. There is no
   lowest IoU: what overlaps nothing belongs to the first entry.
3. The candidates of an entry are its detections of its class. The one with
   the highest score represents it, the first in the file on ties; without
   candidates the query fails.
4. A retrieved item is right if its image and a gallery entry's are the same,
   their IoU is at least 0.5, and that entry has the query's pair_id and
   style.
5. top-k is the share of queries with a right item among the first k.

Where the script stops for a technical reason this one goes on: lists of
fewer than 20 items or of different lengths (what is missing is not found,
what is beyond the largest k is not looked at) and classes nobody asks for.
It asserts that a query has something to be found in the gallery, but only
once the query is represented; here ``unanswerable`` says what to do, at
once. Two degenerate boxes, whose IoU is 0 / 0, count as not overlapping.
"""

import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..formats.deepfashion2.constants import ATTRIBUTES, CATEGORIES
from .coco_files import EvaluationError

State = Literal['found', 'not found', 'no candidate', 'no detection']
Unanswerable = Literal['error', 'miss']

#: The k of top-k accuracy.
TOPK = (1, 5, 10, 15, 20)
#: IoU at which a retrieved box is the gallery's.
MIN_IOU = 0.5
#: The published subset tables are of queries with more identical items.
MANY_IDENTICAL = 5


@dataclass(frozen=True)
class QueryOutcome:
    """What became of one query.

    Attributes:
        index (int): Its place in the query ground truth.
        state (str): ``'found'`` or ``'not found'`` among the retrieved
            items, ``'no candidate'`` if no detection of its class belongs
            to it, ``'no detection'`` if its image has none at all.
        representative (int): Place in the results of the detection that
            represents it, -1 for none.
        rank (int): Place of the first right item, 0 is best, -1 for none.
            It may be beyond the largest k.
        num_identical (int): Gallery entries of its pair_id and style.
    """

    index: int
    state: State
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
        query_gt (list[dict]): Query ground truth; further keys may stay.
        gallery_gt (list[dict]): Gallery ground truth.
        results (list[dict]): Results; the lists inside may be arrays.
        topk (Sequence[int]): The k of top-k accuracy.
        per_category (bool): Add ``<metric>/<category>`` by the class of the
            query.
        subsets (bool): Add ``<subset>/<metric>`` for the queries with more
            than five identical items in the gallery, ``identical>5``, and,
            if the query entries carry the attribute codes
            (:func:`.retrieval_files.add_attribute_codes`), for
            ``scale=small`` ... and for both together, as the published
            tables are: ``identical>5,scale=small`` ...
        unanswerable (str): Queries without anything to be found in the
            gallery are an ``'error'`` or a ``'miss'``, which counts.

    Returns:
        dict[str, float]: ``top-<k>`` in 0-1, -1.0 where there are no
        queries; ``query_num``, the number of queries; ``miss_num``, those
        without candidates, to which the official script does not count the
        queries of images without any detection. Warns of results that look
        wrong, but that the protocol knows how to count.

    Raises:
        EvaluationError: A query cannot be answered, see ``unanswerable``.
    """
    _warn_of_oddities(query_gt, gallery_gt, results, max(topk))
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
    """Find out what became of every query.

    Args:
        query_gt (list[dict]): Query ground truth.
        gallery_gt (list[dict]): Gallery ground truth.
        results (list[dict]): Results; the lists inside may be arrays.
        unanswerable (str): As in :func:`evaluate_retrieval`.

    Returns:
        list[QueryOutcome]: One for each query entry with style > 0, in their
        order.

    Raises:
        EvaluationError: A query cannot be answered, see ``unanswerable``.
    """
    if unanswerable not in ('error', 'miss'):
        raise ValueError(
            f"unanswerable must be 'error' or 'miss', got {unanswerable!r}"
        )
    identical = _identical_items(gallery_gt)
    if unanswerable == 'error':
        _check_answerable(query_gt, identical)
    detections = _places(results)
    outcomes = []
    for image_id, entries in _places(query_gt).items():
        found = detections.get(image_id, [])
        representatives = _representatives(
            [query_gt[i] for i in entries], [results[i] for i in found]
        )
        for index, choice in zip(entries, representatives, strict=True):
            if query_gt[index]['style'] <= 0:
                continue
            wanted = identical.get(_identity(query_gt[index]), {})
            rank, state = -1, 'no candidate' if found else 'no detection'
            if choice >= 0:
                choice = found[choice]
                rank = _first_right(results[choice], wanted)
                state = 'not found' if rank < 0 else 'found'
            number = sum(len(boxes) for boxes in wanted.values())
            outcomes.append(QueryOutcome(index, state, choice, rank, number))
    return sorted(outcomes, key=lambda outcome: outcome.index)


def retrieval_metrics(
    outcomes: Sequence[QueryOutcome], topk: Sequence[int] = TOPK
) -> dict[str, float]:
    """Count outcomes, all of them or those of any subset of queries.

    Args:
        outcomes (Sequence[QueryOutcome]): Some of :func:`query_outcomes`.
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
    """Intersection over union of every box with every other.

    Args:
        first (array-like): (A, 4), [x1, y1, x2, y2] in px.
        second (array-like): (B, 4), likewise.

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


def _places(entries: list[dict]) -> dict[int, list[int]]:
    """Consumer image -> places of its entries, in their order."""
    places = defaultdict(list)
    for place, entry in enumerate(entries):
        places[entry['query_image_id']].append(place)
    return dict(places)


def _identity(entry: dict) -> tuple[int, int]:
    """A style is a number inside its pair only."""
    return entry['pair_id'], entry['style']


# What there is to find: identity -> shop image -> boxes.
_Identical = dict[tuple[int, int], dict[int, list[Sequence[float]]]]


def _identical_items(gallery_gt: list[dict]) -> _Identical:
    items = defaultdict(lambda: defaultdict(list))
    for entry in gallery_gt:
        boxes = items[_identity(entry)][entry['gallery_image_id']]
        boxes.append(entry['bbox'])
    return items


def _check_answerable(query_gt: list[dict], identical: _Identical) -> None:
    lonely = [
        index
        for index, entry in enumerate(query_gt)
        if entry['style'] > 0 and _identity(entry) not in identical
    ]
    if lonely:
        first = query_gt[lonely[0]]
        others = f' (and {len(lonely) - 1} more)' if lonely[1:] else ''
        raise EvaluationError(
            f'query ground truth: entry {lonely[0]}{others} has no gallery '
            f'entry of its pair_id {first["pair_id"]} and style '
            f'{first["style"]} to be found; take the gallery list of the '
            "same split, or count it as failed: unanswerable='miss', for the "
            'tool --unanswerable miss'
        )


def _representatives(entries: list[dict], detections: list[dict]) -> list[int]:
    """The detection that represents each entry of an image, -1 for none."""
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
            place
            for place, detection in enumerate(detections)
            if owners[place] == number
            and detection['query_cls'] == entry['cls']
        ]
        best = max(  # the first one on ties
            candidates,
            key=lambda place: detections[place]['query_score'],
            default=-1,
        )
        representatives.append(best)
    return representatives


def _first_right(
    detection: dict, wanted: dict[int, list[Sequence[float]]]
) -> int:
    """Place of the first right one of the retrieved items, -1 for none."""
    retrieved = zip(
        detection['gallery_image_id'], detection['gallery_bbox'], strict=True
    )
    for rank, (image_id, box) in enumerate(retrieved):
        boxes = wanted.get(image_id)
        if boxes and (box_ious([box], boxes) >= MIN_IOU).any():
            return rank
    return -1


def _subsets(
    query_gt: list[dict], outcomes: list[QueryOutcome]
) -> Iterator[tuple[str, list[QueryOutcome]]]:
    many = [o for o in outcomes if o.num_identical > MANY_IDENTICAL]
    queries = [query_gt[outcome.index] for outcome in outcomes]
    known = [all(name in query for name in ATTRIBUTES) for query in queries]
    yield f'identical>{MANY_IDENTICAL}', many
    if not all(known):
        warnings.warn(
            f'{known.count(False)} of {len(known)} queries have no attribute '
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
                chosen = [
                    outcome
                    for outcome in part
                    if query_gt[outcome.index][attribute] == code
                ]
                yield f'{prefix}{attribute}={value}', chosen


def _warn_of_oddities(
    query_gt: list[dict],
    gallery_gt: list[dict],
    results: list[dict],
    depth: int,
) -> None:
    """Say what the protocol counts as wrong without a word."""
    if not results:
        warnings.warn('no results: every top-k is 0')
    asked = {entry['query_image_id'] for entry in query_gt}
    known = {entry['gallery_image_id'] for entry in gallery_gt}
    alien = sum(entry['query_image_id'] not in asked for entry in results)
    if alien:
        warnings.warn(
            f'{alien} of {len(results)} results are of images that are not '
            'in the query ground truth, and were left out'
        )
    lengths = [len(entry['gallery_image_id']) for entry in results]
    if short := sum(length < depth for length in lengths):
        warnings.warn(
            f'{short} of {len(results)} results have fewer than {depth} '
            'retrieved items, which the official script does not take; what '
            'is missing counts as not found'
        )
    retrieved: list[Any] = [
        image_id for entry in results for image_id in entry['gallery_image_id']
    ]
    if alien := sum(image_id not in known for image_id in retrieved):
        warnings.warn(
            f'{alien} of {len(retrieved)} retrieved items are of images that '
            'are not in the gallery ground truth, and count as wrong'
        )
