# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Which persons meet which garments, and which mask belongs to which."""

import io
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('mmengine')
from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.inference.inputs import (
    has_generator,
    resolve_pairs,
    stream_pairs,
)


def indices(request):
    return [(pair.person.index, pair.cloth.index) for pair in request.pairs]


def names(request):
    return [pair.name for pair in request.pairs]


def test_pairs_of_lists():
    request = resolve_pairs(['a.jpg', 'b.jpg'], ['x.jpg', 'y.jpg'])
    assert indices(request) == [(0, 0), (1, 1)]
    assert [pair.index for pair in request.pairs] == [0, 1]
    assert names(request) == ['a__x', 'b__y']
    assert request.pairs[1].input == 'b.jpg + y.jpg'
    assert request.total == 2
    request = resolve_pairs(['a.jpg', 'b.jpg'], ['x.jpg', 'y.jpg'], grid=True)
    assert indices(request) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert len(request.persons) == len(request.clothes) == 2
    request = resolve_pairs('a.jpg', ['x.jpg', 'y.jpg', 'z.jpg'])
    assert indices(request) == [(0, 0), (0, 1), (0, 2)]


def test_names_of_pairs_are_unique():
    request = resolve_pairs(['a__b', 'a'], ['c', 'b__c'])
    assert names(request) == ['a__b__c', 'a__b__c_2']
    request = resolve_pairs(['1/x.jpg', '2/X.jpg'], 'c.jpg')
    assert names(request) == ['x__c', 'X_2__c']


def test_an_input_that_cannot_be_used_keeps_its_place():
    request = resolve_pairs(['a', None, 'b'], 'x')
    assert names(request) == ['a__x', 'person__x', 'b__x']
    assert isinstance(request.pairs[1].person.source, UserError)


def test_opened_files_can_be_read_again():
    request = resolve_pairs(io.BytesIO(b'a'), 'x', [io.BytesIO(b'mask')])
    assert request.pairs[0].person.source == b'a'
    assert request.pairs[0].cloth.mask == b'mask'


def masks(request):
    return [garment.mask for garment in request.clothes]


def test_masks(shop, monkeypatch):
    lines = []
    monkeypatch.setattr(
        'mmfashion_ext.utils.skipped.print_log',
        lambda line, **kwargs: lines.append(line),
    )
    person, cloth, mask = shop.files(0, 0)
    assert masks(resolve_pairs(person, cloth, mask)) == [mask]
    assert masks(resolve_pairs(person, cloth, shop.folders[2])) == [mask]
    request = resolve_pairs(person, shop.folders[1], shop.folders[2])
    assert [path.name for path in masks(request)] == [
        f'cloth{n}.png' for n in range(4)
    ]
    array = np.zeros((2, 2), np.uint8)
    request = resolve_pairs('a', {'red': cloth}, {'red': array})
    assert masks(request)[0] is array
    assert masks(resolve_pairs('a', ['x', 'y'], [None, 'm'])) == [None, 'm']
    assert not lines
    request = resolve_pairs(person, cloth, shop.folders[0])
    assert masks(request) == [None]
    resolve_pairs('a', {'red': cloth, 'blue': cloth}, {'red': array})
    assert 'persons lacks the masks of 1 of 1 garments: cloth0.bmp' in lines[0]
    assert lines[0].endswith('; GrabCut makes them')
    assert 'cloth_mask lacks the masks of 1 of 2 garments: blue' in lines[1]


def test_masks_that_do_not_fit(shop):
    with pytest.raises(UserError, match='1 masks of 2 garments: expected a'):
        resolve_pairs('a', ['x', 'y'], 'm')
    with pytest.raises(UserError, match='4 masks of 4 garments'):
        # the order of a folder is not the user's
        resolve_pairs('a', shop.folders[1], ['m'] * 4)
    with pytest.raises(UserError, match='no images in this folder'):
        resolve_pairs('a', 'x', shop.root)


def test_generators_are_read_while_pairs_are_used():
    read = []

    def images(kind, count):
        for n in range(count):
            read.append(f'{kind}{n}')
            yield f'{kind}{n}'

    request = stream_pairs(images('p', 9), 'x')
    assert request.total is None
    assert read == ['p0', 'p1']
    pairs = iter(request.pairs)
    assert next(pairs).name == 'p0__x'
    assert read == ['p0', 'p1']
    assert [next(pairs).name for _ in range(2)] == ['p1__x', 'p2__x']
    assert read == ['p0', 'p1', 'p2']
    assert len([*pairs]) == 6

    request = stream_pairs('a', images('c', 3), images('m', 3))
    found = [*request.pairs]
    assert [pair.cloth.mask for pair in found] == ['m0', 'm1', 'm2']
    assert [pair.person.index for pair in found] == [0, 0, 0]
    request = stream_pairs(images('p', 3), ['x', 'y', 'z'])
    assert [pair.name for pair in request.pairs] == ['p0__x', 'p1__y', 'p2__z']
    request = stream_pairs(images('p', 1), images('c', 1))
    assert request.total == 1  # a single one, whose error is raised


def test_generators_of_different_length():
    for given, ended in (
        ((iter('ab'), ['x', 'y', 'z']), 'person ends after 2 images'),
        ((iter('abc'), ['x', 'y']), 'cloth ends after 2 images'),
        ((iter('abc'), 'x', ['m', 'n']), 'cloth ends before the other'),
        ((iter('ab'), iter('xy'), ['m']), 'cloth_mask ends before the other'),
    ):
        with pytest.raises(UserError, match=ended):
            [*stream_pairs(*given).pairs]
    with pytest.raises(UserError, match='person: expected 1 image or more'):
        stream_pairs(iter(()), 'x')


def test_masks_of_a_generator_by_name(shop):
    clothes = iter(shop.files(0, n)[1] for n in (2, 1))
    found = [*stream_pairs('a', clothes, shop.folders[2]).pairs]
    assert [Path(pair.cloth.mask).name for pair in found] == [
        *('cloth2.png', 'cloth1.png')
    ]


def test_has_generator(tmp_path):
    assert has_generator('a', iter('b'))
    (tmp_path / 'a').write_bytes(b'')
    with (tmp_path / 'a').open('rb') as opened:  # iterates over lines
        assert not has_generator(['a'], opened, 'b')
