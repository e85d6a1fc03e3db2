# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pytest

pytest.importorskip('mmengine')
from mmfashion_ext.tryon.inference.lru_cache import LRUCache


def test_the_least_recently_used_is_dropped():
    computed = []
    cache = LRUCache(2)

    def get(key):
        def compute():
            computed.append(key)
            return 10 * key

        return cache.get(key, compute)

    assert [get(key) for key in (1, 2, 1, 3, 1, 2)] == [10, 20, 10, 30, 10, 20]
    assert computed == [1, 2, 3, 2]
    assert len(cache) == 2
    cache.clear()
    assert len(cache) == 0
    assert get(1) == 10
    assert computed[-1] == 1


def test_many_at_once():
    """More than there is room for, and some twice."""
    asked = []
    cache = LRUCache(2)
    keys = 'abca'

    def compute(positions):
        asked.append(positions)
        return [keys[position].upper() for position in positions]

    assert cache.get_many(keys, compute) == [*'ABCA']
    assert asked == [[3, 1, 2]]
    assert len(cache) == 2
    keys = 'ca'
    assert cache.get_many(keys, compute) == [*'CA']
    assert len(asked) == 1
    cache.capacity = 3
    keys = 'dca'
    assert cache.get_many(keys, compute) == [*'DCA']
    assert asked[1:] == [[0]]
    assert len(cache) == 3


def test_an_error_leaves_nothing_behind():
    cache = LRUCache(2)
    with pytest.raises(ZeroDivisionError):
        cache.get(1, lambda: 1 / 0)
    assert len(cache) == 0
    assert cache.get(1, lambda: 7) == 7
