# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Build of an index: persons, kills, damaged and empty videos."""

import logging

import cv2
import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_boxes.mot import read_mot, write_mot
from mmfashion_ext.formats.video_boxes.table import FrameBoxes
from mmfashion_ext.scan.video_search import build
from mmfashion_ext.scan.video_search.build import (
    IndexOptions,
    build_person_index,
)
from mmfashion_ext.scan.video_search.finder import PersonFinder
from mmfashion_ext.scan.video_search.index_file import read_index
from mmfashion_ext.scan.video_search.tracklets import Cleaning
from mmfashion_ext.utils.video import VideoReader


@pytest.fixture
def log(caplog):
    """Warnings of MMEngine's log."""
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.WARNING)
    yield caplog
    logger.removeHandler(caplog.handler)


@pytest.fixture
def built(people):
    return people


def equal(one, other):
    return all(
        torch.equal(a.features.keys, b.features.keys)
        and torch.equal(a.features.embeddings, b.features.embeddings)
        and (a.boxes == b.boxes).all()
        and a.images == b.images
        for a, b in zip(one.tracklets, other.tracklets, strict=True)
    )


def test_one_tracklet_a_person_and_video(built, scene, model):
    out, report = built
    index = read_index(out)
    assert report.tracklets == len(index) == 6
    assert [video.frames for video in index.videos] == [90, 90]
    truth = [read_mot(scene / f'boxes/cam{k}.txt') for k in (1, 2)]
    people = {(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)}
    assert {(t.video, t.track) for t in index.tracklets} == people
    for tracklet in index.tracklets:
        frame, *box = tracklet.boxes[3].tolist()
        given = truth[tracklet.video][int(frame)]
        assert given.boxes[given.tracks == tracklet.track][0].tolist() == box
    assert [p.name for p in out.parent.iterdir()] == ['people.index']
    # the features are those of the inferencer for the same cut-outs
    first = index.tracklets[0]
    frames = [*VideoReader(index.videos[0].path)]
    h, w = model.infer.crop_size
    crops = []
    for frame, *box in first.boxes.tolist():
        x1, y1, x2, y2 = (max(round(value), 0) for value in box)
        part = frames[int(frame)][y1:y2, x1:x2]
        crops.append(cv2.resize(part, (w, h), interpolation=cv2.INTER_AREA))
    expected = model.infer.extract(crops).features
    assert torch.equal(first.features.keys, expected.keys)


def test_what_is_known_is_not_read_again(
    built, videos, model, given, options, tmp_path, monkeypatch
):
    out = tmp_path / 'a.index'
    out.write_bytes(built[0].read_bytes())
    monkeypatch.setattr(build, 'index_video', None)  # would fail
    report = build_person_index(videos, model, given(), out, options)
    assert (report.known, report.added) == (2, [])
    assert out.read_bytes() == built[0].read_bytes()


def test_other_settings_read_a_video_again(
    built, videos, model, given, tmp_path
):
    out = tmp_path / 'a.index'
    out.write_bytes(built[0].read_bytes())
    options = IndexOptions(Cleaning(min_frames=85, max_frames=99), 0.5, False)
    report = build_person_index(videos[:1], model, given(), out, options)
    (video,) = report.added
    assert video.dropped == {'too short': 2, 'cut off by the frame': 1}
    assert report.tracklets == 3  # those of the other video


def test_a_killed_build_goes_on_with_the_same_result(
    videos, model, detector, options, tmp_path
):
    """Killed in the second video: the first is kept, boxes are not sought
    again, and the index is that of an unbroken build."""
    detect, network = detector
    whole, out = tmp_path / 'whole', tmp_path / 'broken'
    build_person_index(videos, model, PersonFinder(detect), whole, options)
    assert network.calls == 180

    class Killed(BaseException):
        pass

    def killed(image, return_datasamples):
        if network.calls == 180 + 90 + 50:
            raise Killed
        return network(image, return_datasamples)

    detect.infer = killed
    with pytest.raises(Killed):
        build_person_index(videos, model, PersonFinder(detect), out, options)
    assert not out.exists()
    kept = {path.suffix for path in (tmp_path / 'broken.partial').iterdir()}
    assert kept == {'.part', '.boxes'}
    detect.infer = network
    report = build_person_index(
        videos, model, PersonFinder(detect), out, options
    )
    assert network.calls == 180 + 180  # 40 in the second run
    assert report.resumed == 1
    assert not (tmp_path / 'broken.partial').exists()
    assert equal(read_index(out), read_index(whole))
    assert len(read_index(out)) >= 6


def test_a_damaged_part_is_made_again(
    videos, model, given, options, built, tmp_path
):
    out = tmp_path / 'a.index'
    parts = tmp_path / 'a.index.partial'
    parts.mkdir()
    record = build.describe_video(videos[0], given(), model.infer, options)
    name = build._key(model.fingerprint, *build._identity(record))
    (parts / f'{name}.part').write_bytes(b'cut off')
    report = build_person_index(videos, model, given(), out, options)
    assert report.resumed == 0
    assert equal(read_index(out), read_index(built[0]))


def test_damaged_videos_are_skipped_and_cut_off_ones_used(
    videos, scene, model, options, tmp_path, log
):
    bad, short = tmp_path / 'bad.mp4', tmp_path / 'short.mp4'
    bad.write_bytes(b'no video')
    writer = cv2.VideoWriter(
        str(short), cv2.VideoWriter_fourcc(*'mp4v'), 25, (192, 60)
    )
    for frame in [*VideoReader(videos[0])][:45]:
        writer.write(frame)
    writer.release()
    boxes = scene / 'boxes' / 'cam1.txt'  # of all 90 frames
    finder = PersonFinder(boxes={bad: boxes, short: boxes})
    out = tmp_path / 'a.index'
    report = build_person_index([bad, short], model, finder, out, options)
    (skipped,) = report.skipped
    assert 'cannot be read as a video' in skipped['reason']
    assert read_index(out).videos[0].frames == 45
    assert 'boxes up to frame 90; are they of another video?' in log.text
    with pytest.raises(UserError, match=r'none of the 1 videos can be used'):
        build_person_index([bad], model, finder, tmp_path / 'b', options)


def test_fewer_frames_than_the_header_tells(model, videos, monkeypatch, log):
    monkeypatch.setattr(VideoReader, '__len__', lambda self: 120)
    boxes = type('Open', (), {'given': None})()
    build._warn_incomplete(videos[0], 90, 120, boxes)
    assert 'only 90 of 120 frames can be read' in log.text


def test_a_video_without_people(videos, model, options, tmp_path):
    """It is remembered beside others; alone it is an error."""
    empty = tmp_path / 'empty.txt'
    write_mot(empty, {})
    out = tmp_path / 'a.index'
    finder = PersonFinder(boxes={videos[0]: empty, videos[1]: empty})
    with pytest.raises(UserError, match=r'no person in 2 videos \(no boxes'):
        build_person_index(videos, model, finder, out, options)
    assert not out.exists()
    low = tmp_path / 'low.txt'
    track = {k: FrameBoxes.build([[5, 5, 9, 15]], tracks=[1]) for k in (1, 2)}
    write_mot(low, track)
    finder = PersonFinder(boxes={videos[0]: low})
    with pytest.raises(UserError, match=r'1 tracks, none of use: 1 too small'):
        build_person_index(videos[:1], model, finder, out, options)
    assert not out.exists()


def test_an_index_of_another_model(built, videos, model, given, options):
    other = model._replace(fingerprint='other:1')
    with pytest.raises(UserError, match='was made with another model'):
        build_person_index(videos, other, given(), built[0], options)


def test_the_state_of_a_folder_is_that_of_its_files(tmp_path):
    (tmp_path / '1.png').write_bytes(b'x')
    before = build.video_state(tmp_path)
    assert before == build.video_state(tmp_path)
    (tmp_path / '2.png').write_bytes(b'y')
    assert build.video_state(tmp_path) != before


def test_frames_of_a_folder_give_the_same_persons(
    videos, scene, model, options, built, tmp_path
):
    folder = tmp_path / 'cam1'
    folder.mkdir()
    for number, frame in enumerate(VideoReader(videos[0])):
        cv2.imwrite(str(folder / f'{number}.png'), frame)
    finder = PersonFinder(boxes={folder: scene / 'boxes/cam1.txt'})
    record = build.describe_video(folder, finder, model.infer, options)
    found = build.index_video(folder, record, model, finder, options)
    index = read_index(built[0])
    index.tracklets = [t for t in index.tracklets if t.video == 0]
    assert equal(found, index)
    assert np.isfinite(found.tracklets[0].boxes).all()
