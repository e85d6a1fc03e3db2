# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Mobile try-on with and without a style vector, on people off centre.

Flow-Style (arXiv:2204.01046) claims that a global style vector of person and
garment helps where they are not aligned. Both networks are trained on the
same generated people, shifted and scaled at random, for the same number of
steps and with the same truth, and tested on other people: moved (each alike
in every run) and centred. The table gives the cost of a step too, since the
style vector is not free.

Needs the data of
configs/tryon/synthetic/pf-afn-mobile_supervised_1xb8-2e_synthetic-128x96.py.

    python benchmarks/tryon_style.py --size 96 64 --epochs 2 --seeds 0 1 2
"""

import argparse
from pathlib import Path

from mmengine.config import Config
from training_runs import compare, test_again, train_and_test

from mmfashion_ext.hub import config_path
from mmfashion_ext.utils.cli import run_tool

MODEL = 'pf-afn-mobile_supervised_1xb8-2e_synthetic-128x96'
#: Variant -> channels of the style vector.
VARIANTS = {'plain': 0, 'style': 64}
#: Metrics of both tests.
METRICS = ('IoU', 'EPE', 'SSIM')
SHOWN = (*METRICS, *(f'centred {name}' for name in METRICS))


def pipeline(size: tuple[int, int], move: dict | None) -> list[dict]:
    """Return the transforms of an item, (h, w) px, moved or not."""
    moved = [{'type': 'mmfashion_ext.RandomMovePerson', **(move or {})}]
    return [
        {'type': 'mmfashion_ext.LoadTryOn'},
        {'type': 'mmfashion_ext.ResizeTryOn', 'size': size},
        *(moved if move else []),
        {'type': 'mmfashion_ext.PackTryOn'},
    ]


def variant(name: str, seed: int, args: argparse.Namespace) -> Config:
    """Return the config of a variant, tested on moved people."""
    cfg = Config.fromfile(config_path(MODEL), import_custom_modules=False)
    cfg.model.warp_net.style_channels = VARIANTS[name]
    cfg.randomness = {'seed': seed}
    move = {'shift': tuple(args.shift), 'scale': tuple(args.scale)}
    size = tuple(args.size)
    cfg.train_dataloader.dataset.pipeline = pipeline(size, move)
    cfg.test_dataloader.dataset.pipeline = pipeline(size, move | {'seed': 0})
    cfg.train_cfg.max_epochs = args.epochs
    cfg.param_scheduler[-1].T_max = args.epochs
    cfg.default_hooks.checkpoint = {
        'type': 'CheckpointHook',
        'interval': args.epochs,
    }
    return cfg


def run(name: str, seed: int, args: argparse.Namespace) -> dict[str, float]:
    """Train one variant, test it on moved and on centred people."""
    size = 'x'.join(map(str, args.size))
    work_dir = args.work_dir / f'{size}_{args.epochs}e' / f'{name}_{seed}'
    cfg = variant(name, seed, args)
    metrics = _named(train_and_test(cfg, work_dir))
    cfg.test_dataloader.dataset.pipeline = pipeline(tuple(args.size), None)
    others = _named(test_again(cfg, work_dir, 'centred'))
    return metrics | {f'centred {key}': others[key] for key in METRICS}


def _named(metrics: dict[str, float]) -> dict[str, float]:
    """Name the warp's metrics without prefix; leave those of no warp out."""
    return {
        key.removeprefix('warp/'): value
        for key, value in metrics.items()
        if '/' not in key or key.startswith('warp/')
    }


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--size', type=int, nargs=2, default=(128, 96), metavar=('H', 'W')
    )
    parser.add_argument('--epochs', type=int, default=2)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument(
        '--shift',
        type=float,
        nargs=2,
        default=(0.15, 0.1),
        help='largest shift, as shares of width and height',
    )
    parser.add_argument('--scale', type=float, nargs=2, default=(0.7, 1.0))
    parser.add_argument('--jobs', type=int, default=1, help='runs at a time')
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/tryon_style')
    )
    args = parser.parse_args(argv)
    args.work_dir = args.work_dir.resolve()
    compare(
        list(VARIANTS),
        args.seeds,
        lambda name, seed: run(name, seed, args),
        SHOWN,
        args.jobs,
    )


if __name__ == '__main__':
    run_tool(main)
