# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""CC0 garments: classes, and which of DeepFashion2's categories they allow.

The dataset is clothing-dataset-small (GitHub, alexeygrigorev), photographs of
single garments that lie flat or hang. Its ten folders mix kinds that
DeepFashion2 tells apart: zipped jackets and open cardigans are in
``longsleeve``, shirts of both sleeve lengths in ``shirt``, so a class stands
for a set of categories, its candidates.
"""

from dataclasses import dataclass

from ..deepfashion2.constants import CLASS_NAMES


@dataclass(frozen=True)
class GarmentClass:
    """A class of garments.

    Attributes:
        name (str): Its folder.
        candidates (tuple[int, ...]): Labels (0-based indices into
            DeepFashion2's ``CATEGORIES``) that a garment of it can have.
        evaluation (str): Its group among Clothing Co-Parsing's
            ``EVALUATION_GROUPS``. Of the jackets in ``longsleeve`` it is not
            the right one.
    """

    name: str
    candidates: tuple[int, ...]
    evaluation: str


def _class(name: str, candidates: str, evaluation: str) -> GarmentClass:
    labels = tuple(CLASS_NAMES.index(c) for c in candidates.split())
    return GarmentClass(name, labels, evaluation)


CLASSES: tuple[GarmentClass, ...] = (
    _class(
        'dress',
        'short_sleeved_dress long_sleeved_dress vest_dress sling_dress',
        'dress',
    ),
    _class('longsleeve', 'long_sleeved_shirt long_sleeved_outwear', 'upper'),
    _class(
        'outwear', 'short_sleeved_outwear long_sleeved_outwear', 'outerwear'
    ),
    _class('pants', 'trousers', 'trousers'),
    _class('shirt', 'short_sleeved_shirt long_sleeved_shirt', 'upper'),
    _class('shorts', 'shorts', 'shorts'),
    _class('skirt', 'skirt', 'skirt'),
    _class('t-shirt', 'short_sleeved_shirt', 'upper'),
)
CLASS_BY_NAME: dict[str, GarmentClass] = {c.name: c for c in CLASSES}
#: Class -> DeepFashion2's labels 0..12 that it allows.
CANDIDATES: dict[str, tuple[int, ...]] = {
    c.name: c.candidates for c in CLASSES
}
#: Folders of the original that hold none of DeepFashion2's categories.
OTHER_CLASSES: tuple[str, ...] = ('hat', 'shoes')
#: Folders of the splits.
SPLITS: tuple[str, ...] = ('train', 'validation', 'test')
