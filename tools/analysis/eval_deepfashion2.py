# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Evaluate official DeepFashion2 result files.

Examples:
    python tools/analysis/eval_deepfashion2.py bbox --gt validation.json \
        --results predictions.bbox.json --out metrics.json
    python tools/analysis/eval_deepfashion2.py keypoints --visible-only \
        --gt validation.json --results predictions.keypoints.json \
        --out metrics.json --per-category --subsets
"""

import argparse
import warnings

from rich.console import Console

from mmfashion_ext.evaluation.tables import format_tables
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    from mmfashion_ext.evaluation.coco_eval import METRIC_NAMES

    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('task', choices=list(METRIC_NAMES))
    parser.add_argument(
        '--gt',
        required=True,
        metavar='JSON',
        help='COCO ground truth, official or of our converter',
    )
    parser.add_argument(
        '--results',
        required=True,
        metavar='JSON',
        help='official result list, e.g. of tools/test.py --dump',
    )
    parser.add_argument(
        '--out',
        required=True,
        metavar='JSON',
        help='write {metric: number in 0-1} to this file; -1 where the '
        'ground truth has nothing to find',
    )
    parser.add_argument(
        '--visible-only',
        action='store_true',
        help='keypoints: leave out occluded landmarks of the ground truth',
    )
    parser.add_argument(
        '--per-category', action='store_true', help='AP of each category'
    )
    parser.add_argument(
        '--subsets',
        action='store_true',
        help='tables by scale, occlusion, zoom-in and viewpoint; needs the '
        'codes, which our converter keeps',
    )
    parser.add_argument(
        '--backend',
        choices=['auto', 'pycocotools', 'faster'],
        default='auto',
        help='all give the same numbers; default: the fastest installed',
    )
    args = parser.parse_args()
    if args.visible_only and args.task != 'keypoints':
        parser.error('--visible-only is for keypoints')
    return args


def main() -> None:
    """Evaluate, then write the metrics and print the tables."""
    args = parse_args()
    from mmfashion_ext.evaluation.coco_eval import evaluate
    from mmfashion_ext.evaluation.coco_files import (
        load_ground_truth,
        visible_only,
    )

    console = Console(stderr=True)
    with (
        warnings.catch_warnings(record=True) as notices,
        console.status(f'reading {args.gt}') as status,
    ):
        warnings.simplefilter('always')
        gt = load_ground_truth(args.gt)
        status.update(f'evaluating {args.results}')
        metrics = evaluate(
            args.task,
            visible_only(gt) if args.visible_only else gt,
            args.results,
            backend=args.backend,
            per_category=args.per_category,
            subsets=args.subsets,
        )
    for notice in notices:
        console.print(f'note: {notice.message}', markup=False)
    write_json(args.out, metrics)
    print(format_tables({args.task: metrics}))


if __name__ == '__main__':
    run_tool(main)
