# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Training from the command line: tools/train.py and ``mmfashion train``."""

import argparse
from collections.abc import Sequence

from ..errors import UserError
from .tool_parser import new_parser

_TOOL = """Train a model of any system.

Examples:
    {program} configs/match_rcnn/NAME.py --work-dir work_dirs/a
    {program} configs/match_rcnn/NAME.py --resume  # continue
    torchrun --nproc_per_node=8 tools/train.py CONFIG --launcher pytorch
"""

_COMMAND = """Train a model of any system.

Examples:
    {program} NAME --out work_dirs/a
    {program} my_config.py --resume
    {program} NAME --weights FILE --cfg-options train_cfg.max_epochs=1
"""


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Build the parser of the tool, or of the command with this name."""
    from ..runner import add_runner_arguments

    parser = new_parser(
        _COMMAND if command else _TOOL, 'python tools/train.py', command
    )
    if command:
        add_runner_arguments(parser, '--out', metavar='MODEL')
    else:
        add_runner_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='auto|PATH',
        help='continue from a checkpoint; without a path from the latest one '
        'in the work dir, or from the start if there is none',
    )
    if command:
        parser.add_argument(
            '--weights',
            metavar='FILE',
            help='checkpoint to start from, a file or URL; "published" for '
            "the model's published weights; default: what the config says",
        )
    parser.add_argument(
        '--amp', action='store_true', help='automatic mixed precision (CUDA)'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate to the actual batch size',
    )
    return parser


def main(
    argv: Sequence[str] | None = None, command: str | None = None
) -> None:
    """Train the model of the config.

    Args:
        argv (Sequence[str], optional): Arguments. Defaults to None: those of
            the process.
        command (str, optional): See :func:`build_parser`.
    """
    args = build_parser(command).parse_args(argv)
    from ..runner import build_runner, check_start, load_config, resume_from

    cfg = load_config(args)
    if args.amp:
        from mmengine.device import is_cuda_available

        if not is_cuda_available():
            raise UserError(
                '--amp needs a CUDA device and a PyTorch built for it; none '
                'was found. Leave --amp out to train in float32 on the CPU'
            )
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    if args.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            raise UserError(
                f'--auto-scale-lr: {args.config} has no '
                'auto_scale_lr.base_batch_size to scale from; add it'
            )
        cfg.auto_scale_lr.enable = True
    if getattr(args, 'weights', None):
        cfg.load_from = _start(args.weights, args.config)
    resume_from(cfg, args.resume)
    check_start(cfg, auto=args.resume == 'auto')
    build_runner(cfg).train()


def _start(weights: str, model: str) -> str:
    """Return the file or URL of the weights to start from."""
    if weights == 'published':
        from ..hub import published_weights
        from .defaults import check_published

        check_published(model)
        return published_weights(model)
    return weights
