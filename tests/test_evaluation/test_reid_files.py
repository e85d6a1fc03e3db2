# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Distance matrix files are read with checks; metrics as tables."""

import os
import zipfile

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.evaluation.reid import (
    ReIDDistances,
    ReIDError,
    evaluate_reid,
)
from mmfashion_ext.evaluation.reid_files import (
    ARRAYS,
    evaluate_file,
    format_metrics,
    load_distances,
    shorten_paths,
    summarize,
)
from mmfashion_ext.formats import archives


def arrays(people=30):
    """Random distances; every person is seen once by either camera."""
    ids = np.arange(people)
    return dict(
        distmat=np.random.default_rng(0).random((people, people)),
        q_pids=ids,
        g_pids=ids,
        q_camids=np.zeros_like(ids),
        g_camids=np.ones_like(ids),
    )


def write(path, **changes):
    content = arrays() | changes
    np.savez(path, **{k: v for k, v in content.items() if v is not None})
    return path


def test_file_is_evaluated_as_its_arrays(tmp_path):
    path = write(tmp_path / 'd.npz')
    distances = load_distances(path)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(distances, name), arrays()[name])
    expected = evaluate_reid(ReIDDistances(**arrays()), draws=2, seed=3)
    assert evaluate_file(path, draws=2, seed=3) == expected


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(distmat=np.zeros((30, 29))), r'g_pids must have one entry'),
        (dict(distmat=np.full((30, 30), np.nan)), r'900 values .* not finite'),
        (dict(q_camids=None, g_camids=None), r'lacks q_camids, g_camids; exp'),
        (dict(q_pids=np.array([{}] * 30)), r'cannot be read as an \.npz'),
    ],
)
def test_bad_files_are_named(tmp_path, changes, message):
    path = write(tmp_path / 'bad.npz', **changes)
    with pytest.raises(ReIDError, match=message) as error:
        load_distances(path)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize('content', [b'', b'PK\x03\x04 cut off', b'text'])
def test_what_is_not_an_npz_file(tmp_path, content):
    path = tmp_path / 'bad.npz'
    path.write_bytes(content)
    with pytest.raises(ReIDError, match='cannot be read'):
        load_distances(path)
    np.save(tmp_path / 'one.npy', np.zeros((2, 2)))
    with pytest.raises(ReIDError, match='cannot be read'):
        load_distances(tmp_path / 'one.npy')
    with pytest.raises(FileNotFoundError, match='matrix not found'):
        load_distances(tmp_path / 'none.npz')


@pytest.mark.parametrize('method', [99, 9, 1])
def test_compression_that_cannot_be_read(tmp_path, method):
    """Archives of other programs, or with a changed byte."""
    path = write(tmp_path / 'd.npz')
    content = bytearray(path.read_bytes())
    for start, offset in ((b'PK\x03\x04', 8), (b'PK\x01\x02', 10)):
        at = content.find(start)
        while at >= 0:
            content[at + offset] = method
            at = content.find(start, at + 1)
    path.write_bytes(content)
    with pytest.raises(ReIDError, match=r'd\.npz cannot be read as an .npz'):
        load_distances(path)


def test_array_with_a_damaged_header(tmp_path):
    path = tmp_path / 'd.npz'
    for shape in (b'(1' + b'0' * 15 + b',)', b'(', b'[' * 50):
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': "
        header = (header + shape + b'}').ljust(117) + b'\n'
        magic = b'\x93NUMPY\x01\x00' + len(header).to_bytes(2, 'little')
        with zipfile.ZipFile(path, 'w') as file:
            for name in ARRAYS:
                file.writestr(f'{name}.npy', magic + header)
        with pytest.raises(ReIDError, match=r'cannot be read as an \.npz f'):
            load_distances(path)


def test_file_without_matches_is_named(tmp_path):
    path = write(tmp_path / 'd.npz', g_camids=np.zeros(30, int))
    with pytest.raises(ReIDError, match=rf'{path}: none of the 30 queries'):
        evaluate_file(path)


def test_names_of_files_where_they_differ():
    assert shorten_paths({'a/x.npz': 1, 'b/y.npz': 2}) == {
        'x.npz': 1,
        'y.npz': 2,
    }
    same = {'a/x.npz': 1, 'b/x.npz': 2}
    assert shorten_paths(same) == same


def test_summary_of_several_splits():
    results = [{'mAP': 0.2, 'a/CMC-1': 1}, {'a/CMC-1': 0, 'mAP': 0.6}]
    assert summarize(results) == pytest.approx(
        {
            'mAP': 0.4,
            'mAP_std': 0.2,
            'a/CMC-1': 0.5,
            'a/CMC-1_std': 0.5,
            'splits': 2,
        }
    )
    rows = format_metrics({'x': results[0], 'y': results[1]}).splitlines()
    assert [row.split() for row in rows if 'a' in row.split()] == [
        ['x', 'a', '1.000', '0.200'],
        ['y', 'a', '0.000', '0.600'],
        ['mean', 'a', '0.500', '0.400'],
        ['std', 'a', '0.500', '0.200'],
    ]


def test_summary_of_one_split_is_the_split():
    metrics = evaluate_reid(ReIDDistances(**arrays()))
    assert summarize([metrics]) == metrics
    assert 'std' not in format_metrics({'only': metrics})


def test_table_of_part_of_the_metrics():
    text = format_metrics({'x': {'a/CMC-1': 0.5, 'b/CMC-5': 0.25}})
    rows = [row.split() for row in text.splitlines()]
    assert rows[0] == ['split', 'variant', 'CMC-1', 'CMC-5', 'mAP']
    assert rows[2:] == [['x', 'a', '0.500', '-', '-'], ['b', '-', '0.250']]


@pytest.mark.parametrize(
    ('second', 'message'),
    [
        (
            {'mAP': 0.5},
            r"result 1 and result 0 differ in the metrics \['a/CMC-1",
        ),
        ({'mAP': 0.5, 'a/CMC-1': None}, 'result 1 has None for a/CMC-1, exp'),
        ({'mAP': '1', 'a/CMC-1': 0}, "result 1 has '1' for mAP, expected a"),
        ({'mAP': float('nan'), 'a/CMC-1': 0}, 'result 1 has nan for mAP, ex'),
        ({'mAP': 10**30, 'a/CMC-1': 0}, r'result 1 has 1000000.* for mAP, ex'),
    ],
)
def test_splits_that_cannot_be_summarized(second, message):
    results = [{'mAP': 0.5, 'a/CMC-1': 0.5}, second]
    for use in (summarize, lambda r: format_metrics(dict(enumerate(r)))):
        with pytest.raises(ReIDError, match=message):
            use(results)


@pytest.mark.fault(4)
def test_bombs_and_pipes_are_refused(tmp_path, monkeypatch):
    path = tmp_path / 'a.npz'
    np.savez_compressed(path, distmat=np.zeros((100, 1000)))
    monkeypatch.setattr(archives, 'SMALL_BYTES', 1000)
    with pytest.raises(UserError, match='unpacks to 800,128, more than the'):
        load_distances(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UserError, match='a device, pipe or socket'):
        load_distances(path)
