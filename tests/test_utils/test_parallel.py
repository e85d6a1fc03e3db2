# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pytest

from mmfashion_ext.utils.parallel import run_parallel


@pytest.mark.parametrize('jobs', [1, 2])
def test_order_is_kept(jobs):
    assert list(run_parallel(abs, [-3, 1, -2], jobs)) == [3, 1, 2]
