# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Runner of training and test: set-up, console, progress, early checks."""

from .resume import check_start, resume_from
from .setup import (
    add_config_arguments,
    add_runner_arguments,
    augment_at_test,
    build_runner,
    draw_predictions,
    dump_predictions,
    load_config,
    read_config,
)

__all__ = [
    'add_config_arguments',
    'add_runner_arguments',
    'augment_at_test',
    'build_runner',
    'check_start',
    'draw_predictions',
    'dump_predictions',
    'load_config',
    'read_config',
    'resume_from',
]
