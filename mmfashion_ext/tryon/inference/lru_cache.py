# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Least recently used (LRU) cache of images and features by their index."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

T = TypeVar('T')


class LRUCache(Generic[T]):
    """Least recently used (LRU) cache: keeps the values used most recently.

    Unlike ``functools.lru_cache`` it holds no function, so an object that
    owns one is freed, values included, with its last reference; a method
    wrapped by ``lru_cache`` would keep its object until the garbage collector
    runs.

    Args:
        capacity (int): Number of values to keep; may be changed later.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._values: OrderedDict[Hashable, T] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of values kept."""
        return len(self._values)

    def clear(self) -> None:
        """Drop all values."""
        self._values.clear()

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the value of a key, computed if it is not cached.

        Args:
            key (Hashable): Such as the index of an image.
            compute (Callable): Compute the value.
        """
        return self.get_many([key], lambda _: [compute()])[0]

    def get_many(
        self,
        keys: Sequence[Hashable],
        compute: Callable[[list[int]], Sequence[T]],
    ) -> list[T]:
        """Return the values of keys, which may be more than the capacity.

        Args:
            keys (Sequence[Hashable]): n keys; one may occur several times.
            compute (Callable): From positions in ``keys`` to the values of
                these. It is called once, with each missing key's last
                position, if any is missing.

        Returns:
            list: n values.
        """
        missing = {
            key: position
            for position, key in enumerate(keys)
            if key not in self._values
        }
        if missing:
            computed = compute([*missing.values()])
            self._values.update(zip(missing, computed, strict=True))
        for key in keys:
            self._values.move_to_end(key)
        values = [self._values[key] for key in keys]
        while len(self._values) > self.capacity:
            self._values.popitem(last=False)
        return values
