# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""File names of drawn images: unique over a dataset, also by base name."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from .image_inputs import UniqueNames
from .images import image_stem


class DrawnNames:
    """Names of drawn images, the same in every process and at every run.

    The images ``a/1.jpg`` and ``b/1.jpg`` of a dataset are drawn as ``1.jpg``
    and ``1_2.jpg``, in the dataset's order. Upper and lower case count as
    equal.

    Args:
        dataset (Any): With ``get_data_info`` and ``img_path`` in its items.
            Images that it does not name get their number when they come.
    """

    def __init__(self, dataset: Any) -> None:
        self._unique = UniqueNames()
        self._stems: dict[str, str] = {}
        self._items: dict[str, dict[Any, int]] = defaultdict(dict)
        for path, item in _items_of(dataset):
            self.stem(path)
            self._items[path].setdefault(item, len(self._items[path]))

    def stem(self, path: str) -> str:
        """Return the name of an image, without an ending.

        Args:
            path (str): Path or URL of the image.
        """
        if path not in self._stems:
            self._stems[path] = self._unique(image_stem(path))
        return self._stems[path]

    def item_stem(self, path: str, item: Any) -> str:
        """Return the name of an item of an image: ``STEM_0``, ``STEM_1`` ...

        Args:
            path (str): Path or URL of the image.
            item (Any): Its ``id`` in the dataset.
        """
        items = self._items[path]
        return f'{self.stem(path)}_{items.setdefault(item, len(items))}'


def _items_of(dataset: Any) -> Iterator[tuple[str, Any]]:
    """Yield the image and the id of each item, as far as it has them."""
    if not hasattr(dataset, 'get_data_info'):
        return
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        if 'img_path' in info:
            yield info['img_path'], info.get('id')
