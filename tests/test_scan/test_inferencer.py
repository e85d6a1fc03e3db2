# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Folders, lists and videos of people, and what is refused."""

import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_reid.optical_flow import compute_flow
from mmfashion_ext.hub import config_path, get_model
from mmfashion_ext.scan.inferencer import SCANInferencer, Sighting
from mmfashion_ext.scan.inputs import Video, read_frames, tracklet_folders

MODEL = 'scan_r10-small_1xb32-12e_synthetic-64x32'
SIZE = 32, 16  # (h, w) px


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """Of a model that takes all differences for different people."""
    torch.manual_seed(0)
    model = get_model(MODEL)
    with torch.no_grad():
        model.matcher.classifier.linear.weight[0] = 0.01
        model.matcher.classifier.linear.weight[1] = -0.01
    path = tmp_path_factory.mktemp('weights') / 'model.pth'
    torch.save({'state_dict': model.state_dict()}, path)
    return path


@pytest.fixture(scope='module')
def infer(weights):
    return SCANInferencer(MODEL, weights, 'cpu', crop_size=SIZE)


@pytest.fixture(scope='module')
def people():
    """Frames of 4 people: stripes of their colours that walk about."""
    rng = np.random.default_rng(0)
    people = []
    for length in (12, 3, 25, 1):
        base = rng.integers(0, 256, (4, 2, 3)).repeat(8, 0).repeat(8, 1)
        people.append(
            [np.roll(base, step, 1).astype(np.uint8) for step in range(length)]
        )
    return people


@pytest.fixture(scope='module')
def gallery(people, tmp_path_factory):
    root = tmp_path_factory.mktemp('gallery')
    for number, frames in enumerate(people):
        write(root / f'person{number + 8}', frames)
    return root


def write(folder, frames):
    folder.mkdir()
    for step, frame in enumerate(frames):
        # natural order: 8, 9, 10, not 10, 8, 9
        cv2.imwrite(str(folder / f'{step + 5}.png'), frame[..., ::-1])
    return folder


def test_ranks_a_gallery(infer, people, gallery, tmp_path):
    result = infer(people[2], gallery, tmp_path / 'new', top=3)
    (ranking,) = result['predictions']
    names = [str(gallery / f'person{k}') for k in (8, 9, 10, 11)]
    assert sorted(entry['name'] for entry in ranking) == sorted(names)
    assert ranking[0]['name'] == names[2]
    probabilities = [entry['probability'] for entry in ranking]
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(0 <= p <= 1 for p in probabilities)
    assert probabilities[0] > probabilities[1] + 1e-4
    written = json.loads((tmp_path / 'new' / 'ranking.json').read_text())
    assert written == {'query': 'a list of frames', 'ranking': ranking}
    sheet = cv2.imread(str(tmp_path / 'new' / 'ranking.png'))
    assert sheet.shape[0] < 300  # one row of the query and 3 tracklets
    assert (sheet != 255).mean() > 0.3


def test_two_tracklets(infer, people, gallery):
    first, second = people[0], gallery / 'person10'
    found = infer.match(first, second)
    assert found == pytest.approx(infer.match(second, first), abs=1e-6)
    looks = [infer.look(source) for source in (first, second)]
    assert all(isinstance(look, Sighting) for look in looks)
    assert infer.match(*looks) == pytest.approx(found, abs=1e-6)
    assert infer.match(first, first) > found
    matrix = infer.compare(looks, looks)
    assert matrix.shape == (2, 2)
    assert matrix[0, 1] == pytest.approx(found, abs=1e-6)


def test_features_are_those_of_the_test(infer, people, tmp_path):
    """The same clips as if the frames were a data set."""
    frames = people[2]
    paths = {'img_paths': [], 'flow_paths': []}
    flow = compute_flow(frames, 'farneback')
    for key, maps in zip(paths, (frames, flow), strict=True):
        for number, picture in enumerate(maps):
            path = tmp_path / f'{key}{number}.png'
            cv2.imwrite(str(path), picture[..., ::-1])
            paths[key].append(str(path))
    dataset = infer.model.cfg.test_dataloader.dataset
    load = Compose(dataset.pipeline)
    clips = []
    assert dataset.last == 'include'
    for start in (0, 5, 10, 15):
        part = {k: files[start : start + 10] for k, files in paths.items()}
        clips.append(load({**part, 'clip_length': 10})['inputs'])
    inputs = {key: [clip[key] for clip in clips] for key in clips[0]}
    with torch.no_grad():
        data = infer.model.data_preprocessor({'inputs': inputs})
        wanted = infer.model.extract(data['inputs'])
    found = infer.look(frames).features
    assert found.keys.shape[:2] == (4, 10)
    for part, expected in zip(found, wanted, strict=True):
        torch.testing.assert_close(part, expected)


def test_short_tracklets_are_continued(infer, people):
    alone, two, ten = (infer.look(people[3] * n).features for n in (1, 2, 10))
    assert alone.keys.shape[:2] == (1, infer.clip_length)
    torch.testing.assert_close(two.keys, ten.keys)
    torch.testing.assert_close(two.embeddings, ten.embeddings)


def test_without_flow(weights, people, tmp_path, monkeypatch):
    config = tmp_path / 'rgb.py'
    config.write_text(
        f"_base_ = '{config_path(MODEL)}'\n"
        'model = dict(frame_cnn=dict(flow=False))\n'
        'test_dataloader = dict(dataset=dict(flow=False))\n'
    )
    monkeypatch.setattr('mmfashion_ext.scan.inferencer.compute_flow', None)
    infer = SCANInferencer(str(config), device='cpu')
    assert 0 <= infer.match(people[0], people[1]) <= 1
    with pytest.raises(UserError, match='weights of another model'):
        SCANInferencer(str(config), weights)


def make_video(path, frames, border=7):
    """Frames at moving places of a larger picture; their boxes."""
    h, w = frames[0].shape[:2]
    size = w + 2 * border + len(frames), h + 2 * border
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*'MJPG'), 5, size
    )
    boxes = []
    for step, frame in enumerate(frames):
        picture = np.zeros((size[1], size[0], 3), np.uint8)
        x, y = border + step, border
        picture[y : y + h, x : x + w] = frame[..., ::-1]
        writer.write(picture)
        boxes.append([x, y, x + w, y + h])
    writer.release()
    return Video(path, boxes)


def test_videos_with_boxes(infer, people, tmp_path):
    video = make_video(tmp_path / 'v.avi', people[0])
    frames = read_frames(video, SIZE)
    assert len(frames) == 12
    # the colours of MJPG are of half the resolution
    assert np.abs(np.float32(frames) - people[0]).mean() < 25
    shifted = np.roll(people[0], 3, 2)
    assert np.abs(np.float32(frames) - shifted).mean() > 30
    boxes = [*video.boxes[:-1], None]
    (tmp_path / 'b.json').write_text(json.dumps(boxes))
    from_file = read_frames(Video(video.path, tmp_path / 'b.json'), SIZE)
    assert len(from_file) == 11
    boxes[0] = [np.nan] * 4
    assert len(read_frames(Video(video.path, boxes), SIZE)) == 10
    assert infer.match(video, people[0]) > infer.match(video, people[2])


def test_boxes_of_any_size_become_frames_of_one(people):
    frames = [people[0][0], people[0][1][:20, :9]]
    assert {f.shape for f in read_frames(frames, SIZE)} == {(*SIZE, 3)}


def test_bad_videos_are_refused(people, tmp_path):
    video = make_video(tmp_path / 'v.avi', people[1])
    for boxes, message in (
        (video.boxes[:2], 'has 3 frames, but there are 2 boxes'),
        ([*video.boxes, None], 'has 3 frames, but there are 4 boxes'),
        ([None] * 3, 'there is no frame of the person'),
        ([[0, 0, 5]] * 3, r'boxes\[0\]: expected x1, y1, x2, y2'),
        ([['a'] * 4] * 3, r'boxes\[0\]: expected x1, y1, x2, y2'),
        ([[500, 0, 510, 9]] * 3, r'frame 0: the box .* holds no pixel'),
        ([[9, 9, 3, 12]] * 3, r'frame 0: the box .* holds no pixel'),
        (tmp_path / 'none.json', 'no such file'),
        (tmp_path / 'v.avi', 'no JSON file'),
    ):
        with pytest.raises(UserError, match=message):
            read_frames(Video(video.path, boxes), SIZE)
    with pytest.raises(UserError, match='no such file'):
        read_frames(Video(tmp_path / 'none.avi', video.boxes), SIZE)
    (tmp_path / 'text.avi').write_text('no video')
    with pytest.raises(UserError, match='cannot be read as a video'):
        read_frames(Video(tmp_path / 'text.avi', video.boxes), SIZE)


def test_bad_folders_and_frames_are_refused(infer, people, gallery, tmp_path):
    with pytest.raises(UserError, match='no such folder'):
        read_frames(tmp_path / 'none', SIZE)
    with pytest.raises(UserError, match='no pictures in this folder'):
        read_frames(tmp_path, SIZE)
    with pytest.raises(UserError, match='a folder for each tracklet'):
        tracklet_folders(tmp_path)
    with pytest.raises(UserError, match='no such folder'):
        infer(people[0], tmp_path / 'none')
    with pytest.raises(UserError, match='the gallery is empty'):
        infer(people[0], [])
    with pytest.raises(UserError, match='there is no frame'):
        infer.look([])
    with pytest.raises(UserError, match=r'uint8 RGB, got float64'):
        infer.look([np.zeros((4, 4, 3))])
    with pytest.raises(UserError, match='is a file: expected a folder'):
        infer.look(gallery / 'person8' / '5.png')
    with pytest.raises(UserError, match='no such file'):
        infer.look([tmp_path / 'none.png'])
    broken = tmp_path / 'broken'
    shutil.copytree(gallery / 'person9', broken)
    (broken / '6.png').write_bytes((broken / '5.png').read_bytes()[:60])
    with pytest.raises(UserError, match=r'6\.png: cannot be read as a pict'):
        infer.look(broken)


def test_bad_settings_are_refused():
    with pytest.raises(UserError, match='flow must be one of farneback, dis'):
        SCANInferencer(MODEL, flow='tvl1')
    with pytest.raises(UserError, match='batch_size must be 1 or more'):
        SCANInferencer(MODEL, batch_size=0)
    with pytest.raises(FileNotFoundError, match='checkpoint not found'):
        SCANInferencer(MODEL, 'none.pth')


def test_the_config_has_what_is_read_from_it():
    dataset = Config.fromfile(config_path(MODEL)).test_dataloader.dataset
    assert {'clip_length', 'stride', 'last', 'pipeline'} <= set(dataset)
