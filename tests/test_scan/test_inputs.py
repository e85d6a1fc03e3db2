# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Folders, lists, generators and videos become tracklets, frames are read."""

import io
import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmfashion_ext.errors import UserError
from mmfashion_ext.scan.clip_features import ClipFeatures
from mmfashion_ext.scan.inputs import (
    TrackletFeatures,
    Video,
    read_frames,
    resolve_tracklets,
    tracklet_folders,
)

SIZE = 32, 16  # (h, w) px
FRAME = np.zeros((4, 2, 3), np.uint8)


def resolve(inputs, **kwargs):
    """Inputs, names and sources of the tracklets, and their number."""
    items, total = resolve_tracklets(inputs, **kwargs)
    items = list(items)
    assert len(items) == total or total is None
    return (
        [item.input for item in items],
        [item.name for item in items],
        [item.source for item in items],
        total,
    )


def features(name='x'):
    return TrackletFeatures(name, ClipFeatures(*torch.zeros(2, 1, 1, 1)), [])


def test_one_tracklet(gallery, people):
    folder, video = gallery / 'person8', Video('a/b.avi', [])
    for source, expected, name in (
        (folder, str(folder), 'person8'),
        (str(folder), str(folder), 'person8'),
        (video, 'a/b.avi', 'b'),
        (people[0], 'tracklet', 'tracklet'),
        (tuple(people[0]), 'tracklet', 'tracklet'),
        (np.stack(people[0]), 'tracklet', 'tracklet'),
        (['a/7.png', 'a/8.png'], 'a/7.png', '7'),
        (features('a/x'), 'a/x', 'x'),
        (features(''), 'tracklet', 'tracklet'),
        ([], 'tracklet', 'tracklet'),
    ):
        inputs, names, (found,), total = resolve(source)
        assert inputs == [expected]
        assert names == [name]
        assert found is source
        assert total == 1
    inputs, names, (found,), total = resolve(iter(people[0]))
    assert (inputs, names, total) == (['tracklet'], ['tracklet'], 1)
    assert len(found) == 12


def test_several_tracklets(gallery, people):
    folders = [gallery / f'person{k}' for k in (8, 9, 10, 11)]
    inputs, names, sources, total = resolve(gallery)
    assert sources == folders
    assert inputs == list(map(str, folders))
    assert names == ['person8', 'person9', 'person10', 'person11']
    assert total == 4
    mixed = [people[0], folders[0], iter([FRAME]), Video('v.avi', [])]
    inputs, names, sources, total = resolve(mixed)
    assert inputs == ['tracklet', str(folders[0]), 'tracklet_2', 'v.avi']
    assert names == ['tracklet', 'person8', 'tracklet_2', 'v']
    assert total == 4
    named = {'anna': people[0], 'b/anna': folders[1]}
    inputs, names, sources, total = resolve(named)
    assert (inputs, names) == (['anna', 'b/anna'], ['anna', 'anna_2'])
    assert sources[0] is people[0]
    # one folder among missing ones is enough
    assert len(resolve(['none', folders[0]])[0]) == 2
    # without any, they are frames
    assert len(resolve(['none', 'no'])[0]) == 1
    assert len(resolve(['none', 'no'], several=True)[0]) == 2


def test_generators_of_tracklets_are_read_lazily(people):
    read = []

    def tracklets():
        for number in range(3):
            read.append(number)
            yield people[number]

    items, total = resolve_tracklets(tracklets(), 'query')
    assert total is None
    items = iter(items)
    assert next(items).name == 'query'
    assert read == [0]
    assert [item.name for item in items] == ['query_2', 'query_3']


def test_names_of_folders_have_no_ending(tmp_path, monkeypatch):
    for name in ('id.1', 'id.2'):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / '0.png'), FRAME)
    assert resolve(tmp_path)[1] == ['id.1', 'id.2']
    monkeypatch.chdir(tmp_path / 'id.1')
    assert resolve('.')[:2] == (['.'], ['id.1'])


def test_frames_of_any_kind(people, gallery):
    frame = people[0][0]
    png = (gallery / 'person8' / '5.png').read_bytes()
    rgb = Image.fromarray(frame[..., ::-1])
    path = gallery / 'person8' / '5.png'
    for kind in (list, tuple, iter):
        frames = [frame, rgb, png, io.BytesIO(png), path, str(path)]
        found = read_frames(kind(frames), SIZE)
        assert len(found) == 6
        assert all((image == frame).all() for image in found)
    (grey,) = read_frames([frame[..., 0]], SIZE)
    assert (grey == frame[..., :1]).all()
    (opaque,) = read_frames([np.dstack((frame, frame[..., :1] | 255))], SIZE)
    assert (opaque == frame).all()


def test_frames_of_a_folder_are_in_natural_order(people, gallery):
    found = read_frames(gallery / 'person10', SIZE)
    assert (np.stack(found) == np.stack(people[2])).all()
    assert found[0].dtype == np.uint8


def test_frames_of_any_size_become_frames_of_one(people):
    frames = [people[0][0], people[0][1][:20, :9]]
    assert {f.shape for f in read_frames(frames, SIZE)} == {(*SIZE, 3)}
    frames = [frame[:20, :9] for frame in people[0]]
    assert {f.shape for f in read_frames(frames, SIZE)} == {(20, 9, 3)}


def test_videos_with_boxes(people, make_video, tmp_path):
    video = make_video(tmp_path / 'v.avi', people[0])
    frames = read_frames(video, SIZE)
    assert len(frames) == 12
    # the colours of MJPG are of half the resolution
    assert np.abs(np.float32(frames) - people[0]).mean() < 25
    shifted = np.roll(people[0], 3, 2)
    assert np.abs(np.float32(frames) - shifted).mean() > 30
    swapped = np.asarray(people[0])[..., ::-1]
    assert np.abs(np.float32(frames) - swapped).mean() > 30
    boxes = [*video.boxes[:-1], None]
    (tmp_path / 'b.json').write_text(json.dumps(boxes))
    from_file = read_frames(Video(video.path, tmp_path / 'b.json'), SIZE)
    assert len(from_file) == 11
    boxes[0] = [np.nan] * 4
    assert len(read_frames(Video(video.path, boxes), SIZE)) == 10
    array = np.array(video.boxes, float)
    array[2:] = np.nan
    assert len(read_frames(Video(video.path, array), SIZE)) == 2


def test_bad_videos_are_refused(people, make_video, tmp_path):
    video = make_video(tmp_path / 'v.avi', people[1])
    for boxes, message in (
        (video.boxes[:2], 'has 3 frames, but there are 2 boxes'),
        ([*video.boxes, None], 'has 3 frames, but there are 4 boxes'),
        ([None] * 3, r'v\.avi: all boxes are null, expected the box'),
        ([[0, 0, 5]] * 3, r'boxes\[0\]: expected x1, y1, x2, y2'),
        ([['a'] * 4] * 3, r'boxes\[0\]: expected x1, y1, x2, y2'),
        ([[500, 0, 510, 9]] * 3, r'frame 0: the box .* contains no pixel'),
        ([[9, 9, 3, 12]] * 3, r'frame 0: the box .* contains no pixel'),
        (tmp_path / 'none.json', 'list of boxes .No such file'),
        (tmp_path / 'v.avi', 'list of boxes is not valid JSON'),
    ):
        with pytest.raises(UserError, match=message):
            read_frames(Video(video.path, boxes), SIZE)
    with pytest.raises(UserError, match='no such file'):
        read_frames(Video(tmp_path / 'none.avi', video.boxes), SIZE)
    (tmp_path / 'text.avi').write_text('no video')
    with pytest.raises(UserError, match='cannot be read as a video'):
        read_frames(Video(tmp_path / 'text.avi', video.boxes), SIZE)


def test_bad_folders_are_refused(gallery, tmp_path):
    with pytest.raises(UserError, match='no such folder'):
        read_frames(tmp_path / 'none', SIZE)
    with pytest.raises(UserError, match='no images in this folder'):
        read_frames(tmp_path, SIZE)
    with pytest.raises(UserError, match='is a file: expected a folder'):
        read_frames(gallery / 'person8' / '5.png', SIZE)
    for name in ('a' * 5000, 'a\0b'):
        for function in (read_frames, lambda name, _: tracklet_folders(name)):
            with pytest.raises(UserError, match='no such folder'):
                function(name, SIZE)
    with pytest.raises(UserError, match=r'^http://a/b is a URL: expected'):
        read_frames('http://a/b', SIZE)
    for folder in (tmp_path, gallery / 'person8'):
        with pytest.raises(UserError, match='a folder for each tracklet'):
            tracklet_folders(folder)
    with pytest.raises(UserError, match='no such folder'):
        tracklet_folders(tmp_path / 'none')
    broken = tmp_path / 'broken'
    shutil.copytree(gallery / 'person9', broken)
    (broken / '6.png').write_bytes((broken / '5.png').read_bytes()[:60])
    with pytest.raises(UserError, match=r'6\.png: cannot be read as an image'):
        read_frames(broken, SIZE)


def test_bad_frames_are_named(tmp_path):
    with pytest.raises(UserError, match='no frames, expected at least one'):
        read_frames([], SIZE)
    floats = np.zeros((4, 4, 3))
    message = r'^frame 1: got an array \(4, 4, 3\) of float64, .* BGR .* uint8'
    with pytest.raises(UserError, match=message):
        read_frames([FRAME, floats], SIZE)
    with pytest.raises(UserError, match=r'^frame 0: image: cannot be read'):
        read_frames([b'text'], SIZE)
    with pytest.raises(UserError, match=r'none\.png: no such file'):
        read_frames([FRAME, tmp_path / 'none.png'], SIZE)


def test_what_is_not_a_tracklet_is_refused():
    for source, said in (
        (FRAME, 'got a single image. Pass a folder or list of frames'),
        (Image.new('RGB', (4, 4)), 'got a single image'),
        (b'text', 'got a single image'),
        (None, 'expected a tracklet, got NoneType: None'),
        (7, 'expected a tracklet, got int: 7'),
        ({'a': FRAME}, 'expected a tracklet, got dict'),
    ):
        with pytest.raises(UserError, match=said):
            read_frames(source, SIZE)
