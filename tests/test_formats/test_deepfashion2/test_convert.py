# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The command line is tested in ``test_tools``."""

import json

import pytest
from PIL import Image

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.convert import (
    convert_split,
    count_skipped,
    read_usable,
)
from mmfashion_ext.formats.deepfashion2.raw import RawSplit
from mmfashion_ext.formats.deepfashion2.statistics import SplitStatistics
from mmfashion_ext.formats.defects import Defect


@pytest.fixture
def split(raw_split, raw_item):
    bad = raw_item(9, style=-1)
    user = {'source': 'user', 'pair_id': 1}
    return raw_split(
        {
            '000001': user | {'item1': raw_item(9), 'item2': bad},
            '000002': {'source': 'web', 'pair_id': 1},
        }
    )


def test_usable_images_are_counted_and_defects_collected(split):
    statistics, defects = SplitStatistics(), []
    (image,) = read_usable(RawSplit(split), statistics, defects)
    assert image.image['id'] == 1
    assert statistics.images == 1
    assert statistics.items.total() == 1
    assert [defect.file for defect in defects] == [
        '000001.json',
        '000002.json',
    ]
    assert count_skipped(defects) == '1 images and 1 items'
    assert count_skipped([Defect('a', '', '', '', fatal=False)]) == ''


def test_a_split_is_converted_whole_or_not_at_all(split, tmp_path, capsys):
    out = tmp_path / 'out.json'
    with pytest.raises(UserError, match=r'1 images and 1 items of .* was not'):
        convert_split(split, out)
    assert not out.exists()
    convert_split(split, out, skip_invalid=True)
    content = json.loads(out.read_text())
    assert [image['id'] for image in content['images']] == [1]
    assert len(content['annotations']) == 1
    assert 'left out: 1 images and 1 items of' in capsys.readouterr().out


@pytest.fixture
def turned(raw_split, raw_item):
    """A split whose image is stored 100 x 120 px, to be shown rotated."""
    split = raw_split(
        {'000001': {'source': 'user', 'pair_id': 1, 'item1': raw_item(9)}}
    )
    path = split / 'image' / '000001.jpg'
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(path).save(path, exif=exif)
    return split


@pytest.mark.fault(7)
def test_size_boxes_and_loaded_pixels_agree_in_spite_of_exif(
    turned, tmp_path, capsys
):
    """The pipelines of the configs load what the converter measured."""
    pytest.importorskip('mmdet')
    from mmengine.config import Config
    from mmengine.registry import DefaultScope

    from mmfashion_ext.hub import root
    from mmfashion_ext.match_rcnn import DeepFashion2Dataset

    out = tmp_path / 'out.json'
    convert_split(turned, out)
    note = capsys.readouterr().err
    assert 'note: 1 images have an EXIF orientation, such as 000001' in note
    (image,) = json.loads(out.read_text())['images']
    assert (image['width'], image['height']) == (100, 120)
    base = root() / 'configs/match_rcnn/_base_/dataset_deepfashion2.py'
    pipeline = Config.fromfile(base).train_pipeline
    with DefaultScope.overwrite_default_scope('mmdet'):
        data = DeepFashion2Dataset(
            ann_file=str(out),
            data_prefix={'img': str(turned / 'image')},
            pipeline=pipeline,
        )
        assert data[0]['data_samples'].ori_shape == (120, 100)
        del pipeline[0]['color_type']
        data = DeepFashion2Dataset(
            ann_file=str(out),
            data_prefix={'img': str(turned / 'image')},
            pipeline=pipeline,
        )
        with pytest.raises(UserError, match=r'loaded with 120 x 100 px.*EXIF'):
            data[0]


@pytest.mark.fault(7)
def test_check_lists_turned_images(turned, capsys):
    convert_split(turned, check=True)
    printed = capsys.readouterr().out
    assert 'defects: 0, notes: 1' in printed
    assert '000001.jpg: note: has EXIF orientation 6' in printed
