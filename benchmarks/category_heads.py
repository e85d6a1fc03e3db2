# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Landmark heads compared at equal budgets: plain, category-aware, aggregated.

Trains the synthetic landmark model several ways, on the same items in the same
order for the same number of epochs, and tests each on held-out garments:

- ``plain``: mmpose's own HeatmapHead with 294 maps, as in its DeepFashion2
  configs;
- ``category``: CategoryHeatmapHead, 294 maps, those of the item's category;
- ``aggregated``: CategoryHeatmapHead, 81 points shared between categories;
- ``category-conditioned``, ``aggregated-conditioned``: the last two with
  ``conditioned=True``.

Finished runs are not repeated, so the benchmark can be interrupted.

    python benchmarks/category_heads.py --seeds 0 1 2 --jobs 2
"""

import argparse
from pathlib import Path

from mmengine.config import Config
from training_runs import compare, train_and_test

from mmfashion_ext.hub import config_path
from mmfashion_ext.utils.cli import run_tool

MODEL = 'td-hm-udp_r18-small_1xb32-10e_synthetic-128x96'
HEADS = (
    'plain',
    'category',
    'aggregated',
    'category-conditioned',
    'aggregated-conditioned',
)
SHOWN = ('PCK@0.05', 'PCK@0.1', 'PCK@0.2', 'NE', 'EPE', 'keypoints/AP')


def variant(head: str) -> Config:
    """Return the config of a head; the rest is the same for all."""
    cfg = Config.fromfile(config_path(MODEL), import_custom_modules=False)
    cfg.model.head.conditioned = head.endswith('-conditioned')
    if head.startswith('aggregated'):
        cfg.model.head.points = 'aggregated'
    elif head == 'plain':
        del cfg.model.head['conditioned']
        cfg.model.head.type = 'mmpose.HeatmapHead'
        del cfg.model.head['points']
        cfg.model.head.out_channels = 294
        dataset = cfg.train_dataloader.dataset
        dataset.pipeline = [
            transform
            for transform in dataset.pipeline
            if transform.type != 'mmfashion_ext.SelectCategoryLandmarks'
        ]
    return cfg


def run(head: str, seed: int, folder: Path, epochs: int | None) -> dict:
    """Train and test one variant; return metrics and CPU s of training."""
    cfg = variant(head)
    cfg.randomness = {'seed': seed}
    if epochs:
        cfg.train_cfg.max_epochs = epochs
        cfg.param_scheduler[1].end = epochs
    return train_and_test(cfg, folder / f'{head}-{seed}')


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--heads', nargs='+', choices=HEADS, default=HEADS)
    parser.add_argument('--epochs', type=int, help="default: the config's")
    parser.add_argument('--jobs', type=int, default=2, help='runs at a time')
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/category_heads')
    )
    args = parser.parse_args()
    folder = args.work_dir.resolve()
    compare(
        args.heads,
        args.seeds,
        lambda name, seed: run(name, seed, folder, args.epochs),
        SHOWN,
        args.jobs,
    )


if __name__ == '__main__':
    run_tool(main)
