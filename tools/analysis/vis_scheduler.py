# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Draw how the learning rate of a config changes during its training.

MMEngine's schedulers step as in a training, on an optimizer without a model:
neither data nor a GPU is needed. What the optimizer has several of (the CNN
and the matcher of SCAN) has a curve each. --key draws the momentum, if a
schedule changes it.

Examples:
    python tools/analysis/vis_scheduler.py CONFIG --out schedule.png
    python tools/analysis/vis_scheduler.py CONFIG --epoch-length 375 \
        --cfg-options train_cfg.max_epochs=20
"""

import argparse
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.cli import run_tool


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    from mmfashion_ext.runner import add_config_arguments

    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config_arguments(parser)
    parser.add_argument(
        '--epoch-length',
        type=int,
        default=100,
        metavar='STEPS',
        help='steps of an epoch: items / (batch size x processes); the real '
        'one matters where a warm-up counts steps (default: %(default)s)',
    )
    parser.add_argument(
        '--key',
        choices=('lr', 'momentum'),
        default='lr',
        help='what to draw (default: %(default)s)',
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('schedule.png'),
        metavar='PNG',
        help='file to write (default: %(default)s)',
    )
    return parser.parse_args()


def simulate(
    cfg: Any, epoch_length: int, key: str = 'lr'
) -> tuple[dict[str, list[float]], bool]:
    """Step the schedulers of a config through its training.

    Args:
        cfg (Config): With ``train_cfg``, ``optim_wrapper``,
            ``param_scheduler``.
        epoch_length (int): Steps of an epoch; of a training by steps unused.
        key (str): ``'lr'`` or ``'momentum'``. Defaults to ``'lr'``.

    Returns:
        tuple: Name of the optimizer (``''`` if there is one) -> its values
            (N,) at each step, and whether the training counts epochs.

    Raises:
        UserError: The config has no training, or its optimizer no such key.
    """
    import mmengine.optim  # noqa: F401  fills the registries
    from mmengine.registry import PARAM_SCHEDULERS

    loop = cfg.get('train_cfg')
    if not loop or 'optim_wrapper' not in cfg:
        raise UserError(
            'the config has no train_cfg or no optim_wrapper: nothing to draw'
        )
    by_epoch = 'max_epochs' in loop
    steps = loop.max_epochs * epoch_length if by_epoch else loop.max_iters
    schedules = cfg.get('param_scheduler') or []
    if not isinstance(schedules, list) and 'type' not in schedules:
        named = dict(schedules)  # by optimizer
    else:
        named = {'': schedules}
    curves = {}
    for name, entries in named.items():
        optimizer = _optimizer(cfg)
        if key not in optimizer.param_groups[0]:
            raise UserError(
                f'--key {key}: the optimizer, '
                f'{cfg.optim_wrapper.optimizer.type}, has none'
            )
        running = []
        for entry in entries if isinstance(entries, list) else [entries]:
            end = loop.get('max_epochs', 1)
            if not entry.get('by_epoch', True):
                end = steps
            options = dict(optimizer=optimizer, epoch_length=epoch_length)
            settings = {'end': end, **deepcopy(entry)}
            running.append(
                PARAM_SCHEDULERS.build(settings, default_args=options)
            )
        curves[name] = _curve(optimizer, running, steps, epoch_length, key)
    return curves, by_epoch


def _optimizer(cfg: Any) -> Any:
    """Build the optimizer of a config for one weight."""
    import torch
    from mmengine.registry import OPTIMIZERS

    settings = dict(cfg.optim_wrapper.optimizer)
    settings.pop('fused', None)
    weight = torch.nn.Parameter(torch.zeros(1))
    return OPTIMIZERS.build({**settings, 'params': [weight]})


def _curve(
    optimizer: Any, running: list, steps: int, epoch_length: int, key: str
) -> list[float]:
    """Return the value of an optimizer at each step, (N,)."""
    optimizer.step()  # else the schedulers warn that it comes first
    values = []
    for step in range(1, steps + 1):
        values.append(optimizer.param_groups[0][key])
        for scheduler in running:
            if not scheduler.by_epoch or step % epoch_length == 0:
                scheduler.step()
    return values


def main() -> None:
    """Draw the curves."""
    args = parse_args()
    from matplotlib.figure import Figure

    from mmfashion_ext.runner import read_config
    from mmfashion_ext.utils.files import make_folder
    from mmfashion_ext.utils.host_scope import host_scope

    if args.epoch_length < 1:
        raise UserError(f'--epoch-length {args.epoch_length}: expected >= 1')
    cfg = read_config(args)
    with host_scope(cfg.get('default_scope')):
        curves, by_epoch = simulate(cfg, args.epoch_length, args.key)
    figure = Figure((9, 4), layout='constrained')
    axes = figure.add_subplot()
    unit = args.epoch_length if by_epoch else 1
    for name, values in curves.items():
        places = [step / unit for step in range(len(values))]
        axes.plot(places, values, label=name or args.key)
        print(
            f'{name or "optimizer"}: {args.key} {values[0]:.4g} at first, '
            f'{max(values):.4g} at most, {values[-1]:.4g} at last, '
            f'{len(values):,} steps'
        )
    axes.set_xlabel('epoch' if by_epoch else 'step')
    axes.set_ylabel(args.key)
    axes.set_title(Path(cfg.filename).stem)
    axes.legend()
    axes.grid(alpha=0.3)
    make_folder(args.out.parent)
    figure.savefig(args.out)
    print(f'wrote {args.out}')


if __name__ == '__main__':
    run_tool(main)
