# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Write the official query and gallery lists of consumer-to-shop retrieval.

Their ground truth is the COCO JSON of tools/dataset_converters/deepfashion2.py
of a validation or test split; tools/analysis/eval_retrieval.py evaluates with
them. The official lists of the data set come in two compositions: "released"
asks for the items with style > 0 among all shop items, "paper" lists all
items of the images asked for, and the shop items with style > 0.

Example:
    python tools/dataset_converters/retrieval_lists.py validation.json \
        --query val_query.json --gallery val_gallery.json
"""

import argparse
import warnings
from pathlib import Path

from rich.console import Console

from mmfashion_ext.errors import UserError
from mmfashion_ext.evaluation.consumer_to_shop_files import (
    COMPOSITIONS,
    compose_retrieval_gt,
    write_retrieval_list,
)
from mmfashion_ext.utils.cli import run_tool


def parse_args() -> argparse.Namespace:
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
    args = parse_args()
    console = Console(stderr=True)
    for path in (args.query, args.gallery):
        if path.is_dir():
            raise UserError(f'{path} is a folder, expected a file name')
    with (
        warnings.catch_warnings(record=True) as notices,
        console.status(f'reading {args.gt}'),
    ):
        warnings.simplefilter('always')
        queries, gallery = compose_retrieval_gt(args.gt, args.composition)
    if not queries:
        raise UserError(
            f'{args.gt}: no consumer item has a shop item of its pair_id and '
            'style, so there is nothing to ask for; take a whole split'
        )
    for notice in notices:
        console.print(f'note: {notice.message}', markup=False, soft_wrap=True)
    write_retrieval_list(args.query, queries)
    write_retrieval_list(args.gallery, gallery)
    asked = sum(entry['style'] > 0 for entry in queries)
    print(
        f'wrote {args.query}: {len(queries):,} items, {asked:,} to ask for\n'
        f'wrote {args.gallery}: {len(gallery):,} items'
    )


if __name__ == '__main__':
    run_tool(main)
