# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Write the official query and gallery lists of consumer-to-shop retrieval.

Their ground truth is the COCO JSON of tools/dataset_converters/deepfashion2.py
of a validation or test split; tools/analysis/eval_retrieval.py evaluates with
them. The official lists of the dataset come in two compositions: "released"
has the consumer items with style > 0 as queries and all shop items as gallery;
"paper" has all items of the images with a query, and the shop items with
style > 0.

Example:
    python tools/dataset_converters/retrieval_lists.py validation.json \
        --query val_query.json --gallery val_gallery.json
"""

import argparse
import warnings
from pathlib import Path

from rich.console import Console

from mmfashion_ext.evaluation.consumer_to_shop_files import (
    COMPOSITIONS,
    write_retrieval_gt,
)
from mmfashion_ext.utils.cli import run_tool


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'gt', metavar='GT', help='COCO ground truth of our converter'
    )
    for name in ('query', 'gallery'):
        parser.add_argument(
            f'--{name}',
            type=Path,
            required=True,
            metavar='JSON',
            help=f'{name} list to write',
        )
    parser.add_argument(
        '--composition',
        choices=COMPOSITIONS,
        default='released',
        help='default: released',
    )
    args = parser.parse_args()
    if args.query.resolve() == args.gallery.resolve():
        parser.error('--query and --gallery are the same file')
    return args


def main() -> None:
    """Run the command line."""
    args = parse_args()
    console = Console(stderr=True)
    with (
        warnings.catch_warnings(record=True) as notices,
        console.status(f'reading {args.gt}'),
    ):
        warnings.simplefilter('always')
        queries, gallery = write_retrieval_gt(
            args.gt, args.query, args.gallery, args.composition
        )
    for notice in notices:
        console.print(f'note: {notice.message}', markup=False, soft_wrap=True)
    asked = sum(entry['style'] > 0 for entry in queries)
    print(
        f'wrote {args.query}: {len(queries):,} items, {asked:,} queries\n'
        f'wrote {args.gallery}: {len(gallery):,} items'
    )


if __name__ == '__main__':
    run_tool(main)
