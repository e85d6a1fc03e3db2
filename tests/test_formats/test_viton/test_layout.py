# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pytest

from mmfashion_ext.formats.viton.layout import ENDINGS, LAYOUTS, cloth_stem


def test_layouts_are_complete():
    for key, layout in LAYOUTS.items():
        truth = {'truth', 'truth_flow'} if key == ('viton', 'test') else set()
        known = set(ENDINGS) - {'truth', 'truth_flow'} | truth
        assert set(layout.folders) == known
        shared = 1 if key[0] == 'dresscode' else 0  # persons and garments
        assert len(set(layout.folders.values())) == len(known) - shared
        assert set(layout.endings) == set(ENDINGS)


@pytest.mark.parametrize(
    ('layout', 'person', 'cloth'),
    [
        ('viton', '000001_0', '000001_1'),
        ('viton', 'anna', 'anna'),
        ('viton-hd', '00001_00', '00001_00'),
        ('folder', 'a_0', 'a_0'),
        ('dresscode', '000001', '000001'),
    ],
)
def test_garment_of_a_person(layout, person, cloth):
    assert cloth_stem(layout, person) == cloth


def test_stems():
    layout = LAYOUTS['viton', 'train']
    assert layout.stem('person', '1_0.jpg') == '1_0'
    assert layout.stem('person', '1_0.JPEG') == '1_0'
    assert layout.stem('pose', '1_0_keypoints.json') == '1_0'
    assert layout.stem('densepose', '1_0.npy') == '1_0'
    for kind, name in (
        ('pose', '1_0.json'),
        ('person', '.1_0.jpg'),
        ('person', '1_0'),
        ('densepose', '1_0.jpg'),
    ):
        assert layout.stem(kind, name) is None


def test_stems_of_persons_and_garments_in_one_folder():
    layout = LAYOUTS['dresscode', 'train']
    assert layout.stem('person', '000001_0.jpg') == '000001'
    assert layout.stem('cloth', '000001_1.jpg') == '000001'
    assert layout.stem('person', '000001_1.jpg') is None
    # neither a person nor a stray file
    assert layout.is_other('person', '000001_1.jpg')
    assert layout.is_other('densepose', '000001_5_uv.npz')
    assert not layout.is_other('person', '000001_5.jpg')
