# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Match R-CNN by what it is trained on, at an equal number of steps.

Trains the EfficientNet-Lite0 model for photographs several ways, and tests
each on the validation photographs of Clothing Co-Parsing (AP50 of boxes and
masks in six groups) and on those of single garments (is the category of the
best detection allowed by the garment's class?):

- ``both``: photographs of CCP and of garments, and synthetic DeepFashion2;
- ``real``: the photographs only; nothing tells a short from a long sleeve
  but the classes of single garments, and there are no landmarks;
- ``people``: CCP and synthetic DeepFashion2, no single garments;
- ``synthetic``: synthetic DeepFashion2 only;
- ``both-random``: as ``both``, but from random weights, all of which learn.

Finished runs are not repeated, so the benchmark can be interrupted. Needs the
data of configs/match_rcnn/_base_/dataset_ccp_synthetic.py.

    python benchmarks/training_data.py --steps 400 --seeds 0
"""

import argparse
from pathlib import Path

from mmengine.config import Config
from training_runs import compare, test_again, train_and_test

from mmfashion_ext.hub import config_path
from mmfashion_ext.utils.cli import run_tool

MODEL = 'match-rcnn_efficientnet-lite0_fpn_1xb8-2k_ccp-synthetic'
#: Variant -> which of (CCP, synthetic, garments) it is trained on.
VARIANTS = {
    'both': (0, 1, 2),
    'real': (0, 2),
    'people': (0, 1),
    'synthetic': (1,),
    'both-random': (0, 1, 2),
}
SHOWN = ('bbox/AP50', 'segm/AP50', 'accuracy')


def variant(name: str, seed: int, steps: int) -> Config:
    """Return the config of a variant; the number of steps is the same."""
    cfg = Config.fromfile(config_path(MODEL), import_custom_modules=False)
    sources = cfg.train_dataloader.dataset.datasets
    cfg.train_dataloader.dataset.datasets = [
        sources[index] for index in VARIANTS[name]
    ]
    cfg.randomness = {'seed': seed}
    cfg.train_cfg.max_iters = steps
    cfg.param_scheduler[0].end = min(cfg.param_scheduler[0].end, steps // 4)
    cfg.param_scheduler[1].begin = cfg.param_scheduler[0].end
    cfg.param_scheduler[1].end = steps
    if name == 'both-random':
        cfg.model.backbone.init_cfg = None
        cfg.model.backbone.frozen_stages = 0
        cfg.optim_wrapper.pop('paramwise_cfg')
    return cfg


def test_on_garments(cfg: Config) -> Config:
    """Let a config's test read the photographs of single garments."""
    root = cfg.garments_root
    dataset = cfg.test_dataloader.dataset
    dataset.update(candidates='garments', data_root=root)
    dataset.data_prefix = {'img': 'validation/'}
    cfg.test_evaluator = {
        'type': 'mmfashion_ext.CandidateAccuracy',
        'ann_file': root + 'validation.json',
        'candidates': 'garments',
    }
    return cfg


def run(name: str, seed: int, folder: Path, steps: int) -> dict[str, float]:
    """Train and test one variant; return metrics and CPU s of training."""
    work_dir = folder / f'{name}_{seed}'
    cfg = variant(name, seed, steps)
    metrics = train_and_test(cfg, work_dir)
    return metrics | test_again(test_on_garments(cfg), work_dir, 'garments')


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--variants', nargs='+', choices=VARIANTS, default=list(VARIANTS)
    )
    parser.add_argument('--steps', type=int, default=400)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument('--jobs', type=int, default=1, help='runs at a time')
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/training_data')
    )
    args = parser.parse_args(argv)
    folder = args.work_dir / f'{args.steps}_steps'
    compare(
        args.variants,
        args.seeds,
        lambda name, seed: run(name, seed, folder, args.steps),
        SHOWN,
        args.jobs,
    )


if __name__ == '__main__':
    run_tool(main)
