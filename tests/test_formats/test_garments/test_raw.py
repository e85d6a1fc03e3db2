# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from pathlib import Path

import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.garments.constants import CLASS_BY_NAME
from mmfashion_ext.formats.garments.raw import RawGarments, find_defect

from .conftest import add


def test_folders_are_classes(root):
    raw = RawGarments(root)
    assert len(raw) == 4
    assert raw.others == 1
    assert raw.defects == []
    assert [(p.name, p.split) for p in raw.photos] == [
        ('train/skirt/a2.JPG', 'train'),
        ('train/t-shirt/a1.jpg', 'train'),
        ('validation/pants/b1.jpg', 'validation'),
        ('validation/t-shirt/b2.png', 'validation'),
    ]
    assert raw.photos[0].garment is CLASS_BY_NAME['skirt']
    assert all(photo.path.is_file() for photo in raw.photos)


def test_a_split_or_some_classes(root):
    raw = RawGarments(root, 'validation', ['t-shirt', 'shirt'])
    assert [photo.name for photo in raw.photos] == [
        'validation/t-shirt/b2.png'
    ]
    assert raw.defects == []
    with pytest.raises(UserError, match="no class 'hat'; the classes are dre"):
        RawGarments(root, classes=['hat'])
    with pytest.raises(UserError, match='must be one of train'):
        RawGarments(root, 'val')
    with pytest.raises(UserError, match='no folder test, only train, valid'):
        RawGarments(root, 'test')


def test_a_folder_of_classes_alone(root):
    raw = RawGarments(root / 'train')
    assert [(p.name, p.split) for p in raw.photos] == [
        ('skirt/a2.JPG', ''),
        ('t-shirt/a1.jpg', ''),
    ]
    with pytest.raises(FileNotFoundError, match='is not a folder of the CC0'):
        RawGarments(root / 'train', 'train')


def test_other_folders(tmp_path):
    for folder in (tmp_path, tmp_path / 'none'):
        with pytest.raises(FileNotFoundError, match='git clone https'):
            RawGarments(folder)


def test_unknown_classes_and_empty_ones_are_noted(root):
    add(root, 'train/trousers/c1.jpg')
    (root / 'train/dress').mkdir()
    (root / 'train/dress/Thumbs.db').write_bytes(b'')
    (root / 'train/.cache').mkdir()
    (root / 'train/list.csv').write_text('')
    raw = RawGarments(root)
    assert len(raw) == 4
    assert [str(defect) for defect in raw.defects] == [
        'train/dress: note: holds no photograph; the class is empty; clone '
        'the dataset again',
        'train/trousers: note: is not a class; expected '
        f'{", ".join(CLASS_BY_NAME)}; its 1 photographs are left out',
    ]


def test_a_name_is_used_once(root):
    """A model would be tested on what it was trained on."""
    add(root, 'validation/skirt/a1.png')
    raw = RawGarments(root)
    assert len(raw) == 4
    (defect,) = raw.defects
    assert defect.fatal
    assert defect.file == 'validation/skirt/a1.png'
    assert defect.what == 'has the name of train/t-shirt/a1.jpg'


def test_files_that_are_not_images(root):
    photo = RawGarments(root).photos[0]
    assert find_defect(photo, decode=True) is None
    photo.path.write_bytes(photo.path.read_bytes()[:-40])
    assert find_defect(photo) is None
    assert 'cannot be read' in find_defect(photo, decode=True).what
    photo.path.write_bytes(b'no image')
    assert find_defect(photo).what.startswith('cannot be read as an image')
    photo.path.write_bytes(
        b'version https://git-lfs.github.com/spec/v1\noid sha256:0\n'
    )
    assert 'pointer of git-lfs' in str(find_defect(photo))
    photo.path.unlink()
    assert find_defect(photo).what == 'no such file'


def test_the_real_garments():
    root = Path(__file__).parents[4] / 'shared/real/garments'
    if not root.is_dir():
        pytest.skip('the real photographs are not here')
    raw = RawGarments(root, 'validation')
    assert len(raw) == 301
    assert raw.defects == []
    assert find_defect(raw.photos[-1]) is None
