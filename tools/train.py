# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Train a model of any system.

Examples:
    python tools/train.py configs/match_rcnn/NAME.py --work-dir work_dirs/a
    python tools/train.py configs/match_rcnn/NAME.py --resume  # go on
    torchrun --nproc_per_node=8 tools/train.py CONFIG --launcher pytorch
"""

import argparse

from mmengine.config import Config

from mmfashion_ext.errors import UserError
from mmfashion_ext.runner import (
    add_runner_arguments,
    build_runner,
    load_config,
)
from mmfashion_ext.utils.checkpoint import check_weights
from mmfashion_ext.utils.cli import run_tool


def parse_args() -> argparse.Namespace:
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
        help='go on from a checkpoint; without a path from the latest one in '
        'the work dir, or from the start if there is none',
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


def resume_from(cfg: Config, resume: str | None) -> None:
    """Say where to go on from: ``None``, ``'auto'`` or a checkpoint.

    MMEngine looks for the latest checkpoint only if the config names no
    ``load_from``, and forgets a ``load_from`` otherwise: a training that is
    to start from other weights would start, or go on, from the wrong ones.
    """
    from mmengine.runner import find_latest_checkpoint

    if resume and resume != 'auto':
        cfg.resume, cfg.load_from = True, resume
    elif resume or cfg.get('resume'):
        latest = find_latest_checkpoint(cfg.work_dir)
        cfg.resume = latest is not None
        cfg.load_from = latest or cfg.get('load_from')


def main() -> None:
    args = parse_args()
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
    try:
        cfg.load_from = check_weights(cfg.get('load_from'))
    except FileNotFoundError as error:
        raise UserError(
            f'{error}. The training starts from it: train the model that it '
            'is of first, or give its file by --cfg-options load_from=PATH'
        ) from None
    build_runner(cfg).train()


if __name__ == '__main__':
    run_tool(main)
