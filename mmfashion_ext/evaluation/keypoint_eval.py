# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""COCO keypoint evaluation of landmarks, vectorized with NumPy.

The protocol and every digit are those of pycocotools, which is slow because
it loops in Python: over similarities, each of all 294 landmarks, and over
matches. Here the similarities of a category are computed together, over the
labelled landmarks only, and the images of a category are matched together,
first their best detections, then their second ones, and so on.

Symbols: ``D`` detections and ``G`` items of one category, ``K = 294``
landmarks, ``A`` ranges of area, ``T`` thresholds of similarity, ``R``
thresholds of recall, ``n`` images.
"""

from collections import defaultdict
from typing import NamedTuple

import numpy as np
from pycocotools import mask as mask_utils
from pycocotools.cocoeval import Params

from ..formats.deepfashion2.constants import NUM_LANDMARKS, SIGMAS


def keypoint_similarity(
    detections: np.ndarray,
    truths: np.ndarray,
    boxes: np.ndarray,
    areas: np.ndarray,
    pairs: tuple[np.ndarray, np.ndarray],
    sigmas: np.ndarray,
) -> np.ndarray:
    """Compute the object keypoint similarity (OKS) of pairs.

    An item without labelled landmarks is similar to detections in or near
    its box; COCO uses that to ignore detections of such items.

    Args:
        detections (np.ndarray): (D, K, 2) px.
        truths (np.ndarray): (G, K, 3), x, y in px and v, 0 where a landmark
            is not labelled.
        boxes (np.ndarray): (G, 4) xywh px of the items.
        areas (np.ndarray): (G,) px^2 of the items.
        pairs (tuple[np.ndarray, np.ndarray]): (P,) indices of detections and
            (P,) indices of items.
        sigmas (np.ndarray): (K,) sigmas of the landmarks.

    Returns:
        np.ndarray: (P,) float64, 0-1.
    """
    variances = (sigmas * 2) ** 2
    labelled = truths[..., 2] > 0
    columns = np.argsort(~labelled, axis=1, kind='stable')  # labelled first
    counts = labelled.sum(axis=1)[pairs[1]]
    similarity = np.empty(len(counts))
    # pairs with the same number of landmarks make a full array: the mean of a
    # padded one would add in another order and differ in the last digit
    for count in np.unique(counts):
        chosen = counts == count
        i, j = (index[chosen, None] for index in pairs)
        k = columns[j[:, 0], : count or None]
        offset = detections[i, k]
        if count:
            offset -= truths[j, k, :2]
        else:
            corner, size = boxes[j, :2], boxes[j, 2:]
            offset = np.maximum(corner - size - offset, 0) + np.maximum(
                offset - (corner + size * 2), 0
            )
        square = offset[..., 0] ** 2 + offset[..., 1] ** 2
        exponent = square / variances[k] / (areas[j] + np.spacing(1)) / 2
        similarity[chosen] = np.exp(-exponent).sum(axis=1) / k.shape[1]
    return similarity


class LandmarkEvaluator:
    """Evaluator of landmarks with pycocotools' interface, but faster.

    Args:
        gt (dict): Output of :func:`~.coco_files.load_ground_truth`.
        results (list[dict]): Output of :func:`~.coco_files.load_results`.

    Attributes:
        params (Params): Thresholds, ranges and categories.
        subset (tuple[str, int] | None): Attribute and code of the items that
            count; None for all items.
        eval (dict[str, np.ndarray]): ``precision`` (T, R, categories, A, 1)
            and ``recall`` (T, categories, A, 1) after :meth:`run`.
    """

    def __init__(self, gt: dict, results: list[dict]) -> None:
        self.params = Params('keypoints')
        self.params.catIds = sorted({c['id'] for c in gt['categories']})
        self.subset = None
        self.eval: dict[str, np.ndarray] = {}
        items: dict[int, list[dict]] = defaultdict(list)
        detections: dict[int, list[dict]] = defaultdict(list)
        for entries, by_category in (
            (gt['annotations'], items),
            (results, detections),
        ):
            for entry in entries:
                by_category[entry['category_id']].append(entry)
        self._categories = [
            _Category(items[id], detections[id], self.params.maxDets[-1])
            for id in self.params.catIds
        ]

    def run(self) -> None:
        """Match detections with items; fill ``eval``, (T, R, C, A, 1)."""
        p = self.params
        per_category = [
            category.precision_recall(p, self.subset)
            for category in self._categories
        ]
        precision, recall = zip(*per_category, strict=True)
        self.eval = {
            'precision': np.stack(precision, axis=2)[..., None],
            'recall': np.stack(recall, axis=1)[..., None],
        }


class _Block(NamedTuple):
    """Images that have the same number of items of a category, G.

    Attributes:
        detections (np.ndarray): (n, D) int indices of the images'
            detections, best first, -1 where an image has fewer than D.
        items (np.ndarray): (n, G) int indices of the images' items.
        similarity (np.ndarray): (n, D, G) float64, 0-1.
    """

    detections: np.ndarray
    items: np.ndarray
    similarity: np.ndarray


class _Category:
    """The items and detections of one category.

    Args:
        items (list[dict]): Annotations.
        detections (list[dict]): Results.
        limit (int): Largest number of detections per image that count.
    """

    def __init__(
        self, items: list[dict], detections: list[dict], limit: int
    ) -> None:
        self.items = items
        self.item_areas = np.array([item['area'] for item in items])
        self.crowd = np.array([bool(item['iscrowd']) for item in items], bool)
        images, groups = np.unique(
            [entry['image_id'] for entry in items + detections],
            return_inverse=True,
        )
        item_images, detection_images = np.split(groups, [len(items)])
        item_table = _group_table(
            item_images, np.arange(len(items)), len(images)
        )
        scores = np.array([d['score'] for d in detections], dtype=float)
        detection_table = _group_table(
            detection_images, np.argsort(-scores, kind='stable'), len(images)
        )[:, :limit]
        # from here on, only detections that count, by image and score
        counted = detection_table[detection_table >= 0]
        detection_table[detection_table >= 0] = np.arange(len(counted))
        detections = [detections[i] for i in counted]
        keypoints = _stack(detections)
        self.scores = scores[counted]
        self.areas = _areas(detections, keypoints)
        self.blocks = self._blocks(
            detection_table, item_table, keypoints[..., :2]
        )

    def _blocks(
        self, detections: np.ndarray, items: np.ndarray, points: np.ndarray
    ) -> list[_Block]:
        """Group images by their number of items; compute similarities."""
        truths = _stack(self.items)
        boxes = np.array([item['bbox'] for item in self.items], dtype=float)
        counts = (items >= 0).sum(axis=1)
        blocks = []
        for count in np.unique(counts[counts > 0]):
            rows = counts == count
            detected, truth = detections[rows], items[rows, :count]
            similarity = np.zeros((*detected.shape, count))
            row, rank = np.nonzero(detected >= 0)
            pairs = detected[row, rank].repeat(count), truth[row].ravel()
            similarity[row, rank] = keypoint_similarity(
                points, truths, boxes, self.item_areas, pairs, np.array(SIGMAS)
            ).reshape(-1, count)
            blocks.append(_Block(detected, truth, similarity))
        return blocks

    def precision_recall(
        self, p: Params, subset: tuple[str, int] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute precision (T, R, A) and recall (T, A); -1 without items."""
        low, high = np.array(p.areaRng).T[..., None]
        ignored = np.array([_is_ignored(i, subset) for i in self.items], bool)
        ignored = ignored | (self.item_areas < low) | (self.item_areas > high)
        matched, on_ignored = self._match(ignored, p.iouThrs)
        outside = (self.areas < low) | (self.areas > high)
        counts = ~(on_ignored | (~matched & outside[:, None]))
        by_score = np.argsort(-self.scores, kind='stable')
        right = (matched & counts)[..., by_score].cumsum(axis=-1, dtype=float)
        wrong = (~matched & counts)[..., by_score].cumsum(axis=-1, dtype=float)
        precision = -np.ones((len(p.iouThrs), len(p.recThrs), len(ignored)))
        recall = -np.ones((len(p.iouThrs), len(ignored)))
        for a, total in enumerate((~ignored).sum(axis=1)):
            if total:
                for t in range(len(p.iouThrs)):
                    precision[t, :, a], recall[t, a] = _curve(
                        right[a, t], wrong[a, t], total, p.recThrs
                    )
        return precision, recall

    def _match(
        self, ignored: np.ndarray, thresholds: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Match detections, best first, with the most similar free item.

        Args:
            ignored (np.ndarray): (A, G) bool, items that do not count. They
                are matched only where no item that counts is similar enough.
            thresholds (np.ndarray): (T,) least similarities.

        Returns:
            tuple[np.ndarray, np.ndarray]: (A, T, D) bool, whether a detection
            has an item, and whether that item does not count.
        """
        shape = len(ignored), len(thresholds), len(self.scores)
        matched, on_ignored = np.zeros(shape, bool), np.zeros(shape, bool)
        least = thresholds[:, None, None]
        for detections, items, similarity in self.blocks:
            skip = ignored[:, None, items]  # (A, 1, n, G)
            free = np.ones((*shape[:2], *items.shape), bool)
            for rank in range(detections.shape[1]):
                rows = np.flatnonzero(detections[:, rank] >= 0)
                value = similarity[rows, rank]
                usable = free[:, :, rows] & (value >= least)
                counting = usable & ~skip[:, :, rows]
                has_counting = counting.any(axis=-1, keepdims=True)
                usable = np.where(has_counting, counting, usable)
                # COCO chooses the last one of equals
                best = np.where(usable, value, -1)[..., ::-1].argmax(axis=-1)
                a, t, r = np.nonzero(usable.any(axis=-1))
                row, column = rows[r], items.shape[1] - 1 - best[a, t, r]
                detection, item = detections[row, rank], items[row, column]
                matched[a, t, detection] = True
                on_ignored[a, t, detection] = ignored[a, item]
                free[a, t, row, column] = self.crowd[item]
        return matched, on_ignored


def _curve(
    right: np.ndarray, wrong: np.ndarray, total: int, recalls: np.ndarray
) -> tuple[np.ndarray, float]:
    """Compute precision (R,) at given recalls, and the recall reached.

    Args:
        right (np.ndarray): (D,) number of right detections down to each one,
            best first.
        wrong (np.ndarray): (D,) number of wrong ones.
        total (int): Items to find.
        recalls (np.ndarray): (R,) ascending.
    """
    precision = np.zeros(len(recalls))
    if not len(right):
        return precision, 0.0
    raw = right / (wrong + right + np.spacing(1))
    envelope = np.maximum.accumulate(raw[::-1])[::-1]
    first = np.searchsorted(right / total, recalls)
    reached = first < len(right)
    precision[reached] = envelope[first[reached]]
    return precision, right[-1] / total


def _group_table(
    groups: np.ndarray, members: np.ndarray, num: int
) -> np.ndarray:
    """Return a table with the members of each group in its row.

    Args:
        groups (np.ndarray): (L,) group of each of L members, below ``num``.
        members (np.ndarray): (L,) members 0..L-1 as they shall be sorted.
        num (int): Number of groups.

    Returns:
        np.ndarray: (num, size of the largest group) members, -1 at the end of
        smaller ones.
    """
    counts = np.bincount(groups, minlength=num)
    table = np.full((num, counts.max(initial=0)), -1)
    starts = np.cumsum(counts) - counts
    members = members[np.argsort(groups[members], kind='stable')]
    groups = groups[members]
    table[groups, np.arange(len(groups)) - starts[groups]] = members
    return table


def _stack(entries: list[dict]) -> np.ndarray:
    """Stack the landmarks of N entries, (N, K, 3) x, y in px and v."""
    flat = [entry['keypoints'] for entry in entries]
    return np.array(flat, dtype=float).reshape(-1, NUM_LANDMARKS, 3)


def _areas(detections: list[dict], keypoints: np.ndarray) -> np.ndarray:
    """Areas (D,) px^2 of detections as COCO's ``loadRes`` computes them."""
    if detections and 'bbox' in detections[0]:
        return np.array([d['bbox'][2] * d['bbox'][3] for d in detections])
    if detections and 'segmentation' in detections[0]:
        return mask_utils.area([d['segmentation'] for d in detections])
    xy = np.ascontiguousarray(np.moveaxis(keypoints[..., :2], -1, 0))
    return np.ptp(xy, axis=-1).prod(axis=0)


def _is_ignored(item: dict, subset: tuple[str, int] | None) -> bool:
    """Whether an item does not count, whatever its area."""
    if item['iscrowd'] or not item['num_keypoints']:
        return True
    return subset is not None and item[subset[0]] != subset[1]
