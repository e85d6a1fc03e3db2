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
from pathlib import Path

from rich.console import Console

from mmfashion_ext.evaluation.reid import DRAWS, ReIDError, evaluate_reid
from mmfashion_ext.evaluation.reid_files import (
    format_metrics,
    load_distances,
    summarize,
)
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json


def parse_args() -> argparse.Namespace:
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
    args = parse_args()
    results = {}
    with Console(stderr=True).status('reading') as status:
        for path in args.distmat:
            status.update(f'evaluating {path}')
            distances = load_distances(path)
            try:
                metrics = evaluate_reid(
                    distances, draws=args.draws, seed=args.seed
                )
            except ReIDError as error:
                raise ReIDError(f'{path}: {error}') from None
            results[path] = metrics
    write_json(args.out, summarize(list(results.values())))
    rows = {Path(path).name: metrics for path, metrics in results.items()}
    if len(rows) < len(results):  # files of one name in several folders
        rows = results
    print(format_metrics(rows))


if __name__ == '__main__':
    run_tool(main)
