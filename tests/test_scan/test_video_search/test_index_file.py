# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Index file: what is written is read, what is damaged is refused."""

import numpy as np
import pytest
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.scan.clip_features import ClipFeatures
from mmfashion_ext.scan.video_search.index_file import (
    IndexedTracklet,
    IndexedVideo,
    PersonIndex,
    encode_jpeg,
    format_time,
    format_times,
    read_index,
    tracklet_boxes,
    write_index,
)


def tracklet(video, first, clips=2, track=5):
    rng = np.random.default_rng(first)
    features = torch.from_numpy(rng.normal(size=(2, clips, 3, 4))).float()
    boxes = np.hstack(
        [np.arange(first, first + 4)[:, None], rng.uniform(0, 99, (4, 4))]
    )
    image = encode_jpeg(np.full((8, 4, 3), first, np.uint8))
    return IndexedTracklet(
        video, track, ClipFeatures(*features), boxes, [image, image]
    )


@pytest.fixture
def index():
    videos = [
        IndexedVideo('/a/x.mp4', '1:2', 90, 25.0, '{}', 3, {'too short': 1}),
        IndexedVideo('/a/y.mp4', '1:2', 0, 10.0, '{}'),
        IndexedVideo('/b/x.mp4', '1:2', 50, 10.0, '{}', 1),
    ]
    people = [tracklet(0, 10), tracklet(0, 30, 1), tracklet(2, 20)]
    return PersonIndex('m:1', {'config': 'm'}, videos, people)


def test_what_is_written_is_read(index, tmp_path):
    path = tmp_path / 'new' / 'people.index'
    write_index(path, index)
    read = read_index(path)
    assert (read.fingerprint, read.origin) == ('m:1', {'config': 'm'})
    assert read.videos == index.videos
    for one, other in zip(read.tracklets, index.tracklets, strict=True):
        assert (one.video, one.track) == (other.video, other.track)
        assert torch.equal(one.features.keys, other.features.keys)
        assert torch.equal(one.features.embeddings, other.features.embeddings)
        assert (one.boxes == other.boxes).all()
        assert one.images == other.images
        assert one.frames()[1].shape == (8, 4, 3)
    before = path.read_bytes()
    write_index(path, read)
    assert path.read_bytes() == before


def test_an_index_without_tracklets(index, tmp_path):
    empty = PersonIndex('m:1', {}, index.videos)
    write_index(tmp_path / 'a', empty)
    assert read_index(tmp_path / 'a').videos == index.videos
    assert len(read_index(tmp_path / 'a')) == 0


def test_names_and_times(index):
    assert index.names() == ['/a/x.mp4#1', '/a/x.mp4#2', '/b/x.mp4#1']
    index.videos.pop(0)
    index.tracklets = [tracklet(1, 20)]
    assert index.names() == ['x.mp4#1']
    assert index.times(index.tracklets[0]) == (2.0, 2.4)
    (features,) = index.features()
    assert features.name == 'x.mp4#1 0:02.0-0:02.4'
    assert len(features.frames) == 2
    assert format_time(3723.44) == '1:02:03.4'
    assert format_times(0.96, 59.96) == '0:01.0-1:00.0'


def test_boxes_by_frame(index):
    frames = tracklet_boxes(index, 0)
    assert [*frames] == [10, 11, 12, 13, 30, 31, 32, 33]
    assert frames[31].tracks.tolist() == [2]
    assert (frames[11].boxes[0] == index.tracklets[0].boxes[1, 1:]).all()
    assert tracklet_boxes(index, 1) == {}


def test_a_video_that_is_read_again_replaces_itself(index):
    again = IndexedVideo('/a/x.mp4', '9:9', 8, 25.0, '{}')
    index.extend(PersonIndex('m:1', {}, [again], [tracklet(0, 7)]))
    assert [v.path for v in index.videos] == [
        '/a/y.mp4',
        '/b/x.mp4',
        '/a/x.mp4',
    ]
    assert index.videos[2].state == '9:9'
    found = [(t.video, t.boxes[0, 0]) for t in index.tracklets]
    assert found == [(1, 20), (2, 7)]


def test_what_is_damaged_is_refused(index, tmp_path):
    path = tmp_path / 'a.index'
    with pytest.raises(UserError, match='no such file; make an index'):
        read_index(path)
    write_index(path, index)
    content = path.read_bytes()
    for bad in (content[:-9], b'', b'x' * 99, content[:-1] + b'\1'):
        path.write_bytes(bad)
        with pytest.raises(UserError, match='cannot be read as an index'):
            read_index(path)
    index.tracklets[0].features.keys[0] = torch.nan
    write_index(path, index)
    with pytest.raises(UserError, match='keys are not all finite'):
        read_index(path)


def test_an_index_of_garments_is_not_one_of_persons(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / 'a'
    save_file({'x': torch.zeros(1)}, path, {'format': 'other/1'})
    with pytest.raises(UserError, match='its format is none, expected'):
        read_index(path)
