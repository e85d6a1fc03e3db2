# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Test from the command line: tools/test.py and ``mmfashion test``."""

import argparse
from collections.abc import Sequence

from ..utils.files import write_json
from .tool_parser import new_parser

_TOOL = """Test a model of any system.

Examples:
    {program} CONFIG CHECKPOINT --out metrics.json
    {program} CONFIG CHECKPOINT --show-dir images
    {program} CONFIG CHECKPOINT --dump predictions.pkl
"""

_COMMAND = """Test a model of any system.

Examples:
    {program} NAME --out metrics.json  # its published weights
    {program} NAME --weights epoch_12.pth --out metrics.json
    {program} NAME --weights epoch_12.pth --show-dir images
"""


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Build the parser of the tool, or of the command with this name."""
    from ..runner import add_runner_arguments

    parser = new_parser(
        _COMMAND if command else _TOOL, 'python tools/test.py', command
    )
    add_runner_arguments(parser, metavar='MODEL' if command else None)
    if command:
        parser.add_argument(
            '--weights',
            dest='checkpoint',
            metavar='FILE',
            help='checkpoint, a file or URL; default: the published weights',
        )
    else:
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
    return parser


def main(
    argv: Sequence[str] | None = None, command: str | None = None
) -> None:
    """Test the checkpoint, then write what was asked for.

    Args:
        argv (Sequence[str], optional): Arguments. Defaults to None: those of
            the process.
        command (str, optional): See :func:`build_parser`.
    """
    args = build_parser(command).parse_args(argv)
    from ..runner import (
        augment_at_test,
        build_runner,
        draw_predictions,
        dump_predictions,
        load_config,
    )
    from ..utils.checkpoint import check_weights

    cfg = load_config(args)
    if args.checkpoint is None:
        from ..hub import published_weights
        from .defaults import check_published

        check_published(args.config)
        args.checkpoint = published_weights(args.config)
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
