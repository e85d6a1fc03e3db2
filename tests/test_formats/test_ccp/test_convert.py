# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The command line is tested in ``test_tools``."""

import json

import pytest
from pycocotools.coco import COCO

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.ccp.convert import convert_split, read_usable
from mmfashion_ext.formats.ccp.raw import RawCCP

from .conftest import TinyCCP, fill


def test_usable_images_are_counted_and_defects_collected(dataset):
    (dataset.root / 'photos/0001.jpg').unlink()
    part = read_usable(RawCCP(dataset.root))
    assert [image['id'] for image in part.images] == [2, 11]
    assert part.statistics.images == 2
    assert part.statistics.items == {'trousers': 1}
    (defect,) = part.defects
    assert defect.fatal


def test_a_split_is_converted(dataset, tmp_path, capsys):
    out = tmp_path / 'new/ccp.json'
    convert_split(dataset.root, out)
    coco = COCO(str(out))
    assert sorted(coco.imgs) == [1, 2, 11]
    assert coco.cats[1]['name'] == 'outerwear'
    for annotation in coco.anns.values():
        mask = coco.annToMask(annotation)
        assert mask.sum() == annotation['area']
    assert f'relative to {dataset.root}/photos' in capsys.readouterr().out
    convert_split(dataset.root, out, split='train', groups='six')
    content = json.loads(out.read_text())
    assert content['categories'][0]['name'] == 'upper'
    assert [i['id'] for i in content['images']] == [1, 2]


def test_image_tags_are_checked_with_everything(tmp_path, capsys):
    dataset = fill(TinyCCP(tmp_path / 'ccp', original=True))
    dataset.image_tags('1005', [99])
    dataset.photo('1005')
    convert_split(dataset.root, tmp_path / 'a.json')
    with pytest.raises(UserError, match='1 defects in'):
        convert_split(dataset.root, check=True)
    out = capsys.readouterr().out
    assert 'image-level/1005.mat: has tags 99' in out


def test_check_decodes_the_photographs(dataset):
    """A cut photograph has its header; loading it would end a training."""
    path = dataset.root / 'photos/0001.jpg'
    path.write_bytes(path.read_bytes()[:-40])
    assert read_usable(RawCCP(dataset.root)).defects == []
    (defect,) = read_usable(RawCCP(dataset.root, decode=True)).defects
    assert defect.file == 'photos/0001.jpg'
    with pytest.raises(UserError, match='1 defects in'):
        convert_split(dataset.root, check=True)


def test_nothing_usable_is_an_error(empty, tmp_path):
    out = tmp_path / 'ccp.json'
    with pytest.raises(
        UserError, match=r'no usable photograph; .* not written'
    ):
        convert_split(empty.root, out)
    empty.add('0001')[1].unlink()
    with pytest.raises(UserError, match='no usable photograph'):
        convert_split(empty.root, out, skip_invalid=True)
    assert not out.exists()


def test_the_counts_of_the_real_photographs(real):
    """Items of the 104 photographs for validation."""
    found = read_usable(RawCCP(real, 'validation'))
    assert found.statistics.images == 104
    assert found.defects == []
    assert found.statistics.items == {
        'outerwear': 57,
        'trousers': 60,
        'top': 30,
        'dress': 28,
        'sweater': 20,
        'skirt': 15,
        'shirt': 26,
        'vest': 5,
        'shorts': 6,
    }
