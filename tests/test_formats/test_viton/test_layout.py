# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pytest

from mmfashion_ext.formats.viton.layout import ENDINGS, LAYOUTS, cloth_stem


def test_layouts_are_complete():
    for key, layout in LAYOUTS.items():
        truth = {'truth', 'truth_flow'} if key == ('viton', 'test') else set()
        known = set(ENDINGS) - {'truth', 'truth_flow'} | truth
        assert set(layout.folders) == known
        assert len(set(layout.folders.values())) == len(known)


@pytest.mark.parametrize(
    ('layout', 'person', 'cloth'),
    [
        ('viton', '000001_0', '000001_1'),
        ('viton', 'anna', 'anna'),
        ('viton-hd', '00001_00', '00001_00'),
        ('folder', 'a_0', 'a_0'),
    ],
)
def test_garment_of_a_person(layout, person, cloth):
    assert cloth_stem(layout, person) == cloth
