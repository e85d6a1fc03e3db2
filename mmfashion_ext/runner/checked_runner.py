# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Runner of the tools: MMEngine's with early checks and a short console."""

import logging
from typing import TYPE_CHECKING, Any

from mmengine.runner import BaseLoop
from torch import nn
from torch.utils.data import DataLoader

from ..errors import UserError
from .checks import (
    check_evaluation,
    check_settings,
    check_training,
    empty_dataset_errors,
)
from .console import set_console
from .progress import ProgressHook
from .seeding import SeededStepsHook, seeded_loader
from .start_up import StartUpHook
from .work_dir import one_training, written_whole
from .workers import use_shared_collate, worker_errors

if TYPE_CHECKING:
    from mmengine.runner import Runner as _Base
else:
    _Base = object


class CheckedRunner(_Base):
    """Part of a runner class: what the tools add to MMEngine's or another's.

    A training without a step and an evaluation without an item are errors
    before anything runs, lack of shared memory is an error and not a hang,
    and the console shows short lines and the time left.
    """

    def build_logger(self, *args: Any, **kwargs: Any) -> logging.Logger:
        """Return MMEngine's logger with a console of ours."""
        logger = super().build_logger(*args, **kwargs)
        set_console(logger)
        return logger

    def register_hooks(self, *args: Any, **kwargs: Any) -> None:
        """Register the config's hooks, then start-up and progress."""
        super().register_hooks(*args, **kwargs)
        self.start_up, self.progress = StartUpHook(), ProgressHook()
        self.register_hook(self.start_up)
        self.register_hook(self.progress)
        self.register_hook(SeededStepsHook(self.seed))

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the train loop and check that it has a step.

        Raises:
            UserError: See :func:`~.checks.check_training`.
        """
        if isinstance(loop, dict):
            check_settings(self._train_dataloader, 'train_dataloader')
        with empty_dataset_errors(self._train_dataloader, 'train_dataloader'):
            seeds_differ = self._randomness_cfg.get('diff_rank_seed', False)
            loader: Any = self._train_dataloader
            self._train_dataloader: Any = seeded_loader(
                loader,
                None if seeds_differ else self.seed,
                lambda: self.seed or 0,
            )
            built = super().build_train_loop(loop)
        check_training(built)
        _share(built, 'train_dataloader')
        return built

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the validation loop and check that it has items.

        Raises:
            UserError: See :func:`~.checks.check_evaluation`.
        """
        if isinstance(loop, dict):
            check_settings(self._val_dataloader, 'val_dataloader')
        with empty_dataset_errors(self._val_dataloader, 'val_dataloader'):
            built = super().build_val_loop(loop)
        check_evaluation(built, 'val')
        _share(built, 'val_dataloader')
        return built

    def build_test_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the test loop and check that it has items.

        Raises:
            UserError: See :func:`~.checks.check_evaluation`.
        """
        if isinstance(loop, dict):
            check_settings(self._test_dataloader, 'test_dataloader')
        with empty_dataset_errors(self._test_dataloader, 'test_dataloader'):
            built = super().build_test_loop(loop)
        check_evaluation(built, 'test')
        _share(built, 'test_dataloader')
        return built

    def train(self) -> nn.Module:
        """Train; errors of processes that load data become one line.

        Raises:
            UserError: Nothing to train on, shared memory ran out, or another
                training runs in the work directory.
        """
        if self._train_loop is None:
            raise UserError(_nothing('train'))
        with one_training(self.work_dir), worker_errors(), self.progress:
            self.start_up.begin(self)
            return super().train()

    def save_checkpoint(
        self, out_dir: str, filename: str, *args: Any, **kwargs: Any
    ) -> None:
        """Save a checkpoint, which gets its name when it is complete.

        Args:
            out_dir (str): Folder or, for a remote file backend, URL.
            filename (str): Name of the file.
            *args: See MMEngine's ``Runner.save_checkpoint``.
            **kwargs: See there.
        """
        if '://' in out_dir or kwargs.get('backend_args'):
            super().save_checkpoint(out_dir, filename, *args, **kwargs)
            return
        with written_whole(out_dir, filename) as temporary:
            super().save_checkpoint(out_dir, temporary, *args, **kwargs)

    def test(self) -> dict:
        """Test; errors of processes that load data become one line.

        Raises:
            UserError: Nothing to evaluate, or shared memory ran out.
        """
        if self._test_loop is None:
            raise UserError(_nothing('test'))
        with worker_errors(), self.progress:
            self.start_up.begin(self)
            return super().test()


def _nothing(mode: str) -> str:
    return (
        f'the config has no {mode}_dataloader and {mode}_cfg, so there is '
        f'nothing to {mode}; add them, see configs/*/_base_'
    )


def _share(loop: BaseLoop, where: str) -> None:
    if isinstance(loop.dataloader, DataLoader):
        use_shared_collate(loop.dataloader, where)


def checked(runner_class: type) -> type:
    """Return a runner class with :class:`CheckedRunner` before it.

    Args:
        runner_class (type): MMEngine's ``Runner`` or one of its kind.
    """
    return type(
        f'Checked{runner_class.__name__}', (CheckedRunner, runner_class), {}
    )
