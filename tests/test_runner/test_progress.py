# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Progress of training and test: a bar on a terminal, else plain lines."""

import io
import logging
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console
from rich.progress import BarColumn, Progress

from mmfashion_ext.runner import progress
from mmfashion_ext.runner.progress import ProgressHook, duration

pytestmark = pytest.mark.fault(31)


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def lines():
    """A logger that keeps its lines in a list, and the list."""
    kept = []
    logger = logging.Logger('kept')
    handler = logging.Handler()
    handler.emit = lambda record: kept.append(record.getMessage())
    logger.addHandler(handler)
    return logger, kept


def test_a_plain_line_when_nothing_was_said_for_a_while(lines):
    logger, kept = lines
    loop = SimpleNamespace(iter=100, max_iters=200)
    runner = SimpleNamespace(logger=logger, train_loop=loop)
    hook = ProgressHook(interval=30, clock=Clock())
    hook.before_train(runner)
    for step in range(100, 110):
        hook.clock.now += 10
        loop.iter = step
        hook.after_train_iter(runner, step)
    assert kept == [
        # 3 of the 100 steps of a resumed training took 30 s
        'train: step 103 of 200 (52%), 0:00:30 so far, about 0:16:10 left',
        'train: step 106 of 200 (53%), 0:01:00 so far, about 0:15:40 left',
        'train: step 109 of 200 (55%), 0:01:30 so far, about 0:15:10 left',
    ]


def test_a_test_says_what_follows(lines):
    logger, kept = lines
    runner = SimpleNamespace(logger=logger, test_dataloader=[0] * 4)
    hook = ProgressHook(interval=30, clock=Clock())
    hook.before_test_epoch(runner)
    for batch in range(4):
        hook.clock.now += 40
        hook.after_test_iter(runner, batch)
    assert len(kept) == 4
    assert kept[0] == (
        'test: batch 1 of 4 (25%), 0:00:40 so far, about 0:02:00 left'
    )
    assert kept[-1] == (
        'test: batch 4 of 4 after 0:02:40; metrics are computed next'
    )


def test_short_validations_are_silent(lines):
    logger, kept = lines
    runner = SimpleNamespace(logger=logger, val_dataloader=[0] * 2)
    hook = ProgressHook(interval=30, clock=Clock())
    hook.before_val_epoch(runner)
    for batch in range(2):
        hook.after_val_iter(runner, batch)
    assert kept == []


def test_a_terminal_shows_a_bar(lines, monkeypatch):
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, 'stdout', stream)
    logger, kept = lines
    loop = SimpleNamespace(iter=0, max_iters=2)
    runner = SimpleNamespace(
        logger=logger, train_loop=loop, val_dataloader=[0]
    )
    console = Console(file=stream, force_terminal=True, width=80)
    monkeypatch.setattr(
        progress,
        '_bar',
        lambda: Progress(
            '{task.description}',
            BarColumn(),
            console=console,
            auto_refresh=False,
        ),
    )
    with ProgressHook(clock=Clock()) as hook:
        hook.before_train(runner)
        hook.clock.now = 100
        hook.after_train_iter(runner, 0)
        hook.before_val_epoch(runner)
        hook.after_val_iter(runner, 0)
        assert hook.bar is not None
    assert hook.bar is None
    assert 'train' in stream.getvalue()
    assert 'val' in stream.getvalue()
    assert sys.stdout is stream
    assert kept == []


def test_the_real_bar_counts_and_shows_the_time_left():
    bar = progress._bar()
    bar.add_task('train', total=10, completed=3)
    console = Console(file=io.StringIO(), width=100)
    console.print(bar.get_renderable())
    assert '3/10' in console.file.getvalue()
    assert 'left' in console.file.getvalue()


def test_duration():
    assert duration(3661.4) == '1:01:01'
