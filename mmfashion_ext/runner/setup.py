# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Runner set-up of ``tools/train.py`` and ``tools/test.py``: flags to config.

PyTorch is imported when it is first needed: a misspelt name is told at once.
"""

import argparse
import os
import re
import warnings
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.config import Config, ConfigDict

from .. import plugins
from ..errors import UserError
from ..hub import config_path
from ..utils.config_options import ConfigOptions, merge_options
from ..utils.host_noise import process_rank
from .console import set_console

if TYPE_CHECKING:
    from mmengine.runner import Runner


#: Host -> its metric that pickles predictions, masks compressed.
DUMP_METRICS = {'mmdet': 'mmdet.DumpDetResults'}

#: Visualization hook -> the one that names a file for each image.
NAMING_HOOKS = {
    'DetVisualizationHook': 'mmfashion_ext.ClothesVisualizationHook',
    'PoseVisualizationHook': 'mmfashion_ext.LandmarkVisualizationHook',
}


def add_config_arguments(
    parser: argparse.ArgumentParser, metavar: str | None = None
) -> None:
    """Add the arguments of a tool that reads a config.

    Args:
        parser (ArgumentParser): Where to add them.
        metavar (str, optional): What the help calls the config.
    """
    parser.add_argument(
        'config', metavar=metavar, help='config file, or the name of a model'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        metavar='KEY=VALUE',
        help='change settings of the config, e.g. train_cfg.max_epochs=1; '
        'applied first, the named flags win over it',
    )


def add_runner_arguments(
    parser: argparse.ArgumentParser,
    *work_dir_names: str,
    metavar: str | None = None,
) -> None:
    """Add the arguments that training and testing share.

    Args:
        parser (ArgumentParser): Where to add them.
        *work_dir_names (str): Further names of ``--work-dir``.
        metavar (str, optional): What the help calls the config.
    """
    add_config_arguments(parser, metavar)
    parser.add_argument(
        *('--work-dir', *work_dir_names),
        help='where logs and results go; default: work_dirs/<config name>',
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


def read_config(args: argparse.Namespace) -> Config:
    """Read the config named on the command line, with its options.

    Args:
        args (Namespace): With the fields of ``add_config_arguments``.

    Returns:
        Config: Merged with what it inherits.

    Raises:
        UserError: There is no such config, or it cannot be parsed.
        ImportError: A system that the config uses lacks its host.
    """
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
        merge_options(cfg, args.cfg_options)
    for system in plugins.used_systems(cfg):
        plugins.require(system)
    return cfg


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
    cfg = read_config(args)
    cfg.launcher = args.launcher
    cfg.work_dir = (
        args.work_dir
        or cfg.get('work_dir')
        or str(Path('work_dirs') / Path(cfg.filename).stem)
    )
    return cfg


def build_runner(cfg: Config) -> 'Runner':
    """Build the runner of a config, MMEngine's unless it names another one.

    Under torchrun on a machine without a GPU the processes talk through gloo,
    without SyncBN; MMEngine would insist on CUDA.
    """
    import torch
    from mmengine.device import is_cuda_available
    from mmengine.logging import MMLogger
    from mmengine.registry import RUNNERS
    from mmengine.runner import Runner

    from ..utils.config_checkpoints import check_named_files
    from .checked_runner import checked
    from .safe_loading import loading_safely

    check_named_files(cfg)
    if cfg.launcher == 'pytorch' and not is_cuda_available():
        torch.distributed.init_process_group('gloo')
        cfg.model_wrapper_cfg = dict(
            type='mmengine.MMDistributedDataParallel', device_ids=None
        )
        if cfg.pop('sync_bn', None) and process_rank() == 0:
            warnings.warn(
                'SyncBN works on GPUs only: here each process normalises by '
                'its own share of the batch'
            )
    runner_class: Any = Runner
    if 'runner_type' in cfg:
        runner_class = RUNNERS.get(cfg.runner_type)
        if runner_class is None:
            raise UserError(
                f'runner_type: {cfg.runner_type!r} is not a known runner; '
                'leave it out to use that of MMEngine'
            )
    # what is logged before the runner has a logger of its own
    set_console(MMLogger.get_instance('mmengine'))
    checked_class: Any = checked(loading_safely(runner_class))
    try:
        return checked_class.from_cfg(cfg)
    except ValueError as error:
        # MMEngine's message goes on with all of their content
        found = re.match(r'[\w, ]+ should be either all None', str(error))
        if found is None:
            raise
        raise UserError(
            f'the config: {found[0]} or all given; give what is missing, or '
            'set all of them to None'
        ) from error


def draw_predictions(cfg: Config, folder: str, score_thr: float) -> None:
    """Make the host's visualization hook draw every test image (h, w, 3).

    The hooks differ: mmdet's says ``draw`` and ``test_out_dir``, those of
    mmpose and mmpretrain say ``enable`` and ``out_dir``.
    """
    hook = cfg.default_hooks.get('visualization')
    if hook is None:
        raise UserError(
            '--show-dir: the config has no default_hooks.visualization'
        )
    # absolute: the hosts' hooks join a relative one again for every image
    folder = str(Path(folder).resolve())
    # the hosts' own hooks overwrite drawings of equal names
    hook.type = NAMING_HOOKS.get(hook.type.rpartition('.')[2], hook.type)
    if hook.type == NAMING_HOOKS['DetVisualizationHook']:
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
