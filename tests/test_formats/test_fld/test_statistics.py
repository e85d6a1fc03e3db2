# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from mmfashion_ext.formats.fld.constants import clothes_type
from mmfashion_ext.formats.fld.statistics import FLDStatistics


def test_statistics_count_by_type():
    statistics = FLDStatistics()
    upper, full = clothes_type('upper'), clothes_type('full')
    statistics.add(upper, [2, 2, 1, 0, 0, 0], split='train', variation=4)
    statistics.add(full, [2] * 8, split='val', variation=4)
    table = [' '.join(r.split()) for r in statistics.report().splitlines()]
    assert table == [
        'upper full together',
        'items 1 1 2',
        'split train 1 0 1',
        'split val 0 1 1',
        'split test 0 0 0',
        'variation normal pose 0 0 0',
        'variation medium pose 0 0 0',
        'variation large pose 0 0 0',
        'variation medium zoom-in 1 1 2',
        'variation large zoom-in 0 0 0',
        'landmarks visible 2 8 10',
        'landmarks occluded 1 0 1',
        'landmarks truncated 3 0 3',
        'published: 123,016 images of all types and splits',
    ]


def test_statistics_leave_out_what_is_not_known():
    statistics = FLDStatistics()
    assert statistics.summary().split() == ['together']
    statistics.add(clothes_type('lower'), [1] * 4)
    assert 'split' not in statistics.summary()
    assert 'variation' not in statistics.summary()
