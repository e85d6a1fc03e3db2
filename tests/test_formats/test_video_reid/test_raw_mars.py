# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import os

import numpy as np
import pytest
from scipy.io import savemat

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_reid.raw_mars import read_mars


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')


def write_mat(path, **content):
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, content)


def mars_name(person, camera, tracklet, frame):
    return f'{person}C{camera}T{tracklet:04d}F{frame:03d}.jpg'


@pytest.fixture
def mars(tmp_path):
    """Train: 0001 twice in camera 1; test: junk, a distractor, 0002."""
    tracks = {
        'train': [('0001', 1, 2), ('0001', 1, 3), ('0003', 6, 1)],
        'test': [
            ('00-1', 1, 2),
            ('0000', 2, 1),
            ('0002', 1, 2),
            ('0002', 4, 3),
        ],
    }
    for part, rows in tracks.items():
        names, info = [], []
        for number, (person, camera, count) in enumerate(rows, 1):
            files = [
                mars_name(person, camera, number, k)
                for k in range(1, count + 1)
            ]
            info.append(
                (len(names) + 1, len(names) + count, int(person[2:]), camera)
            )
            names += files
            touch(*(tmp_path / f'bbox_{part}' / person / n for n in files))
        (tmp_path / 'info').mkdir(exist_ok=True)
        lists = tmp_path / 'info' / f'{part}_name.txt'
        lists.write_text('\n'.join(names) + '\n')
        write_mat(
            tmp_path / 'info' / f'tracks_{part}_info.mat',
            **{f'track_{part}_info': np.array(info)},
        )
    write_mat(tmp_path / 'info' / 'query_IDX.mat', query_IDX=[[4]])
    return tmp_path


def test_mars(mars):
    raw = read_mars(mars)
    assert raw.listed
    assert raw.num_cameras == 6
    assert raw.persons == ['0000', '0001', '0002', '0003']
    shfiles = [(t.pid, t.camid, len(t.frames)) for t in raw.tracklets]
    assert shfiles == [
        *((1, 0, 2), (1, 0, 3), (3, 5, 1)),
        *((0, 1, 1), (2, 0, 2), (2, 3, 3)),
    ]
    assert all(path.is_file() for t in raw.tracklets for path in t.frames)
    (split,) = raw.splits
    assert split.train_tracklets == [0, 1, 2]
    assert split.gallery_tracklets == [3, 4]  # no junk, not the query
    assert split.query_tracklets == [5]
    assert (split.trainval, split.query, split.gallery) == (
        [1, 3],
        [2],
        [0, 2],
    )
    assert raw.notes() == []


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        ((1, 2, 2, 1), 'row 1: frames 1 to 2 .* not all of person 0002'),
        ((1, 2, 1, 2), 'in camera 2'),
        ((1, 20, 1, 1), 'frames 1 to 20'),
        ((2, 1, 1, 1), 'frames 2 to 1'),
    ],
)
def test_mars_wrong_tracklets(mars, row, message):
    path = mars / 'info/tracks_train_info.mat'
    write_mat(path, track_train_info=np.array([row]))
    with pytest.raises(UserError, match=message):
        read_mars(mars)


def test_mars_wrong_queries_and_lists(mars):
    write_mat(mars / 'info/query_IDX.mat', query_IDX=[[5]])
    with pytest.raises(UserError, match='tracklets other than 1 to 4'):
        read_mars(mars)
    (mars / 'info/test_name.txt').unlink()
    with pytest.raises(UserError, match=r'test_name\.txt does not exist'):
        read_mars(mars)


@pytest.mark.parametrize('content', [b'000\xcaC1', b'\xff\xfe'])
def test_mars_lists_that_are_not_text(mars, content):
    (mars / 'info/train_name.txt').write_bytes(content)
    with pytest.raises(UserError, match=r'name\.txt cannot be read as text'):
        read_mars(mars)


def test_mars_archives_are_missing(tmp_path):
    with pytest.raises(UserError, match='neither bbox_train/ nor'):
        read_mars(tmp_path)


@pytest.mark.fault(29)
def test_images_of_other_endings(mars):
    for path in list(mars.rglob('*.jpg')):
        path.rename(path.with_suffix('.JPEG'))
    frames = [p for t in read_mars(mars).tracklets for p in t.frames]
    assert {path.suffix for path in frames} == {'.JPEG'}
    assert all(path.is_file() for path in frames)


@pytest.mark.fault(4, 28)
def test_lists_that_cannot_be_read(mars):
    path = mars / 'info/train_name.txt'
    path.write_text(path.read_text(), encoding='utf-8-sig')
    assert len(read_mars(mars).tracklets) == 6
    path.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(UserError, match='cannot be read as text'):
        read_mars(mars)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UserError, match='a device, pipe or socket'):
        read_mars(mars)


@pytest.mark.fault(29)
@pytest.mark.parametrize(
    ('file', 'matrix'),
    [
        ('query_IDX.mat', {'query_IDX': np.zeros((1, 0))}),
        ('tracks_train_info.mat', {'track_train_info': np.zeros((0, 4))}),
    ],
)
def test_empty_lists(mars, file, matrix):
    write_mat(mars / 'info' / file, **matrix)
    with pytest.raises(UserError, match=rf'{file} names no tracklets'):
        read_mars(mars)
