# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The command line is tested in ``test_tools``."""

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.garments.convert import (
    convert_garments,
    cut_out,
    read_usable,
)
from mmfashion_ext.formats.garments.raw import RawGarments
from mmfashion_ext.formats.viton.check import check_dataset
from mmfashion_ext.formats.viton.files import read_mask

from .conftest import SIZE, add, garment_image


def test_coco(root, tmp_path, capsys):
    out = tmp_path / 'new/garments.json'
    convert_garments(RawGarments(root), out)
    coco = COCO(str(out))
    names = {c['id']: c['name'] for c in coco.dataset['categories']}
    assert list(names) == [*range(1, 9)]
    found = [
        (coco.imgs[item['image_id']]['file_name'], names[item['category_id']])
        for item in coco.anns.values()
    ]
    assert found == [
        ('train/skirt/a2.JPG', 'skirt'),
        ('train/t-shirt/a1.jpg', 't-shirt'),
        ('validation/pants/b1.jpg', 'pants'),
        ('validation/t-shirt/b2.png', 't-shirt'),
    ]
    for item in coco.anns.values():
        np.testing.assert_allclose(item['bbox'], [6, 8, 24, 36], atol=1)
        assert coco.annToMask(item).sum() == item['area']
    assert coco.anns[1]['candidates'] == [9]
    assert f'names are relative to {root}\n' in capsys.readouterr().out
    convert_garments(RawGarments(root, 'train'), out)
    assert f'names are relative to {root}/train' in capsys.readouterr().out
    names = [image['file_name'] for image in COCO(str(out)).imgs.values()]
    assert names == ['skirt/a2.JPG', 't-shirt/a1.jpg']


def test_clothes_of_try_on(root, tmp_path, capsys):
    folder = tmp_path / 'tryon'
    convert_garments(RawGarments(root), clothes=folder)
    assert sorted(p.name for p in (folder / 'clothes').iterdir()) == [
        *('a1.jpg', 'a2.JPG', 'b1.jpg', 'b2.png'),
    ]
    copy = folder / 'clothes/a1.jpg'
    assert copy.read_bytes() == (root / 'train/t-shirt/a1.jpg').read_bytes()
    expected = garment_image()[1]
    for path in (folder / 'masks').iterdir():
        assert ((read_mask(path) >= 128) == expected).mean() > 0.97
    # with a person, the folder is a dataset of try-on
    add(folder, 'persons/p.jpg')
    (folder / 'pairs.txt').write_text('p.jpg a1.jpg\np.jpg b2.png\n')
    check_dataset(folder, 'folder')
    out = capsys.readouterr().out
    assert '4 cloth, in clothes' in out
    assert '2 pairs of' in out
    assert 'defects: 0' in out


def test_turned_photographs(root, tmp_path):
    """Try-on follows the EXIF orientation, annotations stored pixels."""
    path = root / 'train/t-shirt/a1.jpg'
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(path).save(path, exif=exif, quality=95)
    garments = read_usable(RawGarments(root, 'train', ['t-shirt']))
    (stored,) = cut_out(garments, orientation=False, jobs=1).masks
    (turned,) = cut_out(garments, orientation=True, jobs=1).masks
    assert stored['size'] == [*SIZE[::-1]]
    assert turned['size'] == [*SIZE]


def test_defects_and_doubts(root, tmp_path, capsys):
    wide = garment_image(place=(0, 48, 5, 31))[0]
    add(root, 'train/skirt/wide.jpg', wide)
    add(root, 'train/skirt/wall.png', np.full((30, 20, 3), 200, np.uint8))
    cut = add(root, 'train/skirt/cut.jpg')
    cut.write_bytes(cut.read_bytes()[:-400])
    (root / 'train/skirt/a2.JPG').write_bytes(b'')
    raw, out = RawGarments(root, 'train'), tmp_path / 'a.json'
    with pytest.raises(UserError, match=r'1 defects in .* was not written'):
        convert_garments(raw, out, check=True)
    assert 'a2.JPG: cannot be read as an image' in capsys.readouterr().out
    (root / 'train/skirt/a2.JPG').unlink()
    raw = RawGarments(root, 'train')
    with pytest.raises(UserError, match=r'1 defects in .* was not written'):
        convert_garments(raw, out, check=True)
    lines = capsys.readouterr().out.splitlines()
    assert 'skirt                      0' in lines[7]
    assert lines[-4] == 'defects: 1, notes: 2'
    assert lines[-3].startswith('train/skirt/cut.jpg: cannot be read as an im')
    assert 'wall.png: note: no plausible mask: garment and' in lines[-2]
    assert 'wide.jpg: note: no plausible mask: ' in lines[-1]
    assert not out.exists()
    convert_garments(raw, out, skip_invalid=True)
    assert [i['file_name'] for i in COCO(str(out)).imgs.values()] == [
        't-shirt/a1.jpg'
    ]
    only = RawGarments(root, 'train', ['skirt'])
    with pytest.raises(UserError, match='no usable photograph'):
        convert_garments(only, out, skip_invalid=True)


def test_a_folder_in_place_of_the_file(root, tmp_path):
    with pytest.raises(UserError, match='is a folder, expected a file name'):
        convert_garments(RawGarments(root), tmp_path)
