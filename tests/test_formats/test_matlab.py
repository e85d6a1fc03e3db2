# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from mmfashion_ext.formats.matlab import MatlabError, read_texts, read_variable

MATRICES = {
    'ls_set': np.arange(20.0).reshape(2, 10),
    'x': np.array([[7]], np.uint16),
    'tracks': np.arange(-600, 600, dtype=np.int32).reshape(300, 4),
    'empty': np.zeros((0, 3)),
    'cube': np.arange(24, dtype=np.int64).reshape(2, 3, 4),
    'half': np.array([[0.5, np.nan]], np.float32),
}


def test_level_4_is_the_same_as_scipy(tmp_path):
    path = tmp_path / 'a.mat'
    names = ('ls_set', 'x', 'tracks', 'half')
    savemat(path, {name: MATRICES[name] for name in names}, format='4')
    expected = loadmat(path)
    for name in names:
        found = read_variable(path, name)
        assert found.dtype == expected[name].dtype
        np.testing.assert_array_equal(found, expected[name])
    with pytest.raises(KeyError):
        read_variable(path, 'cube')


@pytest.mark.parametrize('compressed', [False, True])
def test_the_same_as_scipy(tmp_path, compressed):
    path = tmp_path / 'a.mat'
    savemat(path, MATRICES, do_compression=compressed)
    expected = loadmat(path)
    for name, matrix in MATRICES.items():
        found = read_variable(path, name)
        assert found.dtype == expected[name].dtype == matrix.dtype
        np.testing.assert_array_equal(found, expected[name])


def test_big_endian_files(tmp_path):
    def element(kind, data):
        padding = bytes(-len(data) % 8)
        return struct.pack('>2I', kind, len(data)) + data + padding

    matrix = b''.join(
        [
            element(6, struct.pack('>2I', 6, 0)),
            element(5, struct.pack('>2i', 1, 2)),
            element(1, b'ls_set'),
            element(3, struct.pack('>2h', 3, -4)),
        ]
    )
    path = tmp_path / 'a.mat'
    path.write_bytes(b'x' * 124 + b'\1\0MI' + element(14, matrix))
    assert read_variable(path, 'ls_set').tolist() == [[3, -4]]
    assert loadmat(path)['ls_set'].tolist() == [[3, -4]]


def test_what_is_not_there_or_not_a_matrix(tmp_path):
    path = tmp_path / 'a.mat'
    cells = np.array([[1, 'x']], object)
    savemat(path, {'cells': cells, 'z': np.array([[1j]]), 'text': 'abc'})
    with pytest.raises(KeyError):
        read_variable(path, 'ls_set')
    for name in ('cells', 'z', 'text'):
        with pytest.raises(MatlabError, match='not a real numeric matrix'):
            read_variable(path, name)
    for content in (b'', b'no matrix', b'x' * 200, b'\0\0\1\0' * 99):
        path.write_bytes(content)
        with pytest.raises(MatlabError, match=r'not a MATLAB file|wrong size'):
            read_variable(path, 'ls_set')


TEXTS = ['null', 't-shirt', '', 'größer', '服']


def save_texts(path, texts, **options):
    cells = np.empty((1, len(texts)), object)
    cells[0] = texts
    savemat(path, {'label_list': cells, 'x': MATRICES['x']}, **options)


@pytest.mark.parametrize('compressed', [False, True])
def test_texts_of_a_cell_array(tmp_path, compressed):
    path = tmp_path / 'a.mat'
    save_texts(path, TEXTS, do_compression=compressed)
    assert read_texts(path, 'label_list') == TEXTS
    assert read_variable(path, 'x').tolist() == [[7]]
    with pytest.raises(KeyError):
        read_texts(path, 'tags')
    with pytest.raises(MatlabError, match='not a cell array'):
        read_texts(path, 'x')


def test_cells_that_are_not_texts(tmp_path):
    path = tmp_path / 'a.mat'
    cells = np.array([['a', 3.0]], object)
    savemat(path, {'label_list': cells})
    with pytest.raises(MatlabError, match='a cell is not a text'):
        read_texts(path, 'label_list')
    savemat(path, {'x': MATRICES['ls_set']}, format='4')
    with pytest.raises(MatlabError, match='level 4'):
        read_texts(path, 'x')


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_damage_breaks_the_reader_of_texts(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / 'damaged_texts.mat'
    save_texts(path, TEXTS[:3])
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    places = st.integers(0, max(len(content) - 1, 0))
    for place in data.draw(st.lists(places, max_size=6)):
        if content:
            content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        texts = read_texts(path, 'label_list')
    except (KeyError, MatlabError):
        return
    assert all(isinstance(text, str) for text in texts)


@pytest.mark.parametrize(
    'options',
    [{'format': '4'}, {'do_compression': False}, {'do_compression': True}],
)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_damage_breaks_the_reader(tmp_path_factory, options, data):
    path = tmp_path_factory.getbasetemp() / 'damaged.mat'
    matrices = {name: MATRICES[name] for name in ('ls_set', 'tracks', 'half')}
    savemat(path, matrices, **options)
    content = bytearray(path.read_bytes())
    length = data.draw(st.integers(0, len(content)))
    if data.draw(st.booleans()):
        content = content[:length]
    places = st.integers(0, max(len(content) - 1, 0))
    for place in data.draw(st.lists(places, max_size=6)):
        if content:
            content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    for name in ('ls_set', 'half'):
        try:
            read_variable(path, name)
        except (KeyError, MatlabError):
            continue
