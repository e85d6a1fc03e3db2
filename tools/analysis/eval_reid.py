# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Evaluate re-identification: CMC and mAP of any distance matrix.

A file holds distmat (queries, gallery), smaller meaning more alike, with the
persons q_pids, g_pids and the cameras q_camids, g_camids as integers.
tools/test.py --dump writes such files. Gallery items of the query's person
and camera are left out.

Examples:
    python tools/analysis/eval_reid.py --distmat test.distmat.npz \
        --out metrics.json
    python tools/analysis/eval_reid.py --distmat split*.distmat.npz \
        --out mean_of_splits.json
"""

import argparse

from rich.console import Console

from mmfashion_ext.evaluation.reid import DRAWS
from mmfashion_ext.evaluation.reid_files import (
    evaluate_file,
    format_metrics,
    shorten_paths,
    summarize,
)
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--distmat',
        required=True,
        nargs='+',
        metavar='NPZ',
        help='distance matrix; of several, mean and standard deviation of '
        'the metrics are given',
    )
    parser.add_argument(
        '--out',
        required=True,
        metavar='JSON',
        help='write {metric: number} to this file, all in 0-1',
    )
    parser.add_argument(
        '--draws',
        type=int,
        default=DRAWS,
        help=f'galleries drawn for cuhk03; default {DRAWS}',
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='of these draws; default 0'
    )
    args = parser.parse_args()
    if args.draws < 1:
        parser.error(f'--draws must be 1 or more, got {args.draws}')
    return args


def main() -> None:
    """Evaluate each file, then write and print the summary."""
    args = parse_args()
    results = {}
    with Console(stderr=True).status('reading') as status:
        for path in args.distmat:
            status.update(f'evaluating {path}')
            results[path] = evaluate_file(
                path, draws=args.draws, seed=args.seed
            )
    write_json(args.out, summarize(list(results.values())))
    print(format_metrics(shorten_paths(results)))


if __name__ == '__main__':
    run_tool(main)
