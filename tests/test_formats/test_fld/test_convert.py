# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The command line is tested in ``test_tools``."""

import json

import pytest
from PIL import Image

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.fld.convert import convert_part, read_usable
from mmfashion_ext.formats.fld.raw import RawFLD
from mmfashion_ext.synthetic import generate_fld


@pytest.fixture
def root(tmp_path):
    out = tmp_path / 'fld'
    make = {'num': 6, 'val': 3, 'test': 0, 'size': 64, 'progress': False}
    return generate_fld(out, **make)


def test_usable_images_are_counted_and_defects_collected(root):
    (root / 'Img/img/img_00000004.jpg').unlink()
    part = read_usable(RawFLD(root), 'train', 'upper')
    assert [image['id'] for image in part.images] == [1]
    assert len(part.annotations) == part.statistics.total('items') == 1
    (defect,) = part.defects
    assert defect.fatal
    assert read_usable(RawFLD(root), None, None).statistics.total('items') == 8


def test_a_part_is_converted(root, tmp_path, capsys):
    out = tmp_path / 'out.json'
    with pytest.raises(UserError, match='name them with --split and --subset'):
        convert_part(root, out)
    convert_part(root, out, split='val', subset='full')
    content = json.loads(out.read_text())
    assert len(content['images']) == len(content['annotations']) == 1
    (category,) = content['categories']
    assert len(category['keypoints']) == 8
    assert f'wrote {out}: 1 images' in capsys.readouterr().out


@pytest.mark.fault(7)
def test_turned_images_are_noted(root, tmp_path, capsys):
    """The size is that of the pixels as stored, which annotations mean."""
    path = root / 'Img/img/img_00000001.jpg'
    image = Image.open(path)
    exif = Image.Exif()
    exif[0x0112] = 8
    image.crop((0, 0, 60, 64)).save(path, exif=exif)
    out = tmp_path / 'out.json'
    raw = RawFLD(root)
    entry = next(e for e in raw.entries if e.name.endswith('00000001.jpg'))
    (converted,) = raw.read([entry])
    size = converted.image['width'], converted.image['height']
    assert size == (60, 64)
    clothes = entry.landmarks.clothes.name
    convert_part(root, out, split=entry.split, subset=clothes)
    assert '1 images have an EXIF orientation' in capsys.readouterr().err
