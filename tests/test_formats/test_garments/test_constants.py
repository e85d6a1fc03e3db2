# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from mmfashion_ext.formats.ccp.constants import (
    EVALUATION_BY_LABEL,
    EVALUATION_GROUPS,
)
from mmfashion_ext.formats.deepfashion2.constants import CLASS_NAMES
from mmfashion_ext.formats.garments.constants import (
    CANDIDATES,
    CLASS_BY_NAME,
    CLASSES,
    OTHER_CLASSES,
)


def test_classes_are_the_folders_of_the_dataset():
    assert sorted([*CLASS_BY_NAME, *OTHER_CLASSES]) == [
        *('dress', 'hat', 'longsleeve', 'outwear', 'pants', 'shirt'),
        *('shoes', 'shorts', 'skirt', 't-shirt'),
    ]


def test_candidates():
    names = {
        name: {CLASS_NAMES[label] for label in labels}
        for name, labels in CANDIDATES.items()
    }
    assert names['t-shirt'] == {'short_sleeved_shirt'}
    assert names['pants'] == {'trousers'}
    assert len(names['dress']) == 4
    assert names['longsleeve'] == {
        'long_sleeved_shirt',
        'long_sleeved_outwear',
    }


def test_candidates_are_of_the_evaluation_group():
    """But long sleeves, among which there are jackets."""
    for garment in CLASSES:
        assert garment.evaluation in EVALUATION_GROUPS
        found = {EVALUATION_BY_LABEL[label] for label in garment.candidates}
        jackets = {'outerwear'} if garment.name == 'longsleeve' else set()
        assert found == {garment.evaluation} | jackets
