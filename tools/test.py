# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Test a model of any system.

Examples:
    python tools/test.py CONFIG CHECKPOINT --out metrics.json
    python tools/test.py CONFIG CHECKPOINT --show-dir images
    python tools/test.py CONFIG CHECKPOINT --dump predictions.pkl
"""

import argparse

from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    from mmfashion_ext.runner import add_runner_arguments

    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_runner_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--out', metavar='JSON', help='write {metric: number} to this file'
    )
    parser.add_argument(
        '--dump',
        metavar='PKL',
        help='write all predictions to this pickle, and beside it the '
        "dataset's official result files, if it has any",
    )
    parser.add_argument(
        '--show-dir', metavar='DIR', help='write the drawn predictions here'
    )
    parser.add_argument(
        '--show-thr',
        type=float,
        default=0.3,
        help='lowest score (0-1) that is drawn; default 0.3',
    )
    parser.add_argument(
        '--tta', action='store_true', help='test time augmentation'
    )
    return parser.parse_args()


def main() -> None:
    """Test the checkpoint, then write what was asked for."""
    args = parse_args()
    from mmfashion_ext.runner import (
        augment_at_test,
        build_runner,
        draw_predictions,
        dump_predictions,
        load_config,
    )
    from mmfashion_ext.utils.checkpoint import check_weights

    cfg = load_config(args)
    cfg.load_from, cfg.resume = check_weights(args.checkpoint), False
    if not any('load_from_partial' in key for key in args.cfg_options or {}):
        cfg.load_from_partial = None  # the config's is for a training
    if args.tta:
        augment_at_test(cfg)
    if args.show_dir:
        draw_predictions(cfg, args.show_dir, args.show_thr)
    if args.dump:
        dump_predictions(cfg, args.dump)
    metrics = build_runner(cfg).test()
    from mmengine.dist import is_main_process  # imports torch

    if args.out and is_main_process():
        write_json(args.out, {k: float(v) for k, v in metrics.items()})


if __name__ == '__main__':
    run_tool(main)
