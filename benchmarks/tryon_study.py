# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Study of try-on on synthetic people: four stages, and parser errors.

Trains tutor and student one after the other, the student's warp stage twice as
long as the others, as published, and tests every stage on worn garments of
people who are not in the training data. Then tutor and student put *other*
garments on them, whose true image is known, while a fraction p of the
garment's pixels in the parse map is wrong (the student does not read it).
With --distillation, the student's warp stage is also trained with other
distillations. Finished runs are not repeated.

    python benchmarks/tryon_study.py --seeds 0 1 2
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from rich.console import Console
from rich.table import Table
from training_runs import call, train_and_test

from mmfashion_ext.hub import config_path
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json

STAGES = ('pb-afn_warp', 'pb-afn_e2e', 'pf-afn_warp', 'pf-afn_e2e')
LONG = 'pf-afn_warp'
MODEL = '{}-small_1xb4-{}e_synthetic-128x96'
SHOWN = ('warp/IoU', 'warp/EPE', 'SSIM', 'L1')
MODES = ('erode', 'shift', 'relabel')
DISTILLATIONS = {
    'none': None,
    'fixed': {'selection': 'fixed'},
    'features': {'flow_weight': 0.0},
    'flows': {'feature_weight': 0.0},
}


def load(stage: str, args: argparse.Namespace, seed: int) -> Config:
    """Return the config of a stage, with its predecessors' checkpoints."""
    path = config_path(MODEL.format(stage, 16 if stage == LONG else 8))
    cfg = Config.fromfile(path, import_custom_modules=False)
    cfg.randomness = {'seed': seed}
    cfg.train_dataloader.dataset.indices = args.persons
    epochs = count_epochs(stage, args)
    cfg.train_cfg.max_epochs = epochs
    cfg.param_scheduler.begin = epochs // 2
    cfg.param_scheduler.end = epochs
    before = {'pb-afn_e2e': 'pb-afn_warp', 'pf-afn_e2e': 'pf-afn_warp'}
    if stage in before:
        cfg.load_from = str(checkpoint(before[stage], args, seed))
    if 'teacher_checkpoint' in cfg.model:
        tutor = checkpoint('pb-afn_e2e', args, seed)
        cfg.model.teacher_checkpoint = str(tutor)
    for hook in cfg.get('custom_hooks', []):
        part = 2 if hook.type.endswith('SwitchLossHook') else 4
        hook.switch_epoch = max(epochs // part, 2)
    return cfg


def count_epochs(stage: str, args: argparse.Namespace) -> int:
    """Return the epochs: twice as many for the student's warp stage."""
    return args.epochs * (2 if stage == LONG else 1)


def folder(stage: str, args: argparse.Namespace, seed: int) -> Path:
    """Return the folder of a run; its size is part of the name."""
    size = f'{args.persons}x{args.epochs}e'
    return args.work_dir.resolve() / f'{size}-{seed}' / stage


def checkpoint(stage: str, args: argparse.Namespace, seed: int) -> Path:
    """Return the last checkpoint of a stage."""
    epochs = count_epochs(stage, args)
    return folder(stage, args, seed) / f'epoch_{epochs}.pth'


def distil(
    variant: str, args: argparse.Namespace, seed: int
) -> dict[str, float]:
    """Train the student's warp network with another distillation."""
    cfg = load('pf-afn_warp', args, seed)
    change = DISTILLATIONS[variant]
    if change is None:
        cfg.model.distillation = None
    else:
        cfg.model.distillation.update(change)
    return train_and_test(cfg, folder(f'pf-afn-{variant}_warp', args, seed))


def put_on(
    stage: str, args: argparse.Namespace, seed: int, mode: str, rate: float
) -> dict[str, float]:
    """Test with other garments, and errors in the parse map."""
    base = folder(stage, args, seed)
    result = base / f'unpaired-{mode}-{rate}.json'
    if result.exists():
        return json.loads(result.read_text())
    cfg = load(stage, args, seed)
    dataset = cfg.test_dataloader.dataset
    labels = [] if stage.startswith('pf') else ['parse', 'pose', 'densepose']
    dataset.paired = False
    dataset.annotations = [*labels, 'truth']
    if labels:
        errors = {'type': 'mmfashion_ext.CorruptParse'}
        errors.update(rate=rate, mode=mode)
        dataset.pipeline.insert(1, errors)
    config = base / f'unpaired-{mode}-{rate}.py'
    cfg.dump(config)
    call(
        *('tools/test.py', str(config), str(checkpoint(stage, args, seed))),
        *('--work-dir', str(base), '--out', str(result)),
        log=base,
    )
    return json.loads(result.read_text())


def show(title: str, rows: dict[str, Sequence[dict[str, float]]]) -> None:
    """Print the mean over the seeds, and each value."""
    table = Table('', *SHOWN, title=title)
    for name, results in rows.items():
        cells = []
        for key in SHOWN:
            values = np.array([result[key] for result in results])
            digits = 2 if key == 'warp/EPE' else 3
            each = ' '.join(f'{value:.{digits}f}' for value in values)
            cells.append(f'{values.mean():.{digits}f} ({each})')
        table.add_row(name, *cells)
    Console(width=160).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument(
        '--persons', type=int, default=1200, help='to train on'
    )
    parser.add_argument(
        '--epochs',
        type=int,
        default=8,
        help="of each stage; of the student's warp stage twice as many",
    )
    parser.add_argument(
        '--rates', type=float, nargs='+', default=[0, 0.1, 0.3], help='p'
    )
    parser.add_argument(
        '--distillation', nargs='*', default=[], choices=DISTILLATIONS
    )
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/tryon_study')
    )
    args = parser.parse_args()
    stages = {
        stage: [
            train_and_test(load(stage, args, s), folder(stage, args, s))
            for s in args.seeds
        ]
        for stage in STAGES
    }
    unwarped = stages[STAGES[0]][0]
    print(
        f'the garment as it is: IoU {unwarped["unwarped/IoU"]:.3f}, '
        f'EPE {unwarped["unwarped/EPE"]:.2f} px'
    )
    show('garments worn', stages)
    if args.distillation:
        rows = {'adjustable': stages['pf-afn_warp']}
        for variant in args.distillation:
            rows[variant] = [distil(variant, args, s) for s in args.seeds]
        show("distillation, the student's warp stage", rows)
    errors = {}
    for mode in MODES:
        for rate in args.rates:
            if rate or mode == MODES[0]:
                errors[f'tutor, {mode} {rate:.0%}' if rate else 'tutor'] = [
                    put_on('pb-afn_e2e', args, s, mode, rate)
                    for s in args.seeds
                ]
    errors['student'] = [
        put_on('pf-afn_e2e', args, s, 'erode', 0) for s in args.seeds
    ]
    show('other garments, errors in the parse map', errors)
    rows = {'stages': stages, 'errors': errors}
    write_json(args.work_dir / 'study.json', rows)


if __name__ == '__main__':
    run_tool(main)
