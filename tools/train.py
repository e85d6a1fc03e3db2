# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Train a model of any system.

Examples:
    python tools/train.py configs/match_rcnn/NAME.py --work-dir work_dirs/a
    python tools/train.py configs/match_rcnn/NAME.py --resume  # continue
    torchrun --nproc_per_node=8 tools/train.py CONFIG --launcher pytorch
"""

import argparse

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.cli import run_tool


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    from mmfashion_ext.runner import add_runner_arguments

    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_runner_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='auto|PATH',
        help='continue from a checkpoint; without a path from the latest one '
        'in the work dir, or from the start if there is none',
    )
    parser.add_argument(
        '--amp', action='store_true', help='automatic mixed precision (CUDA)'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate to the actual batch size',
    )
    return parser.parse_args()


def main() -> None:
    """Train the model of the config."""
    args = parse_args()
    from mmfashion_ext.runner import (
        build_runner,
        check_start,
        load_config,
        resume_from,
    )

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
    resume_from(cfg, args.resume)
    check_start(cfg, auto=args.resume == 'auto')
    build_runner(cfg).train()


if __name__ == '__main__':
    run_tool(main)
