# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Evaluate consumer-to-shop retrieval by the official protocol.

The official query and gallery lists are published with DeepFashion2;
tools/dataset_converters/retrieval_lists.py writes them from a COCO ground
truth. The results are the official list, an entry per detected garment of a
consumer image with its 20 best garments of shop images.

Examples:
    python tools/analysis/eval_retrieval.py --query-gt val_query.json \
        --gallery-gt val_gallery.json --results retrieval.json \
        --out metrics.json
    python tools/analysis/eval_retrieval.py --query-gt val_query.json \
        --gallery-gt val_gallery.json --results retrieval.json \
        --out metrics.json --per-category --subsets --gt validation.json
"""

import argparse
import warnings

from rich.console import Console

from mmfashion_ext.evaluation.consumer_to_shop import evaluate_retrieval
from mmfashion_ext.evaluation.consumer_to_shop_files import (
    add_attribute_codes,
    load_retrieval_gt,
    load_retrieval_results,
)
from mmfashion_ext.evaluation.tables import format_retrieval
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--query-gt',
        required=True,
        metavar='JSON',
        help='official query list, with or without items of style 0',
    )
    parser.add_argument(
        '--gallery-gt',
        required=True,
        metavar='JSON',
        help='official gallery list, with or without items of style 0',
    )
    parser.add_argument(
        '--results',
        required=True,
        metavar='JSON',
        help='official result list; boxes are [x1, y1, x2, y2]',
    )
    parser.add_argument(
        '--out',
        required=True,
        metavar='JSON',
        help='write {metric: number} to this file: top-k in 0-1, -1 for parts '
        'without queries, and counts',
    )
    parser.add_argument(
        '--per-category',
        action='store_true',
        help='accuracy by class of the query',
    )
    parser.add_argument(
        '--subsets',
        action='store_true',
        help='accuracy of queries with more than 5 identical gallery items '
        'and, with --gt, by scale, occlusion, zoom-in and viewpoint',
    )
    parser.add_argument(
        '--gt',
        metavar='JSON',
        help='COCO ground truth of our converter, which has the codes that '
        'the official query list lacks',
    )
    parser.add_argument(
        '--unanswerable',
        choices=['error', 'miss'],
        default='error',
        help='what a query is that has nothing to be found in the gallery '
        'list; default: an error, as in the official script',
    )
    args = parser.parse_args()
    if args.gt and not args.subsets:
        parser.error('--gt is for --subsets')
    return args


def main() -> None:
    """Evaluate, then write the metrics and print the table."""
    args = parse_args()
    console = Console(stderr=True)
    with (
        warnings.catch_warnings(record=True) as notices,
        console.status(f'reading {args.query_gt}') as status,
    ):
        warnings.simplefilter('always')
        query_gt = load_retrieval_gt(args.query_gt, 'query')
        gallery_gt = load_retrieval_gt(args.gallery_gt, 'gallery')
        if args.gt:
            status.update(f'reading {args.gt}')
            query_gt = add_attribute_codes(query_gt, args.gt)
        status.update(f'evaluating {args.results}')
        metrics = evaluate_retrieval(
            query_gt,
            gallery_gt,
            load_retrieval_results(args.results),
            per_category=args.per_category,
            subsets=args.subsets,
            unanswerable=args.unanswerable,
        )
    for notice in notices:
        console.print(f'note: {notice.message}', markup=False, soft_wrap=True)
    write_json(args.out, metrics)
    print(format_retrieval(metrics))


if __name__ == '__main__':
    run_tool(main)
