# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Statistics of a DeepFashion2 split, beside the published numbers."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from .constants import ATTRIBUTES, CATEGORIES, SOURCES

#: Published (images, items) of each split, as far as known: ``full`` is the
#: paper's set, ``released`` what can be downloaded (half of train). Image
#: counts of the released half are the author's, its item counts are from the
#: literature; the 2020 challenge's page names 51,490 and 101,351 labels for
#: validation and test.
PUBLISHED_COUNTS: dict[str, dict[str, tuple[int, int]]] = {
    'full': {
        'train': (390_884, 636_624),
        'validation': (33_669, 54_910),
        'test': (67_342, 109_198),
    },
    'released': {
        'train': (191_961, 312_186),
        'validation': (32_153, 52_490),
        'test': (62_629, 102_011),
    },
}

#: Published share of the codes 1, 2, 3 in the full set, in percent, rounded
#: (the dataset's statistics figure; side and back view share code 3).
PUBLISHED_SHARES: dict[str, tuple[int, int, int]] = {
    'scale': (26, 50, 24),
    'occlusion': (47, 47, 6),
    'zoom_in': (67, 21, 12),
    'viewpoint': (7, 78, 15),
}

#: Published further counts by (half, split); see ``PUBLISHED_COUNTS``. The
#: README says that the last 20,681 images of validation are from shops, but
#: that is the number of the test split's user images.
PUBLISHED_DETAILS: dict[tuple[str, str], dict[str, int]] = {
    ('released', 'train'): {
        'consumer-shop image pairs': 337_293,
        'consumer-shop item pairs': 394_661,
    },
    ('released', 'validation'): {
        'user images': 10_844,
        'shop images': 21_309,
    },
}


class SplitStatistics:
    """Counts of a split, filled image by image.

    A pair is a user item and a shop item with the same ``pair_id`` and the
    same ``style`` > 0.
    """

    def __init__(self) -> None:
        self.sources: Counter = Counter()
        self.images = 0
        self.empty_images = 0
        self.items: Counter = Counter()
        self.items_with_landmarks: Counter = Counter()
        self.codes: dict[str, Counter] = {
            name: Counter() for name in ATTRIBUTES
        }
        # (pair_id, style) -> source -> image id of each item
        self._identities: dict = defaultdict(lambda: defaultdict(list))

    def add(self, image: dict, annotations: Sequence[dict]) -> None:
        """Count one image.

        Args:
            image (dict): COCO image record; ``source`` may be absent.
            annotations (Sequence[dict]): Its items: ``category_id``,
                ``num_keypoints`` and, as far as known, ``style``,
                ``pair_id`` and the attribute codes.
        """
        source = image.get('source', '')
        self.images += 1
        self.sources[source] += 1
        self.empty_images += not annotations
        for item in annotations:
            category_id, style = item['category_id'], item.get('style', 0)
            self.items[category_id] += 1
            if item['num_keypoints']:
                self.items_with_landmarks[category_id] += 1
            for name, codes in self.codes.items():
                codes[item.get(name, 0)] += 1
            if style > 0:
                identity = self._identities[item.get('pair_id'), style]
                identity[source].append(image['id'])

    def item_pairs(self) -> int:
        """Return the number of consumer-shop pairs of items."""
        return sum(
            len(identity['user']) * len(identity['shop'])
            for identity in self._identities.values()
        )

    def image_pairs(self) -> int:
        """Return the number of consumer-shop image pairs that share items."""
        by_pair_id: dict = defaultdict(set)
        for (pair_id, _), identity in self._identities.items():
            by_pair_id[pair_id].update(
                (user, shop)
                for user in identity['user']
                for shop in identity['shop']
            )
        return sum(len(pairs) for pairs in by_pair_id.values())

    def totals(self) -> dict[str, int]:
        """Return counts over all categories, by their names in the report."""
        return {
            'images': self.images,
            'items': self.items.total(),
            'items with landmarks': self.items_with_landmarks.total(),
            **{f'{s} images': self.sources[s] for s in SOURCES},
            'images without items': self.empty_images,
            'consumer-shop image pairs': self.image_pairs(),
            'consumer-shop item pairs': self.item_pairs(),
        }

    def summary(self) -> str:
        """Return totals and items of each category, as lines of text."""
        lines = [f'{name:<26} {n:>9,}' for name, n in self.totals().items()]
        return '\n'.join([*lines, *self._categories()])

    def report(self, split: str) -> str:
        """Return summary and attribute codes beside the published numbers.

        Args:
            split (str): 'train', 'validation' or 'test'; any other name has
                no published numbers.
        """
        lines = [f'{"":<26} {"found":>9} {"released":>9} {"full set":>9}']
        for name, found in self.totals().items():
            released = _published('released', split, name)
            full = _published('full', split, name)
            lines.append(f'{name:<26} {found:>9,} {released:>9} {full:>9}')
        lines += self._categories()
        lines.append(f'{"attribute codes":<26} {"found":>9} {"published":>9}')
        for attribute, names in ATTRIBUTES.items():
            for code, value in names.items():
                count = self.codes[attribute][code]
                percent = 100 * count / max(self.items.total(), 1)
                published = PUBLISHED_SHARES[attribute][code - 1]
                lines.append(
                    f'{f"{attribute} {code} ({value})":<26} {percent:>7.0f} % '
                    f'{published:>7} %'
                )
        return '\n'.join(lines)

    def _categories(self) -> list[str]:
        lines = [f'{"category":<26} {"items":>9} with landmarks']
        for category in CATEGORIES:
            items = self.items[category.id]
            landmarks = self.items_with_landmarks[category.id]
            name = f'{category.id:>2} {category.name}'
            lines.append(f'{name:<26} {items:>9,} {landmarks:>14,}')
        return lines


def _published(half: str, split: str, name: str) -> str:
    counts = dict(PUBLISHED_DETAILS.get((half, split), {}))
    if split in PUBLISHED_COUNTS[half]:
        counts['images'], counts['items'] = PUBLISHED_COUNTS[half][split]
    return f'{counts[name]:,}' if name in counts else '-'
