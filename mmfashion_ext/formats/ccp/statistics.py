# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Statistics of a split of Clothing Co-Parsing, as a table."""

from collections import Counter
from collections.abc import Sequence

from .constants import GROUPS
from .splits import NUM_LABELLED, NUM_TAGGED


class CCPStatistics:
    """Counts of images, items and their tags, filled image by image."""

    def __init__(self) -> None:
        self.images = 0
        self.empty_images = 0
        self.items: Counter[str] = Counter()
        self.tags: Counter[str] = Counter()
        #: Share of the image that the items of a group cover, summed.
        self.covered: Counter[str] = Counter()

    def add(self, image: dict, annotations: Sequence[dict]) -> None:
        """Count one image.

        Args:
            image (dict): COCO image record, ``width`` and ``height`` in px.
            annotations (Sequence[dict]): Its items: ``group``, ``tags``,
                ``area`` in px^2.
        """
        self.images += 1
        self.empty_images += not annotations
        for item in annotations:
            self.items[item['group']] += 1
            self.tags.update(item['tags'])
            pixels = image['width'] * image['height']
            self.covered[item['group']] += item['area'] / pixels

    def report(self, split: str, tagged: int) -> str:
        """Return the table.

        Args:
            split (str): Its name.
            tagged (int): Photographs with image-level tags alone.
        """
        published = (
            f'published: {NUM_LABELLED:,} photographs with pixel labels, '
            f'{NUM_TAGGED:,} with tags alone'
        )
        lines = [
            f'{"split " + split:<26} {self.images:>7,} images',
            f'{"without items":<26} {self.empty_images:>7,}',
            f'{"with tags alone":<26} {tagged:>7,}',
            f'{"group":<26} {"items":>7} {"% of image":>11}  tags',
        ]
        for group in GROUPS:
            count = self.items[group.name]
            covered = 100 * self.covered[group.name] / max(count, 1)
            tags = ', '.join(f'{t} {self.tags[t]:,}' for t in group.tags)
            lines.append(
                f'{f"{group.id} {group.name}":<26} {count:>7,} '
                f'{covered:>11.1f}  {tags}'
            )
        total = f'{"together":<26} {self.items.total():>7,}'
        return '\n'.join([*lines, total, published])
