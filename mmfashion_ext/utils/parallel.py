# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Run a function on many tasks in several processes."""

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context


def run_parallel(function: Callable, tasks: Sequence, jobs: int) -> Iterator:
    """Apply a function to tasks, in order, in several processes.

    Args:
        function (callable): Of a module, so that it can be pickled.
        tasks (Sequence): Its arguments, one each.
        jobs (int): Processes; 1: in this one.

    Yields:
        Any: What the function returns for each task.
    """
    if jobs <= 1 or len(tasks) < 2:
        yield from map(function, tasks)
        return
    # a forked child of a process with threads can hang
    pool = ProcessPoolExecutor(jobs, mp_context=get_context('spawn'))
    try:
        with _interrupts_held_back():  # the processes start here
            results = pool.map(function, tasks)
        yield from results
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Hold Ctrl-C back; processes that are started meanwhile never get it.

    A terminal sends it to all of them, and each would print a traceback.
    """
    if not hasattr(signal, 'pthread_sigmask'):  # Windows
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
