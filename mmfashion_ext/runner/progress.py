# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Progress of training and test with the time left: a bar, or plain lines."""

import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from .console import find_console


class ProgressHook(Hook):
    """Hook that shows how far a training or a test is, and the time left.

    On a terminal it is a bar below the log. Elsewhere it is a line whenever
    nothing was logged for a while. Only the first process shows it.

    Args:
        interval (float): Seconds of silence before a line. Defaults to 30.
        clock (callable): Returns seconds, as ``time.monotonic`` does.

    Use it as a context around the run, so that an error ends the bar too.
    """

    priority = 'LOWEST'

    def __init__(
        self,
        interval: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.interval, self.clock = interval, clock
        self.bar: Progress | None = None
        self._tasks: dict[str, Any] = {}  # mode -> task of the bar
        self._began: dict[str, float] = {}  # mode -> seconds
        self._first = 0  # step that this training starts at
        self._drawn = 0.0  # when the bar was drawn last, in seconds
        self._line = 0.0  # when the last plain line was written

    def __enter__(self) -> 'ProgressHook':
        """Begin; the bar starts with the first step."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the bar."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
        self._tasks.clear()

    # training

    def before_train(self, runner: Any) -> None:
        """Start to count the steps of a training."""
        loop = runner.train_loop
        self._first = loop.iter
        self._begin('train', loop.max_iters, loop.iter)

    def after_train_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Show the step."""
        loop = runner.train_loop
        self._show(runner, 'train', loop.iter + 1, loop.max_iters)

    # validation and test

    def before_val_epoch(self, runner: Any) -> None:
        """Start to count the batches of a validation."""
        self._begin('val', len(runner.val_dataloader))

    def before_test_epoch(self, runner: Any) -> None:
        """Start to count the batches of a test."""
        self._begin('test', len(runner.test_dataloader))

    def after_val_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Show the batch; after the last one, that metrics are computed."""
        self._evaluated(runner, 'val', batch_idx, len(runner.val_dataloader))

    def after_test_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Show the batch; after the last one, that metrics are computed."""
        self._evaluated(runner, 'test', batch_idx, len(runner.test_dataloader))

    def _evaluated(
        self, runner: Any, mode: str, batch_idx: int, total: int
    ) -> None:
        self._show(runner, mode, batch_idx + 1, total)
        if batch_idx + 1 < total:
            return
        if mode in self._tasks and self.bar is not None:
            self.bar.remove_task(self._tasks.pop(mode))
            self.bar.refresh()
        spent = self.clock() - self._began[mode]
        if mode == 'test' or spent > self.interval:
            runner.logger.info(
                f'{mode}: batch {total:,} of {total:,} after '
                f'{duration(spent)}; metrics are computed next'
            )

    def _begin(self, mode: str, total: int, done: int = 0) -> None:
        self._began[mode] = self._line = self.clock()
        if not is_main_process() or not sys.stdout.isatty():
            return
        if self.bar is None:
            self.bar = _bar()
            self.bar.start()
        self._tasks[mode] = self.bar.add_task(
            mode, total=total, completed=done
        )

    def _show(self, runner: Any, mode: str, done: int, total: int) -> None:
        if not is_main_process():
            return
        now = self.clock()
        if self.bar is not None and mode in self._tasks:
            self.bar.update(self._tasks[mode], completed=done)
            # drawn by hand: a thread that draws would be copied, in the
            # middle of a line, into the processes that load data
            if now - self._drawn > 0.2 or done == total:
                self.bar.refresh()
                self._drawn = now
            return
        console = find_console(runner.logger)
        last = max(self._line, console.last_line if console else 0.0)
        if now - last < self.interval or done >= total:
            return
        self._line = now
        first = self._first if mode == 'train' else 0
        spent = now - self._began[mode]
        left = spent / max(done - first, 1) * (total - done)
        what = 'step' if mode == 'train' else 'batch'
        runner.logger.info(
            f'{mode}: {what} {done:,} of {total:,} ({done / total:.0%}), '
            f'{duration(spent)} so far, about {duration(left)} left'
        )


def duration(seconds: float) -> str:
    """Return a time in seconds as ``h:mm:ss``."""
    return str(timedelta(seconds=round(seconds)))


def _bar() -> Progress:
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('left'),
        TimeRemainingColumn(),
        console=Console(file=sys.stdout),
        auto_refresh=False,
        transient=True,
    )
