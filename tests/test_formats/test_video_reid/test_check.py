# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest
from PIL import Image

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_reid.check import (
    TrackletFiles,
    check_dataset,
    check_tracklet,
    describe_counts,
)
from mmfashion_ext.formats.video_reid.layout import PersonSplit
from mmfashion_ext.formats.video_reid.raw_ilids_prid import (
    RawTracklet,
    RawVideos,
)


def write_frame(path, size=(16, 8)):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_check_names_all_defects(tmp_path):
    frames = [write_frame(tmp_path / f'{k}.png') for k in range(3)]
    write_frame(frames[1], (16, 9))
    frames[2].write_bytes(frames[2].read_bytes()[:99])
    tracklet = TrackletFiles(
        'person 0 in camera 1', frames, [tmp_path / 'no.png']
    )
    count, defects = check_tracklet(tracklet)
    assert count == 3
    assert len(defects) == 3
    assert any('2.png: cannot be read' in d for d in defects)
    assert any('no.png: no such file' in d for d in defects)
    assert any('1.png has 9 x 16 px, but 0.png' in d for d in defects)
    assert check_tracklet(TrackletFiles('empty', [], [])) == (0, [])


@pytest.fixture
def raw(tmp_path):
    frames = [write_frame(tmp_path / f'{k}.png') for k in range(3)]
    tracklets = [RawTracklet(0, 0, frames), RawTracklet(0, 1, [])]
    return RawVideos('toy', 2, ['a'], tracklets, [PersonSplit([0], [], [])])


def test_counts_and_notes(raw):
    assert describe_counts(raw).splitlines() == [
        'toy: 1 persons, 1 tracklets of 3 to 3 frames (3.0 on average), '
        '3 frames, 2 cameras, 1 splits',
        'note: a has no frame in camera 1',
    ]
    empty = RawVideos('toy', 2, [], [], [])
    assert '0 tracklets of 0 to 0 frames' in describe_counts(empty)


def test_defects_are_printed_and_raised(raw, tmp_path, capsys):
    check_dataset(raw, tmp_path, None, 'none', 1)
    assert capsys.readouterr().out == 'defects: 0\n'
    (tmp_path / '1.png').unlink()
    with pytest.raises(UserError, match=r'^1 defects in .*unpack the raw'):
        check_dataset(raw, tmp_path, None, 'none', 1)
    assert '1.png: no such file' in capsys.readouterr().out
    with pytest.raises(UserError, match=r'6 defects in .*out'):
        check_dataset(raw, tmp_path, tmp_path / 'out', 'dis', 1)
