# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Accuracy and size of an exported model in float32, float16 and int8.

An exported folder is reduced, and each variant is run without PyTorch on a
generated test set whose truth is known. A row has the size of the graphs, CPU
seconds an input, and the system's metrics:

- Match R-CNN: AP50 of boxes and masks, share of PyTorch's items (score 0.3 or
  more) that are found again with an IoU of 0.5 or more and the same category;
- landmarks: mean distance of visible landmarks from the truth, in per cent of
  the square root of the box's area, of garments whose category is guessed
  right, and the share of these;
- SCAN: rank-1 accuracy and mAP of the second camera for the first one,
  largest difference of a score from PyTorch's;
- try-on: mean absolute difference from the true image and from PyTorch's
  try-on, 0-255.

Inputs of the test have another seed than those that int8 is calibrated on.

    mmfashion export NAME --out exported --check 32
    python benchmarks/export_precision.py exported NAME --num 32
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmfashion_ext import lite
from mmfashion_ext.errors import UserError
from mmfashion_ext.evaluation.coco_eval import evaluate
from mmfashion_ext.evaluation.reid import ReIDDistances, evaluate_reid
from mmfashion_ext.formats.deepfashion2.constants import CATEGORIES
from mmfashion_ext.formats.deepfashion2.convert import convert_split
from mmfashion_ext.formats.run_lengths import encode_mask
from mmfashion_ext.hub import build_inferencer
from mmfashion_ext.lite.precision import PRECISIONS, reduce_precision
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.exported import read_model
from mmfashion_ext.utils.images import read_image
from mmfashion_ext.zoo.check_inputs import check_inputs

_TEST, _CALIBRATION = 2, 1  # seeds
Metrics = dict[str, float]


def _ground_truth(folder: Path) -> dict:
    """Return the COCO ground truth of generated photographs."""
    out = folder / 'truth.json'
    convert_split(folder / 'inputs' / 'train', out)
    return json.loads(out.read_text())


def _results(predictions: Sequence[dict], truth: dict) -> list[dict]:
    """Return predictions as COCO results, boxes xywh px."""
    ids = {Path(i['file_name']).name: i['id'] for i in truth['images']}
    results = []
    for found in predictions:
        masks = found.get('masks', [None] * len(found['scores']))
        for box, score, label, mask in zip(
            found['bboxes'],
            found['scores'],
            found['labels'],
            masks,
            strict=True,
        ):
            x0, y0, x1, y1 = map(float, box)
            entry = {
                'image_id': ids[Path(found['input']).name],
                'category_id': int(label) + 1,
                'bbox': [x0, y0, x1 - x0, y1 - y0],
                'score': float(score),
            }
            if mask is not None:
                entry['segmentation'] = encode_mask(mask)
            results.append(entry)
    return results


def _items(
    infer: Any, inputs: tuple, folder: Path, reference: list[dict]
) -> tuple[list[dict], Metrics]:
    """Return predictions and metrics of a detector."""
    predictions = infer(*inputs)['predictions']
    truth = _ground_truth(folder)
    results = _results(predictions, truth)
    metrics = {'box AP50': evaluate('bbox', truth, results)['AP50']}
    if any('segmentation' in entry for entry in results):
        metrics['mask AP50'] = evaluate('segm', truth, results)['AP50']
    if reference:
        metrics['found again'] = _found_again(predictions, reference)
    return predictions, metrics


def _found_again(
    predictions: Sequence[dict], reference: Sequence[dict]
) -> float:
    """Return the share of PyTorch's likely items that are found again."""
    hits, total = 0, 0
    for found, expected in zip(predictions, reference, strict=True):
        for i in np.flatnonzero(expected['scores'] >= 0.3):
            same = found['labels'] == expected['labels'][i]
            overlaps = _ious(expected['bboxes'][i], found['bboxes'][same])
            hits += bool((overlaps >= 0.5).any())
            total += 1
    return hits / max(total, 1)


def _ious(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the IoU (n,) of a box (4,) with boxes (n, 4), xyxy px."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return shared / (areas + np.prod(box[2:] - box[:2]) - shared)


def _landmarks(
    infer: Any, inputs: tuple, folder: Path, reference: list[dict]
) -> tuple[list[dict], Metrics]:
    """Return predictions and metrics of a landmark model, on true boxes."""
    truth = _ground_truth(folder)
    by_image: dict[int, list[dict]] = {i['id']: [] for i in truth['images']}
    for item in truth['annotations']:
        by_image[item['image_id']].append(item)
    boxes = [
        [_corners(item['bbox']) for item in by_image[image['id']]]
        for image in truth['images']
    ]
    predictions = infer(*inputs, bboxes=boxes)['predictions']
    errors, right = [], []
    for found, image in zip(predictions, truth['images'], strict=True):
        items = by_image[image['id']]
        for i, item in enumerate(items):
            category = CATEGORIES[item['category_id'] - 1]
            guess = found['labels'][i]
            right.append(guess == item['category_id'] - 1)
            if not right[-1]:
                continue
            points = np.array(item['keypoints']).reshape(-1, 3)
            points = points[category.slice]
            visible = points[:, 2] == 2
            far = np.linalg.norm(found['keypoints'][i] - points[:, :2], axis=1)
            size = (item['bbox'][2] * item['bbox'][3]) ** 0.5
            errors += (far[visible] / size * 100).tolist()
    return predictions, {
        'mean error, %': float(np.mean(errors)),
        'right category': float(np.mean(right)),
    }


def _corners(box: Sequence[float]) -> list[float]:
    x, y, w, h = box
    return [x, y, x + w, y + h]


def _ranking(
    infer: Any, inputs: tuple, folder: Path, reference: list[dict]
) -> tuple[list[dict], Metrics]:
    """Return predictions and metrics of SCAN."""
    query, gallery = inputs
    scores = infer.compare(query, gallery)
    persons = [
        np.array([int(Path(p).name.removeprefix('person')) for p in side])
        for side in inputs
    ]
    distances = ReIDDistances(
        1 - scores,
        *persons,
        *(np.full(len(p), camera) for camera, p in enumerate(persons)),
    )
    metrics = evaluate_reid(distances, variants=['allshots'])
    result = {'rank-1': metrics['allshots/CMC-1'], 'mAP': metrics['mAP']}
    for expected in reference:
        gap = np.abs(scores - expected['scores']).max()
        result['largest difference'] = float(gap)
    return [{'scores': scores}], result


def _try_on(
    infer: Any, inputs: tuple, folder: Path, reference: list[dict]
) -> tuple[list[dict], Metrics]:
    """Return predictions and metrics of try-on, on pairs with a truth."""
    root = next((folder / 'inputs').rglob('test_truth')).parent
    lines = next((folder / 'inputs').rglob('test_pairs.txt')).read_text()
    pairs = [line.split() for line in lines.splitlines() if line.strip()]
    person, cloth, mask = (
        [str(root / kind / pair[side]) for pair in pairs]
        for kind, side in (
            ('test_img', 0),
            ('test_clothes', 1),
            ('test_edge', 1),
        )
    )
    predictions = infer(person, cloth, mask)['predictions']
    errors, gaps = [], []
    for n, (found, pair) in enumerate(zip(predictions, pairs, strict=True)):
        true = read_image(root / 'test_truth' / pair[0]).astype(float)
        errors.append(np.abs(found['try_on'] - true).mean())
        if reference:
            gap = np.abs(found['try_on'] - reference[n]['try_on'].astype(int))
            gaps.append(gap.mean())
    metrics = {'L1, 0-255': float(np.mean(errors))}
    if gaps:
        metrics['from PyTorch, 0-255'] = float(np.mean(gaps))
    return predictions, metrics


Measure = Callable[[Any, tuple, Path, list[dict]], tuple[list[dict], Metrics]]
_MEASURES: dict[str, Measure] = {
    'match_rcnn': _items,
    'landmark': _landmarks,
    'scan': _ranking,
    'tryon': _try_on,
}


def _draw(system: str, folder: Path, count: int) -> tuple:
    """Draw the test set of a system."""
    if system != 'tryon':
        return check_inputs(system, folder / 'inputs', count, _TEST)
    from mmfashion_ext.synthetic import generate_viton

    generate_viton(
        folder / 'inputs',
        num=1,
        test=count,
        seed=_TEST,
        size=256,
        progress=False,
    )
    return ()


def compare(args: argparse.Namespace, folder: Path) -> None:
    """Reduce and run a model; print a row of each variant."""
    exported = Path(args.folder)
    system = read_model(exported)['system']
    measure = _MEASURES[system]
    inputs = _draw(system, folder, args.num)
    original = build_inferencer(
        args.model, args.checkpoint, 'cpu', show_progress=False
    )
    start = time.process_time()
    reference, metrics = measure(original, inputs, folder, [])
    seconds = time.process_time() - start
    print('| variant | MB | CPU s an input | metrics |\n|---|--:|--:|---|')
    _row('PyTorch', None, seconds / args.num, metrics)
    for precision in args.precisions:
        variant = exported
        if precision != 'float32':
            variant = folder / precision
            shutil.copytree(exported, variant)

            def calibrate(infer: Any) -> None:
                drawn = folder / 'calibration'
                infer(*check_inputs(system, drawn, 8, _CALIBRATION))

            reduce_precision(variant, precision, calibrate)
        infer = lite.build_inferencer(
            variant, threads=args.threads, show_progress=False
        )
        start = time.process_time()
        _, metrics = measure(infer, inputs, folder, reference)
        seconds = time.process_time() - start
        size = sum(f.stat().st_size for f in variant.glob('*.onnx'))
        _row(precision, size, seconds / args.num, metrics)


def _row(
    name: str, size: int | None, seconds: float, metrics: Metrics
) -> None:
    text = ', '.join(f'{key} {value:.4g}' for key, value in metrics.items())
    megabytes = '' if size is None else f'{size / 1e6:.1f}'
    print(f'| {name} | {megabytes} | {seconds:.2f} | {text} |', flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('folder', help='that mmfashion export wrote')
    parser.add_argument('model', help='name of the model, or config file')
    parser.add_argument(
        'checkpoint', nargs='?', help='its weights; default: published ones'
    )
    parser.add_argument('--num', type=int, default=32, help='test inputs')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument(
        '--precisions', nargs='+', choices=PRECISIONS, default=PRECISIONS
    )
    args = parser.parse_args()
    if args.num < 2:
        raise UserError(f'--num must be 2 or more, got {args.num}')
    with tempfile.TemporaryDirectory() as folder:
        compare(args, Path(folder))


if __name__ == '__main__':
    run_tool(main)
