# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Ablation of SCAN's pooling on synthetic people: mean, self, collaborative.

As in the paper, the third variant is self plus collaborative. Trains the small
SCAN with each pooling, on the same clips for the same number of epochs, and
tests it on people that are not in the training data. Finished runs are not
repeated.

    python benchmarks/scan_ablation.py --seeds 0 1 2 --jobs 2
"""

import argparse
from pathlib import Path

from mmengine.config import Config
from training_runs import compare, train_and_test

from mmfashion_ext.hub import config_path
from mmfashion_ext.utils.cli import run_tool

MODEL = 'scan_r10-small_1xb32-12e_synthetic-64x32'
POOLINGS = ('mean', 'self', 'self+collaborative')
SHOWN = ('allshots/CMC-1', 'allshots/CMC-5', 'allshots/CMC-10', 'mAP')


def run(
    pooling: str, seed: int, epochs: int, folder: Path
) -> dict[str, float]:
    """Train and test one pooling."""
    cfg = Config.fromfile(config_path(MODEL), import_custom_modules=False)
    cfg.model.matcher.pooling = pooling
    cfg.randomness = {'seed': seed}
    cfg.train_cfg.max_epochs = epochs
    for schedule in cfg.param_scheduler.values():
        schedule.T_max = epochs
    return train_and_test(cfg, folder / f'{pooling}-{epochs}e-{seed}')


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument(
        '--poolings', nargs='+', default=POOLINGS, help='of the matcher'
    )
    parser.add_argument(
        '--epochs', type=int, default=12, help='of each training'
    )
    parser.add_argument('--jobs', type=int, default=2, help='runs at a time')
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/scan_ablation')
    )
    args = parser.parse_args()
    folder = args.work_dir.resolve()
    compare(
        args.poolings,
        args.seeds,
        lambda name, seed: run(name, seed, args.epochs, folder),
        SHOWN,
        args.jobs,
    )


if __name__ == '__main__':
    run_tool(main)
