# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Queries: by name, by box, by frames, by a scene; and nobody."""

import cv2
import numpy as np
import pytest
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_boxes.mot import read_mot
from mmfashion_ext.scan.video_search.build import IndexOptions
from mmfashion_ext.scan.video_search.index_file import read_index
from mmfashion_ext.scan.video_search.query import (
    QUERY_CLEANING,
    BoxInVideo,
    resolve_query,
)
from mmfashion_ext.utils.video import VideoReader


@pytest.fixture
def index(people):
    return read_index(people[0])


def box_of(scene, frame, person):
    """x, y, w, h of a person in a frame of camera 1."""
    boxes = read_mot(scene / 'boxes/cam1.txt')[frame]
    x1, y1, x2, y2 = boxes.boxes[boxes.tracks == person][0].tolist()
    return BoxInVideo((x1 + 3, y1 - 2, x2 - x1, y2 - y1), frame / 25)


def test_by_the_name_of_a_result(index, model):
    (query,) = resolve_query('cam2.mp4#2', index, model)
    assert query.own == 4
    assert query.features.name == 'cam2.mp4#2'
    assert query.features.features is index.tracklets[4].features


def test_by_a_box_in_a_video_of_the_index(index, model, videos, scene):
    for person in (1, 2, 3):
        box = box_of(scene, 80, person)
        (query,) = resolve_query(str(videos[0]), index, model, box=box)
        found = index.tracklets[query.own]
        assert (found.video, found.track) == (0, person)


def test_by_a_box_that_shows_nobody(index, model, videos):
    corner = BoxInVideo((0, 0, 4, 4), 3.2)
    with pytest.raises(UserError, match=r'no person at 0:03\.2 in the box 0,'):
        resolve_query(str(videos[0]), index, model, box=corner)
    late = BoxInVideo((0, 0, 400, 400), 99)
    with pytest.raises(UserError, match=r'no person at 1:39\.0 .*cam1.mp4#1'):
        resolve_query(str(videos[0]), index, model, box=late)


def test_by_a_scene_with_boxes(index, model, videos, given, scene):
    options = IndexOptions(QUERY_CLEANING, progress=False)
    settings = dict(finder=given('boxes'), options=options)
    found = resolve_query(str(videos[0]), index, model, **settings)
    assert [query.own for query in found] == [0, 1, 2]
    box = box_of(scene, 80, 2)
    (one,) = resolve_query(str(videos[0]), index, model, box=box, **settings)
    assert index.tracklets[one.own].track == 2
    nobody = BoxInVideo((0, 0, 4, 4), 3.2)
    with pytest.raises(UserError, match=r'no person in this box .*3 tracks'):
        resolve_query(str(videos[0]), index, model, box=nobody, **settings)


def test_by_frames_or_a_clip_of_one_person(index, model, videos, tmp_path):
    tracklet = index.tracklets[0]
    frames = [*VideoReader(videos[0])]
    folder, clip = tmp_path / 'person', tmp_path / 'person.avi'
    folder.mkdir()
    writer = cv2.VideoWriter(
        str(clip), cv2.VideoWriter_fourcc(*'MJPG'), 25, (24, 48)
    )
    for number, (frame, *box) in enumerate(tracklet.boxes.tolist()):
        x1, y1, x2, y2 = (max(round(v), 0) for v in box)
        part = cv2.resize(frames[int(frame)][y1:y2, x1:x2], (24, 48))
        cv2.imwrite(str(folder / f'{number}.png'), part)
        writer.write(part)
    writer.release()
    for path in (folder, clip):
        (query,) = resolve_query(str(path), index, model)
        assert query.own is None
        assert query.features.name == str(path)
        score = model.infer.match(query.features, index.features()[0])
        assert score > 0.9
        assert torch.isfinite(query.features.features.keys).all()


def test_what_stands_for_nobody(index, model, videos, tmp_path):
    with pytest.raises(UserError, match=r'no such file, .*cam1\.mp4#1'):
        resolve_query('cam9.mp4#1', index, model)
    with pytest.raises(UserError, match=r'192 x 60 px are not those of one'):
        resolve_query(str(videos[0]), index, model)
    other = tmp_path / 'other.mp4'
    other.write_bytes(videos[0].read_bytes())
    box = BoxInVideo((0, 0, 9, 9), 0)
    with pytest.raises(UserError, match=r'--box names .* of the index, whose'):
        resolve_query(str(other), index, model, box=box)
    text = tmp_path / 'a.txt'
    text.write_text('x')
    with pytest.raises(UserError, match='is a file; expected a folder of'):
        resolve_query(str(text), index, model)
    assert np.isfinite(index.tracklets[0].boxes).all()
