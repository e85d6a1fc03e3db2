# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The lock of a file: one at a time, in threads as in processes."""

import threading
import time

import pytest

from mmfashion_ext.utils.file_lock import file_lock


@pytest.mark.fault(18)
def test_one_at_a_time_and_nothing_is_left(tmp_path):
    path, inside, most = tmp_path / 'new' / 'a.index', [], []

    def work():
        with file_lock(path):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.002)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8
    assert list(path.parent.iterdir()) == []


@pytest.mark.fault(18)
def test_an_error_frees_the_lock(tmp_path):
    for _ in range(2):
        with pytest.raises(KeyError), file_lock(tmp_path / 'a'):
            raise KeyError
    assert list(tmp_path.iterdir()) == []
