# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.ccp.constants import TAGS
from mmfashion_ext.formats.ccp.raw import RawCCP

from .conftest import SIZE, TinyCCP, draw, fill


def read(dataset, split='all'):
    """Return images by id, items, fatal defects and notes."""
    raw = RawCCP(dataset.root, split)
    defects, images, items = list(raw.defects), {}, []
    for image in raw:
        defects += image.defects
        if image.image:
            images[image.image['id']] = image.image
        items += image.annotations
    fatal = [str(defect) for defect in defects if defect.fatal]
    notes = [str(defect) for defect in defects if not defect.fatal]
    return images, items, fatal, notes


def test_both_layouts_give_the_same(tmp_path):
    found = [
        read(fill(TinyCCP(tmp_path / name, name == 'original')))
        for name in ('original', 'images')
    ]
    assert found[0] == found[1]
    images, items, fatal, notes = found[0]
    assert fatal == notes == []
    assert images[1] == {
        'id': 1,
        'file_name': '0001.jpg',
        'width': SIZE[0],
        'height': SIZE[1],
    }
    assert sorted(images) == [1, 2, 11]
    assert [(i['id'], i['image_id'], i['group']) for i in items] == [
        (1, 1, 'outerwear'),
        (2, 1, 'dress'),
        (3, 2, 'trousers'),
    ]
    assert items[0]['bbox'] == [5, 8, 10, 30]
    # the coat is drawn over the dress
    assert items[1]['bbox'] == [10, 10, 20, 40]
    assert items[1]['area'] == 20 * 40 - 5 * 28


def test_splits_of_the_package_and_of_a_list(dataset):
    """0011 is for validation, 0001 and 0002 for training."""
    assert sorted(read(dataset, 'train')[0]) == [1, 2]
    images, _, fatal, notes = read(dataset, 'validation')
    assert sorted(images) == [11]
    assert fatal == []
    assert notes == [
        'split validation: note: 103 of its 104 photographs are not in '
        f'{dataset.root} (0044, 0046, 0048 ...); the others are used; clone '
        'the dataset again for all'
    ]
    with pytest.raises(UserError, match=r'none of the 200 .* split test'):
        RawCCP(dataset.root, 'test')
    (dataset.root / 'test.txt').write_text('0011\n0001\n')
    assert list(read(dataset, 'test')[0]) == [11, 1]
    with pytest.raises(UserError, match='must be one of train'):
        RawCCP(dataset.root, 'val')


def test_a_list_that_names_what_is_not_there(dataset):
    (dataset.root / 'train.txt').write_text('0001\n0404\n')
    images, _, (fatal,), _ = read(dataset, 'train')
    assert sorted(images) == [1]
    assert 'photos/0404.jpg: is in the list of the split, but not' in fatal


def test_defects_name_file_and_remedy(dataset):
    """Each defect costs its photograph, and no other one."""
    labels, ending = dataset.labels, dataset.ending
    folder = labels.relative_to(dataset.root)
    expected = {}

    def spoil(stem, file, text):
        assert stem not in expected
        expected[stem] = f'{file}: {text}'

    dataset.add('0003')[0].unlink()
    file = f'{folder}/0003{ending}'
    spoil('0003', file, 'has no photograph photos/0003.jpg; put it back')
    dataset.add('0004')[1].unlink()
    spoil(
        '0004', 'photos/0004.jpg', f'has no pixel labels {folder}/0004{ending}'
    )
    dataset.photo('0005', (41, 60))
    dataset.label('0005', draw())
    spoil(
        '0005',
        f'{folder}/0005{ending}',
        'has 40 x 60 px, but photos/0005.jpg has 41 x 60 px: both must',
    )
    dataset.photo('0006')
    path = dataset.label('0006', draw())
    path.write_bytes(path.read_bytes()[:40])
    spoil('0006', f'{folder}/0006{ending}', '')
    dataset.photo('0007').write_bytes(b'JPEG')
    dataset.label('0007', draw())
    spoil('0007', 'photos/0007.jpg', '')
    dataset.photo('0008')
    dataset.label('0008', draw() + 77)
    name = 'groundtruth' if dataset.original else 'labels'
    spoil('0008', f'{folder}/0008{ending}', f'has {name} 77, expected whole')
    dataset.add('0009')
    dataset.photo('0009', ending='.png')
    spoil('0009', 'photos/0009.jpg', 'there is 0009.png of the same name')
    dataset.add('street')
    spoil('street', 'photos/street.jpg', 'the name is not a number')

    images, _, fatal, notes = read(dataset)
    assert sorted(images) == [1, 2, 11]
    assert notes == []
    assert len(fatal) == len(expected)
    for line, start in zip(fatal, expected.values(), strict=True):
        assert line.startswith(start), line
        assert '; ' in line
        assert '\n' not in line


def test_two_photographs_of_one_number(dataset):
    dataset.add('1')
    images, _, fatal, _ = read(dataset)
    assert sorted(images) == [2, 11]
    assert len(fatal) == 2
    assert all('another file has the number 1 too' in line for line in fatal)


def test_labels_of_no_known_tag(dataset):
    dataset.write_tags(['null', 'frock'])
    with pytest.raises(UserError, match="'frock' as name of label 1"):
        RawCCP(dataset.root)
    dataset.write_tags(TAGS[:19])  # up to gloves: no hair, no jeans
    images, _, fatal, _ = read(dataset)
    assert sorted(images) == [1, 11]
    assert 'expected whole numbers from 0 to 18' in fatal[0]
    dataset.tag_file.unlink()
    images, _, fatal, (note,) = read(dataset)
    assert sorted(images) == [1, 2, 11]
    assert f'{dataset.tag_file.name}: note: is not in' in note


def test_endings_in_capitals_and_hidden_files(dataset):
    photo = dataset.root / 'photos/0001.jpg'
    photo.rename(photo.with_suffix('.JPG'))
    (dataset.root / 'photos/._0002.jpg').write_bytes(b'')
    (dataset.root / 'photos/Thumbs.db').write_bytes(b'')
    images, _, fatal, _ = read(dataset)
    assert images[1]['file_name'] == '0001.JPG'
    assert fatal == []


def test_turned_photographs_are_noted(dataset):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = dataset.root / 'photos/0002.jpg'
    Image.open(path).save(path, exif=exif)
    images, _, fatal, (note,) = read(dataset)
    assert (images[2]['width'], images[2]['height']) == SIZE
    assert 'has EXIF orientation 6' in note
    assert fatal == []


def test_photographs_with_tags_alone(tmp_path):
    dataset = fill(TinyCCP(tmp_path / 'ccp', original=True))
    for stem, tags in (('1005', [0, 5, 13]), ('1006', [60]), ('1007', [5])):
        dataset.image_tags(stem, tags)
    dataset.photo('1005')
    dataset.photo('1006')
    raw = RawCCP(dataset.root)
    assert raw.tagged == ['1005', '1006', '1007']
    assert len(raw) == 3
    tags, defects = raw.read_image_tags()
    assert tags == {'1005': ['blouse', 'coat']}
    lines = [str(defect) for defect in defects]
    assert lines[0].startswith(
        'annotations/image-level/1006.mat: has tags 60, expected'
    )
    assert 'has no photograph photos/1007.jpg' in lines[1]
    assert read(dataset)[2] == []


@pytest.mark.parametrize('folder', ['photos', 'labels', 'annotations'])
def test_other_folders(tmp_path, folder):
    (tmp_path / folder).mkdir()
    with pytest.raises(FileNotFoundError, match='is not a folder of Clothing'):
        RawCCP(tmp_path)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize('original', [True, False])
def test_no_damage_breaks_the_reader(tmp_path_factory, original, data):
    """Whatever bytes the files hold, there is a defect or a right image."""
    root = tmp_path_factory.getbasetemp() / f'damaged_{original}'
    shutil.rmtree(root, ignore_errors=True)
    dataset = TinyCCP(root, original)
    for path in dataset.add('0001', ('coat', 3, 3, 20, 20)):
        content = bytearray(path.read_bytes())
        if data.draw(st.booleans()):
            content = content[: data.draw(st.integers(0, len(content)))]
        places = st.integers(0, max(len(content) - 1, 0))
        for place in data.draw(st.lists(places, max_size=4)):
            if content:
                content[place] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
    images, items, fatal, _ = read(dataset)
    assert len(images) + len(fatal) == 1
    for item in items:
        x, y, w, h = item['bbox']
        assert 0 <= x < x + w <= images[1]['width']
        assert 0 <= y < y + h <= images[1]['height']


def test_originals_have_the_items_of_the_small_copies(real):
    """Boxes of a photograph in both layouts agree within 2 px of 320."""
    large, small = RawCCP(real / 'original_samples'), RawCCP(real)
    assert (large.layout, small.layout) == ('original', 'images')
    assert large.tagged == ['1005']
    for image in large:
        assert image.defects == []
        stem = f'{image.image["id"]:04d}'
        small.stems = [stem]
        (copy,) = small
        scale = copy.image['width'] / image.image['width']
        groups = [item['group'] for item in copy.annotations]
        assert [item['group'] for item in image.annotations] == groups
        for a, b in zip(image.annotations, copy.annotations, strict=True):
            box = np.array(a['bbox']) * scale
            np.testing.assert_allclose(box, b['bbox'], atol=2)
            assert abs(a['area'] * scale**2 / b['area'] - 1) < 0.05
