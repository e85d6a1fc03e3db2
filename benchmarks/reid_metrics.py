# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""CMC and mAP of re-identification: a plain loop against ours.

The plain side loops over queries: it sorts the gallery, looks up the matches,
and computes scikit-learn's average precision (if scikit-learn is not
installed, the same sums with NumPy, which is faster). The other side is
``find_matches``, ``cmc`` and ``mean_average_precision``.

``cuhk03`` with its drawn galleries is measured separately, on some of the
queries, because its plain loop is far slower. Both sides draw the same items.

Distances are synthetic; those of the same person are somewhat smaller.

Example:
    OMP_NUM_THREADS=1 python benchmarks/reid_metrics.py --out reid_metrics.json
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import report
from rich.progress import track

from mmfashion_ext.evaluation.reid import (
    DEPTH,
    DRAWS,
    ReIDDistances,
    cmc,
    find_matches,
    mean_average_precision,
    single_shot_cmc,
)
from mmfashion_ext.utils.cli import run_tool

try:
    from sklearn.metrics import average_precision_score
except ImportError:

    def average_precision_score(truth: np.ndarray, score: np.ndarray) -> float:
        """Compute scikit-learn's sums, ties as one threshold."""
        order = np.argsort(score, kind='stable')[::-1]
        truth, score = truth[order], score[order]
        ends = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
        right = np.cumsum(truth)[ends]
        steps = np.diff(right, prepend=0) / right[-1]
        return float(np.sum(steps * right / (ends + 1)))

    AVERAGE_PRECISION = 'NumPy'
else:
    AVERAGE_PRECISION = 'scikit-learn'


def draw(args: argparse.Namespace) -> ReIDDistances:
    """Draw people, cameras and normally distributed distances."""
    rng = np.random.default_rng(0)
    q_pids = rng.integers(0, args.people, args.queries)
    g_pids = rng.integers(0, args.people, args.gallery)
    size = args.queries, args.gallery
    distmat = rng.standard_normal(size, np.float32)
    distmat[q_pids[:, None] == g_pids] -= 3
    return ReIDDistances(
        distmat,
        q_pids,
        g_pids,
        rng.integers(0, args.cameras, args.queries),
        rng.integers(0, args.cameras, args.gallery),
    )


def plain_metrics(data: ReIDDistances) -> dict[str, float]:
    """Compute CMC of allshots and market1501, and mAP, query by query."""
    curves = {name: np.zeros(DEPTH) for name in ('allshots', 'market1501')}
    precisions = []
    for q in track(range(len(data.q_pids)), 'plain'):
        same = data.g_pids == data.q_pids[q]
        kept = ~(same & (data.g_camids == data.q_camids[q]))
        distances, matches = data.distmat[q, kept], same[kept]
        if not matches.any():
            continue
        order = np.argsort(distances, kind='stable')
        ranks = np.flatnonzero(matches[order])
        if ranks[0] < DEPTH:
            curves['market1501'][ranks[0]] += 1
        for before, rank in enumerate(ranks):
            if rank - before < DEPTH:
                curves['allshots'][rank - before] += 1 / len(ranks)
        precisions.append(average_precision_score(matches, -distances))
    metrics = {
        name: curve.cumsum() / len(precisions)
        for name, curve in curves.items()
    }
    return metrics | {'mAP': np.mean(precisions)}


def our_metrics(data: ReIDDistances) -> dict[str, float]:
    """The same."""
    matches = find_matches(data)
    metrics = {name: cmc(matches, name) for name in ('allshots', 'market1501')}
    return metrics | {'mAP': mean_average_precision(matches)}


def plain_single_shot(data: ReIDDistances, seed: int = 0) -> np.ndarray:
    """Compute the CMC of cuhk03, query by query and draw by draw."""
    rng = np.random.default_rng(seed)
    curve, valid = np.zeros(DEPTH), 0
    order = np.argsort(data.q_camids, kind='stable')
    for q in track(order, 'plain, cuhk03'):
        kept = np.flatnonzero(data.g_camids != data.q_camids[q])
        items = {}
        for g in kept:
            items.setdefault(data.g_pids[g], []).append(g)
        if data.q_pids[q] not in items:
            continue
        valid += 1
        items = [items[person] for person in sorted(items)]
        for _ in range(DRAWS):
            drawn = np.sort([of[int(rng.random() * len(of))] for of in items])
            ranked = drawn[np.argsort(data.distmat[q, drawn], kind='stable')]
            persons = data.g_pids[ranked]
            rank = np.flatnonzero(persons == data.q_pids[q])[0]
            if rank < DEPTH:
                curve[rank] += 1 / DRAWS
    return curve.cumsum() / valid


def our_single_shot(data: ReIDDistances) -> np.ndarray:
    """The same."""
    return single_shot_cmc(data, find_matches(data))


def seconds(
    run: Callable[[ReIDDistances], object], data: ReIDDistances, repeats: int
) -> tuple[object, float]:
    """Return the result and CPU seconds, the least of several runs."""
    best = float('inf')
    for _ in range(repeats):
        start = time.process_time()
        result = run(data)
        best = min(best, time.process_time() - start)
    return result, best


def measure(args: argparse.Namespace) -> dict[str, float]:
    """Measure both; see the module."""
    data = draw(args)
    ours, our_time = seconds(our_metrics, data, args.repeats)
    plain, plain_time = seconds(plain_metrics, data, 1)
    few = slice(args.cuhk03_queries)
    part = ReIDDistances(
        data.distmat[few],
        data.q_pids[few],
        data.g_pids,
        data.q_camids[few],
        data.g_camids,
    )
    our_shot, our_shot_time = seconds(our_single_shot, part, args.repeats)
    plain_shot, plain_shot_time = seconds(plain_single_shot, part, 1)
    difference = max(np.abs(ours[name] - plain[name]).max() for name in ours)
    return {
        'loop, CPU s': plain_time,
        'ours, CPU s': our_time,
        'times faster': plain_time / our_time,
        'largest difference': float(difference),
        'mAP': float(ours['mAP']),
        'allshots CMC-1': float(ours['allshots'][0]),
        'cuhk03, loop, CPU s': plain_shot_time,
        'cuhk03, ours, CPU s': our_shot_time,
        'cuhk03, times faster': plain_shot_time / our_shot_time,
        'cuhk03, largest difference': float(
            np.abs(our_shot - plain_shot).max()
        ),
    }


def parse_args() -> argparse.Namespace:
    parser = report.parser(__doc__)
    parser.add_argument('--queries', type=int, default=2000)
    parser.add_argument('--gallery', type=int, default=10000)
    parser.add_argument('--people', type=int, default=700)
    parser.add_argument('--cameras', type=int, default=6)
    parser.add_argument('--cuhk03-queries', type=int, default=50)
    parser.add_argument('--repeats', type=int, default=3, help='of our side')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    result = measure(args)
    report.show(
        f'{args.queries} queries x {args.gallery} items, average '
        f'precision by {AVERAGE_PRECISION}',
        result,
        args,
        **{'average precision by': AVERAGE_PRECISION},
    )


if __name__ == '__main__':
    run_tool(main)
