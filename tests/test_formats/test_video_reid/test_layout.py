# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_reid.layout import (
    Meta,
    PersonSplit,
    Tracklet,
    VideoReID,
    clip_ranges,
    flow_name,
    parse_meta,
    parse_splits,
)


def names(pid, camid, count):
    return [f'{pid:08d}_{camid:02d}_{k:04d}.png' for k in range(count)]


def meta(persons=3, tracklets=None):
    rows = [[names(p, c, p + c) for c in (0, 1)] for p in range(persons)]
    return Meta('toy', 2, rows, tracklets)


@pytest.mark.parametrize(
    ('length', 'reference', 'include'),
    [
        (0, [], []),
        (4, [(0, 4)], [(0, 4)]),
        (10, [(0, 10)], [(0, 10)]),
        (11, [(0, 10)], [(0, 10), (1, 11)]),
        (15, [(0, 10)], [(0, 10), (5, 15)]),
        (16, [(0, 10), (5, 15)], [(0, 10), (5, 15), (6, 16)]),
        (20, [(0, 10), (5, 15)], [(0, 10), (5, 15), (10, 20)]),
    ],
)
def test_clips_as_published_and_to_the_end(length, reference, include):
    assert clip_ranges(length, 10, 5) == reference
    assert clip_ranges(length, 10, 5, 'include') == include


def plain_ranges(length, clip, stride):
    """The published rule, word by word."""
    ranges, start = [], 0
    while start < length - clip:
        ranges.append((start, start + clip))
        start += stride
    if not ranges:
        ranges.append((0, length))
    return ranges


SIZES = st.integers(1, 60), st.integers(1, 15), st.integers(1, 9)


@settings(max_examples=60)
@given(*SIZES)
def test_clips_follow_the_rule(length, clip, stride):
    ranges = clip_ranges(length, clip, stride)
    assert ranges == plain_ranges(length, clip, stride)
    expected = 1 if length <= clip else -(-(length - clip) // stride)
    assert len(ranges) == expected


@settings(max_examples=60)
@given(*SIZES)
def test_included_last_clips_reach_the_end(length, clip, stride):
    ranges = clip_ranges(length, clip, stride, 'include')
    assert ranges[-1][1] == length
    assert len(set(ranges)) == len(ranges)
    assert (
        ranges[: len(ranges) - (length > clip)]
        == (clip_ranges(length, clip, stride)[: len(ranges)])
    )
    if stride <= clip:
        used = {k for start, end in ranges for k in range(start, end)}
        assert used == set(range(length))


def test_clip_numbers_are_checked():
    for wrong in ((-1, 2, 1), (3, 0, 1), (3, 2, 0)):
        with pytest.raises(ValueError, match='at least'):
            clip_ranges(*wrong)
    with pytest.raises(ValueError, match="'reference' or 'include'"):
        clip_ranges(3, 2, 1, 'all')


def test_files_are_read_as_written(tmp_path):
    tracklets = [Tracklet(1, 0, names(1, 0, 1)), Tracklet(2, 1, ['a.jpg'])]
    for case in (
        VideoReID(meta(), [PersonSplit([0], [1, 2], [2, 1])]),
        VideoReID(
            meta(3, tracklets), [PersonSplit([1], [2], [2], [0], [1], [1])]
        ),
    ):
        case.write(tmp_path)
        files = tmp_path / 'meta.json', tmp_path / 'splits.json'
        assert VideoReID.read(*files) == case
    content = json.loads(files[0].read_text())
    assert content['shot'] == 'sequence'
    assert set(content['tracklets'][0]) == {'pid', 'camid', 'files'}


def test_tracklets_of_two_cameras():
    data = VideoReID(meta(), [PersonSplit([2, 0], [1], [1, 2])])
    shown = [
        (t.pid, t.camid, len(t.files)) for t in data.tracklets(0, 'train')
    ]
    assert shown == [(2, 0, 2), (2, 1, 3), (0, 0, 0), (0, 1, 1)]
    assert data.tracklets(0, 'query') == [Tracklet(1, 0, names(1, 0, 1))]
    assert [t[:2] for t in data.tracklets(0, 'gallery')] == [(1, 1), (2, 1)]
    with pytest.raises(UserError, match='1 splits, 0 to 0; got split=1'):
        data.tracklets(1, 'query')


def test_tracklets_from_a_list():
    listed = [Tracklet(p, 0, [f'{p}.png']) for p in range(3)]
    split = PersonSplit([0], [1], [1, 2], [0], [1], [2, 1])
    data = VideoReID(meta(3, listed), [split])
    assert data.tracklets(0, 'gallery') == [listed[2], listed[1]]


def test_person_minus_one_is_the_last():
    row = {'trainval': [-1, 0], 'query': [1], 'gallery': [1]}
    assert parse_splits([row], meta())[0].trainval == [2, 0]


def test_flow_maps_are_png():
    assert flow_name('00000001_00_0002.png') == '00000001_00_0002.png'
    assert flow_name('a.b.jpg') == 'a.b.png'


GOOD = {'name': 'toy', 'num_cameras': 2, 'identities': [[['a'], []]]}


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([], r'is \[\], expected an object'),
        ({'name': 'toy'}, 'lacks num_cameras, identities'),
        (
            GOOD | {'num_cameras': '2'},
            "has num_cameras '2', expected an integer",
        ),
        (
            GOOD | {'identities': [[['a']]]},
            r'identities\[0\] of 1 entries, exp',
        ),
        (
            GOOD | {'identities': [['a', 'b']]},
            r"identities\[0\]\[0\] 'a', exp",
        ),
        (
            GOOD | {'identities': [[[3], []]]},
            r'\[0\]\[0\]\[0\] 3, expected a file',
        ),
        (
            GOOD | {'tracklets': {}},
            'has tracklets {}, expected a list of tracklets',
        ),
        (GOOD | {'tracklets': [{}]}, r'tracklets\[0\] that lacks pid, camid'),
        (GOOD | {'tracklets': [7]}, r'tracklets\[0\] that is 7, expected an'),
        (
            GOOD | {'tracklets': [{'pid': 1, 'camid': 0, 'files': []}]},
            r'tracklets\[0\]\.pid 1, expected an integer from 0 to 0',
        ),
    ],
)
def test_wrong_meta_is_named(content, message):
    with pytest.raises(UserError, match=message):
        parse_meta(content)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({}, 'holds {}, expected a list of splits'),
        ([], r'holds \[\], expected a list of splits'),
        ([1], 'split 0 is 1, expected an object'),
        ([{'trainval': [0]}], 'split 0 lacks query, gallery'),
        (
            [{'trainval': [0], 'query': [3], 'gallery': [1]}],
            r'split 0 has query\[0\] 3, expected .*meta\.json has 3 persons',
        ),
        (
            [{'trainval': [-2], 'query': [1], 'gallery': [1]}],
            r'split 0 has trainval\[0\] -2, expected an integer from -1',
        ),
        (
            [{'trainval': [True], 'query': [1], 'gallery': [1]}],
            r'has trainval\[0\] True, expected an integer',
        ),
    ],
)
def test_wrong_splits_are_named(content, message):
    with pytest.raises(UserError, match=message):
        parse_splits(content, meta())


def test_splits_of_unknown_tracklets_are_named():
    row = {'trainval': [0], 'query': [1], 'gallery': [1]}
    listed = meta(3, [Tracklet(0, 0, [])])
    with pytest.raises(UserError, match='lacks train_tracklets'):
        parse_splits([row], listed)
    row |= {f'{r}_tracklets': [-1] for r in ('train', 'query', 'gallery')}
    with pytest.raises(
        UserError, match=r'train_tracklets\[0\] -1, .* has 1 track'
    ):
        parse_splits([row], listed)


def test_missing_and_broken_files(tmp_path):
    VideoReID(meta(), [PersonSplit([0], [1], [1])]).write(tmp_path)
    files = tmp_path / 'meta.json', tmp_path / 'splits.json'
    files[1].write_text('[{')
    with pytest.raises(
        UserError, match=r'splits\.json: the dataset is not valid JSON'
    ):
        VideoReID.read(*files)
    files[0].unlink()
    with pytest.raises(UserError, match='convert the raw dataset with'):
        VideoReID.read(*files)
