# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The command line is tested in ``test_tools``."""

import json

import pytest

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
