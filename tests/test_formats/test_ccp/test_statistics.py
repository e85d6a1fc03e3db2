# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from mmfashion_ext.formats.ccp.statistics import CCPStatistics


def test_the_table():
    statistics = CCPStatistics()
    image = {'width': 10, 'height': 20}
    coat = {'group': 'outerwear', 'tags': ['coat', 'suit'], 'area': 50}
    statistics.add(image, [coat, {**coat, 'tags': ['coat'], 'area': 30}])
    statistics.add(image, [])
    rows = [
        ' '.join(line.split())
        for line in statistics.report('train', 7).splitlines()
    ]
    assert rows[:3] == [
        'split train 2 images',
        'without items 1',
        'with tags alone 7',
    ]
    assert '1 outerwear 2 20.0 coat 2, jacket 0, blazer 0, suit 1' in rows[4]
    assert '9 shorts 0 0.0 shorts 0' in rows
    assert rows[-2] == 'together 2'
    assert 'published: 1,004 photographs' in rows[-1]
