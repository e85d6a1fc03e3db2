# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Test SCAN on one split or all ten; mean and standard deviation.

Every split has a model of its own, trained on that split: write {split} where
the number stands in the checkpoints' paths. tools/test.py runs for one split
after another and writes WORK_DIR/split{split}.json.

Examples:
    python tools/analysis/eval_splits.py CONFIG \
        'work_dirs/split{split}/epoch_30.pth' --out metrics.json
    python tools/analysis/eval_splits.py CONFIG epoch_30.pth --splits 0 \
        --out metrics.json
"""

import argparse
import sys
import warnings
from pathlib import Path

from mmfashion_ext.evaluation.reid_files import format_metrics, summarize
from mmfashion_ext.evaluation.splits import find_checkpoints, run_split
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json

TEST = Path(__file__).parents[1] / 'test.py'


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config file, or the name of a model')
    parser.add_argument(
        'checkpoint', help='checkpoint file; {split} stands for the number'
    )
    parser.add_argument(
        '--splits',
        type=int,
        nargs='+',
        default=list(range(10)),
        metavar='N',
        help='numbers of the splits, from 0; default: all ten',
    )
    parser.add_argument(
        '--out',
        required=True,
        metavar='JSON',
        help='write {metric: mean, metric_std: deviation} to this file, 0-1',
    )
    parser.add_argument(
        '--work-dir',
        default='work_dirs/splits',
        help='where the results of each split go; default: %(default)s',
    )
    parser.add_argument(
        '--resume',
        action='store_true',
        help='keep the results that are in WORK_DIR and newer than their '
        'checkpoints',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='change settings of the config, as in tools/test.py',
    )
    return parser.parse_args()


def main() -> None:
    """Test each split, then write and print the summary."""
    args = parse_args()
    with warnings.catch_warnings(record=True) as notices:
        warnings.simplefilter('always')
        checkpoints = find_checkpoints(args.checkpoint, args.splits)
    for notice in notices:
        print(f'note: {notice.message}', file=sys.stderr)
    results = {}
    for split, checkpoint in checkpoints.items():
        print(f'split {split}: {checkpoint}', file=sys.stderr)
        results[f'split {split}'] = run_split(
            (TEST, args.config),
            split,
            checkpoint,
            Path(args.work_dir) / f'split{split}.json',
            options=args.cfg_options,
            resume=args.resume,
        )
    write_json(args.out, summarize(list(results.values())))
    print(format_metrics(results))


if __name__ == '__main__':
    run_tool(main)
