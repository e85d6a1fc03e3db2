# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Landmark AP of DeepFashion2: our evaluation against stock pycocotools.

Both sides get the same ground truth and the same detections of 294 landmarks
as Python objects, alternate in this process, and do everything from these
objects to the metrics: index, ``loadRes``, similarities, matching, averages.
In pycocotools only the sigmas of the similarity are set. The metrics, overall
and of every category, must be equal to the last digit.

The detections are given as lists of 882 numbers, as ``json.load`` returns
them, and as arrays, as a metric has them in memory.

Example:
    OMP_NUM_THREADS=1 python benchmarks/landmark_evaluation.py
"""

import argparse
import contextlib
import copy
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from rich.console import Console
from rich.table import Table

from mmfashion_ext.evaluation.coco_eval import METRIC_NAMES, evaluate
from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    NUM_LANDMARKS,
    SIGMAS,
)
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json

STOCK, OURS = 'pycocotools', 'ours'


def make_data(
    num_images: int, num_detections: int, seed: int = 0
) -> tuple[dict, list[dict]]:
    """Return synthetic ground truth and detections.

    1.6 items an image, as in the validation set, two in one; one item in
    fifty has no labelled landmark. A detection is an item with its landmarks
    moved by up to a tenth of its side, one in five under another category.
    """
    rng = np.random.default_rng(seed)
    annotations = draw_annotations(rng, num_images)
    images = [
        {'id': i + 1, 'width': 800, 'height': 800} for i in range(num_images)
    ]
    categories = [{'id': c.id, 'name': c.name} for c in CATEGORIES]
    gt = {
        'images': images,
        'annotations': annotations,
        'categories': categories,
    }
    return gt, draw_results(rng, annotations, num_detections)


def draw_annotations(rng: np.random.Generator, num_images: int) -> list[dict]:
    """Draw items with landmarks (294, 3), flattened."""
    annotations = []
    for image_id in rng.permutation(num_images).repeat(2)[
        : 8 * num_images // 5
    ]:
        category = CATEGORIES[rng.integers(len(CATEGORIES))]
        side = rng.uniform(20, 400, 2)
        corner = rng.uniform(0, 800 - side)
        keypoints = np.zeros((NUM_LANDMARKS, 3))
        if rng.random() > 0.02:
            points = corner + side * rng.random((category.num_landmarks, 2))
            states = rng.choice(
                3, (category.num_landmarks, 1), p=(0.1, 0.3, 0.6)
            )
            keypoints[category.slice] = np.hstack((points, states)) * (
                states > 0
            )
        annotations.append(
            {
                'id': len(annotations) + 1,
                'image_id': int(image_id) + 1,
                'category_id': category.id,
                'bbox': [*corner.tolist(), *side.tolist()],
                'area': float(side.prod()),
                'iscrowd': 0,
                'keypoints': keypoints.ravel().tolist(),
                'num_keypoints': int((keypoints[:, 2] > 0).sum()),
            }
        )
    return annotations


def draw_results(
    rng: np.random.Generator, annotations: list[dict], num_detections: int
) -> list[dict]:
    """Draw detections with landmarks (294, 3), flattened."""
    results = []
    for index in rng.integers(len(annotations), size=num_detections):
        item = annotations[index]
        corner, side = np.split(np.array(item['bbox']), 2)
        keypoints = np.ones((NUM_LANDMARKS, 3))
        keypoints[:, :2] = corner + side * rng.random((NUM_LANDMARKS, 2))
        truth = np.reshape(item['keypoints'], (-1, 3))
        labelled = truth[:, 2] > 0
        noise = (
            rng.normal(size=(NUM_LANDMARKS, 2)) * rng.uniform(0, 0.1) * side
        )
        keypoints[labelled, :2] = (truth[:, :2] + noise)[labelled]
        category_id = item['category_id']
        if rng.random() < 0.2:
            category_id = int(rng.integers(1, len(CATEGORIES) + 1))
        results.append(
            {
                'image_id': item['image_id'],
                'category_id': category_id,
                'score': float(rng.random()),
                'keypoints': keypoints.round(2).ravel(),
            }
        )
    return results


def stock(gt: dict, results: list[dict]) -> dict[str, float]:
    """Run stock pycocotools with the 294 sigmas; changes its arguments."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = gt
        truth.createIndex()
        evaluator = COCOeval(truth, truth.loadRes(results), 'keypoints')
        evaluator.params.kpt_oks_sigmas = np.array(SIGMAS)
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    metrics = dict(
        zip(METRIC_NAMES['keypoints'], evaluator.stats.tolist(), strict=True)
    )
    for category in CATEGORIES:
        precision = evaluator.eval['precision'][:, :, category.id - 1, 0, 0]
        metrics[f'AP/{category.name}'] = float(precision.mean())
    return metrics


def ours(gt: dict, results: list[dict]) -> dict[str, float]:
    return evaluate('keypoints', gt, results, per_category=True)


def seconds(run: Callable[[], dict]) -> tuple[float, dict]:
    start = time.perf_counter()
    metrics = run()
    return time.perf_counter() - start, metrics


def compare(gt: dict, results: list[dict], repeats: int) -> dict[str, float]:
    """Measure the fastest of several alternating runs of both sides.

    Raises:
        AssertionError: A number differs.
    """
    times = {STOCK: [], OURS: []}
    for _ in range(repeats):
        copies = copy.deepcopy(gt), [dict(entry) for entry in results]
        taken, expected = seconds(lambda c=copies: stock(*c))
        times[STOCK].append(taken)
        taken, metrics = seconds(lambda: ours(gt, results))
        times[OURS].append(taken)
        assert metrics == expected, (metrics, expected)
    best = {side: min(values) for side, values in times.items()}
    ratio = best[STOCK] / best[OURS]
    return best | {'times faster': ratio, 'AP': metrics['AP']}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--images', type=int, default=2000)
    parser.add_argument('--detections', type=int, default=10_000)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--out', type=Path, help='also write a JSON file')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    gt, arrays = make_data(args.images, args.detections)
    table = Table(
        'detections as',
        f'{STOCK}, s',
        f'{OURS}, s',
        'times faster',
        'AP of both',
        title=f'{args.detections} detections of {NUM_LANDMARKS} landmarks, '
        f'{len(gt["annotations"])} items, fastest of {args.repeats}',
    )
    # arrays first: the lists' millions of objects slow the collector down
    rows = {'arrays': compare(gt, arrays, args.repeats)}
    lists = [{**r, 'keypoints': r['keypoints'].tolist()} for r in arrays]
    rows['lists'] = compare(gt, lists, args.repeats)
    for name, row in rows.items():
        table.add_row(name, *(f'{value:.4g}' for value in row.values()))
    Console().print(table)
    print('All numbers are equal to the last digit.')
    if args.out:
        write_json(args.out, rows)


if __name__ == '__main__':
    run_tool(main)
