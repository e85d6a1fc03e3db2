# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The command line of ``tools/train.py`` and ``tools/test.py``.

torch is imported when it is needed first: a misspelt name is told at once.
"""

import argparse
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.config import Config, DictAction

from . import plugins
from .errors import UserError
from .hub import config_path

if TYPE_CHECKING:
    from mmengine.runner import Runner


def add_runner_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that training and testing share."""
    parser.add_argument('config', help='config file, or the name of a model')
    parser.add_argument(
        '--work-dir',
        help='where logs and results go; default: work_dirs/<config name>',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change settings of the config, e.g. train_cfg.max_epochs=1; '
        'applied first, the named flags win over it',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how processes are started; torchrun is "pytorch"',
    )
    # torch.distributed.launch passes it; torchrun sets LOCAL_RANK instead
    parser.add_argument(
        '--local_rank',
        '--local-rank',
        type=int,
        default=0,
        help=argparse.SUPPRESS,
    )


def load_config(args: argparse.Namespace) -> Config:
    """Load the config named on the command line and apply its flags.

    Args:
        args (Namespace): With the fields of ``add_runner_arguments``.

    Returns:
        Config: Ready for a runner on this machine.

    Raises:
        UserError: There is no such config, or it cannot be parsed.
        ImportError: A system that the config uses lacks its host.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    path = args.config
    if not Path(path).is_file():
        path = config_path(path)
    try:
        cfg = Config.fromfile(path)
    except Exception as error:  # mmengine raises whatever the file raises
        raise UserError(
            f'{path} cannot be loaded as a config: '
            f'{type(error).__name__}: {error}'
        ) from error
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    for system in plugins.used_systems(cfg):
        plugins.require(system)
    cfg.launcher = args.launcher
    cfg.work_dir = (
        args.work_dir
        or cfg.get('work_dir')
        or str(Path('work_dirs') / Path(path).stem)
    )
    return cfg


def build_runner(cfg: Config) -> 'Runner':
    """The runner of a config, MMEngine's unless ``runner_type`` is given.

    Under torchrun on a machine without a GPU the processes talk through gloo,
    without SyncBN; MMEngine would insist on CUDA.
    """
    import torch
    from mmengine.device import is_cuda_available
    from mmengine.registry import RUNNERS
    from mmengine.runner import Runner

    if cfg.launcher == 'pytorch' and not is_cuda_available():
        torch.distributed.init_process_group('gloo')
        cfg.model_wrapper_cfg = dict(
            type='mmengine.MMDistributedDataParallel', device_ids=None
        )
        if cfg.pop('sync_bn', None):
            warnings.warn(
                'SyncBN works on GPUs only: here each process normalises by '
                'its own share of the batch'
            )
    if 'runner_type' in cfg:
        return RUNNERS.build(cfg)
    return Runner.from_cfg(cfg)
