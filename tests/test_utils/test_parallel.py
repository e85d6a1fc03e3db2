# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import signal
from functools import partial

import pytest

from mmfashion_ext.utils.parallel import run_parallel


@pytest.mark.parametrize('jobs', [1, 2])
def test_order_is_kept(jobs):
    assert list(run_parallel(abs, [-3, 1, -2], jobs)) == [3, 1, 2]


@pytest.mark.fault(28)
def test_processes_do_not_see_ctrl_c():
    """The first process handles it; the others would print tracebacks."""
    blocked = partial(signal.pthread_sigmask, signal.SIG_BLOCK)
    for mask in run_parallel(blocked, [(), ()], 2):
        assert signal.SIGINT in mask
    assert signal.SIGINT not in blocked(())
