# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Test a model of any system.

Examples:
    python tools/test.py CONFIG CHECKPOINT --out metrics.json
    python tools/test.py CONFIG CHECKPOINT --show-dir pictures
    python tools/test.py CONFIG CHECKPOINT --dump predictions.pkl
"""

import argparse
from copy import deepcopy
from pathlib import Path

from mmengine.config import Config, ConfigDict

from mmfashion_ext.errors import UserError
from mmfashion_ext.runner import (
    add_runner_arguments,
    build_runner,
    load_config,
)
from mmfashion_ext.utils.checkpoint import check_weights
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json

#: Host -> its metric that pickles predictions, masks compressed.
DUMP_METRICS = {'mmdet': 'mmdet.DumpDetResults'}


def parse_args() -> argparse.Namespace:
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
        "data set's official result files, if it has any",
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


def draw_predictions(cfg: Config, folder: str, score_thr: float) -> None:
    """Make the host's visualization hook draw every tested image.

    The hooks differ: mmdet's says ``draw`` and ``test_out_dir``, those of
    mmpose and mmpretrain say ``enable`` and ``out_dir``.
    """
    hook = cfg.default_hooks.get('visualization')
    if hook is None:
        raise UserError(
            '--show-dir: the config has no default_hooks.visualization'
        )
    # absolute: mmdet's hook joins a relative one again for every image
    folder = str(Path(folder).resolve())
    if hook.type.rpartition('.')[2] == 'DetVisualizationHook':
        hook.update(draw=True, test_out_dir=folder, score_thr=score_thr)
    else:
        hook.update(enable=True, out_dir=folder)


def dump_predictions(cfg: Config, path: str) -> None:
    """Add a metric that pickles predictions, and write official results."""
    if not path.endswith(('.pkl', '.pickle')):
        raise UserError(f'--dump must end with .pkl or .pickle, got {path}')
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    evaluators = cfg.test_evaluator
    if not isinstance(evaluators, list | tuple):
        evaluators = [evaluators]
    for evaluator in evaluators:
        if evaluator['type'].startswith('mmfashion_ext.'):
            evaluator['outfile_prefix'] = str(Path(path).with_suffix(''))
    dump = DUMP_METRICS.get(cfg.default_scope, 'mmengine.DumpResults')
    cfg.test_evaluator = [*evaluators, dict(type=dump, out_file_path=path)]


def augment_at_test(cfg: Config) -> None:
    """Wrap the model so that it merges several views of each image."""
    if 'tta_model' not in cfg or 'tta_pipeline' not in cfg:
        raise UserError(
            '--tta: the config has no tta_model and tta_pipeline that say '
            'which views to merge; add them (see configs/match_rcnn/_base_)'
        )
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    dataset = cfg.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset.dataset
    dataset.pipeline = deepcopy(cfg.tta_pipeline)


def main() -> None:
    args = parse_args()
    cfg = load_config(args)
    cfg.load_from, cfg.resume = check_weights(args.checkpoint), False
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
