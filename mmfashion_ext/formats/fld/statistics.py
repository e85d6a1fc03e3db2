# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Statistics of a part of FLD, as a table."""

from collections import Counter
from collections.abc import Sequence

from .constants import (
    CLOTHES_TYPES,
    PUBLISHED_IMAGES,
    SPLITS,
    VARIATIONS,
    VISIBILITY,
    ClothesType,
)


class FLDStatistics:
    """Counts of items by type of clothes, filled item by item."""

    def __init__(self) -> None:
        # (row, type of clothes) -> count; rows in the order of the table
        self.counts: Counter[tuple[str, str]] = Counter()

    def add(
        self,
        clothes: ClothesType,
        v: Sequence[int],
        *,
        split: str = '',
        variation: int | None = None,
    ) -> None:
        """Count an item.

        Args:
            clothes (ClothesType): Its type.
            v (Sequence[int]): Of its K landmarks: 2 visible, 1 occluded,
                0 truncated or not labelled.
            split (str): ``train``, ``val`` or ``test``, if known.
            variation (int, optional): 1..5, if known.
        """
        rows = Counter(VISIBILITY[int(value)] for value in v)
        rows['items'] = 1
        if split:
            rows[split] = 1
        if variation:
            rows[VARIATIONS[variation]] = 1
        for row, count in rows.items():
            self.counts[row, clothes.name] += count

    def total(self, row: str) -> int:
        """Return the sum of a row of the table, e.g. of ``'items'``."""
        return sum(n for (name, _), n in self.counts.items() if name == row)

    def summary(self) -> str:
        """Return the table, with a column for each type that occurs."""
        names = [c.name for c in CLOTHES_TYPES]
        names = [n for n in names if self.counts['items', n]]
        groups = {
            '': ('items',),
            'split': SPLITS,
            'variation': VARIATIONS.values(),
            'landmarks': VISIBILITY.values(),
        }
        lines = [_line('', [*names, 'together'])]
        for group, rows in groups.items():
            if not any(self.total(row) for row in rows):
                continue
            for row in rows:
                numbers = [self.counts[row, name] for name in names]
                label = f'{group} {row}'.strip()
                lines.append(_line(label, [*numbers, sum(numbers)]))
        return '\n'.join(lines)

    def report(self) -> str:
        """Return the table, and how many images were published."""
        return (
            f'{self.summary()}\n'
            f'published: {PUBLISHED_IMAGES:,} images of all types and splits'
        )


def _line(label: str, cells: Sequence[int | str]) -> str:
    cells = [c if isinstance(c, str) else f'{c:,}' for c in cells]
    return f'{label:<26}' + ''.join(f'{cell:>11}' for cell in cells)
