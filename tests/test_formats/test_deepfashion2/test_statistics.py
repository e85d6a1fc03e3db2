# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import itertools

from mmfashion_ext.formats.deepfashion2.statistics import SplitStatistics


def item(style, category_id=1, pair_id=1, num_keypoints=5, **codes):
    return {
        'category_id': category_id,
        'style': style,
        'pair_id': pair_id,
        'num_keypoints': num_keypoints,
        **codes,
    }


def pairs_by_definition(images):
    """Same pair_id, same style > 0, one from user and one from shop."""
    items = [(image, item) for image, items in images for item in items]
    found = [
        (a['id'], b['id'])
        for (a, x), (b, y) in itertools.product(items, items)
        if a['source'] == 'user'
        and b['source'] == 'shop'
        and x['style'] == y['style'] > 0
        and x['pair_id'] == y['pair_id']
    ]
    return len(found), len(set(found))


def test_pairs_equal_their_definition():
    images = [
        ({'id': 1, 'source': 'user'}, [item(1), item(2), item(0)]),
        ({'id': 2, 'source': 'user'}, [item(1), item(1)]),
        ({'id': 3, 'source': 'shop'}, [item(1), item(2), item(0)]),
        ({'id': 4, 'source': 'shop'}, [item(2, category_id=4), item(3)]),
        ({'id': 5, 'source': 'shop'}, [item(1, pair_id=2)]),
    ]
    statistics = SplitStatistics()
    for image, items in images:
        statistics.add(image, items)
    assert pairs_by_definition(images) == (5, 3)
    assert statistics.item_pairs() == 5
    assert statistics.image_pairs() == 3


def test_totals_and_report():
    statistics = SplitStatistics()
    statistics.add({'id': 1, 'source': 'user'}, [item(0, 3, scale=2)])
    statistics.add({'id': 2, 'source': 'shop'}, [item(0, 3, num_keypoints=0)])
    statistics.add({'id': 3, 'source': 'shop'}, [])
    totals = statistics.totals()
    assert totals['images'] == 3
    assert totals['items'] == 2
    assert totals['items with landmarks'] == 1
    assert totals['images without items'] == 1
    assert totals['shop images'] == 2
    lines = statistics.report('train').splitlines()
    assert lines[1].split() == ['images', '3', '191,961', '390,884']
    assert lines[2].split() == ['items', '2', '312,186', '636,624']
    assert ' 3 short_sleeved_outwear           2              1' in lines
    scale = next(line for line in lines if line.startswith('scale 2'))
    assert scale.split()[-4:] == ['50', '%', '50', '%']


def test_unknown_split_has_no_published_numbers():
    report = SplitStatistics().report('mine')
    assert report.splitlines()[1].split() == ['images', '0', '-', '-']


def test_official_files_lack_fields():
    statistics = SplitStatistics()
    statistics.add({'id': 1}, [{'category_id': 1, 'num_keypoints': 0}])
    assert statistics.totals()['user images'] == 0
    assert statistics.item_pairs() == 0
    assert 'items                              1' in statistics.summary()
