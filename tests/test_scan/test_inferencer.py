# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""SCAN's inferencer: contract, features, matching, ranking, bad inputs."""

import inspect
import json
import logging

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose

from mmfashion_ext import inference_model
from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_reid.optical_flow import compute_flow
from mmfashion_ext.hub import build_inferencer, config_path, get_model
from mmfashion_ext.inferencer import Inferencer
from mmfashion_ext.scan import SCANInferencer, TrackletFeatures

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
    return SCANInferencer(
        MODEL, weights, 'cpu', crop_size=SIZE, show_progress=False
    )


def test_constructor_is_that_of_all_inferencers(infer, weights):
    assert isinstance(infer, Inferencer)
    ours, base = (
        inspect.signature(kind).parameters
        for kind in (SCANInferencer, Inferencer)
    )
    for name, parameter in base.items():
        assert ours[name].default == parameter.default
        assert ours[name].kind == parameter.kind
    built = SCANInferencer(get_model(MODEL, weights))
    assert isinstance(built.model.matcher, type(infer.model.matcher))
    with pytest.raises(UserError, match='no weights are published for scan_r'):
        SCANInferencer(MODEL)
    with pytest.raises(UserError, match='built already'):
        SCANInferencer(built.model, weights)
    assert type(build_inferencer(MODEL, weights)) is SCANInferencer


def test_ranks_a_gallery(infer, people, gallery, tmp_path):
    result = infer(people[2], gallery, out_dir=tmp_path / 'new', top=3)
    assert result['skipped'] == []
    (found,) = result['predictions']
    assert set(found) == {'input', 'name', 'gallery', 'indices', 'scores'}
    assert (found['input'], found['name']) == ('query', 'query')
    names = [str(gallery / f'person{k}') for k in (8, 9, 10, 11)]
    assert found['gallery'] == [names[i] for i in found['indices']]
    assert sorted(found['indices']) == [0, 1, 2, 3]
    assert found['indices'].dtype == np.int64
    assert found['gallery'][0] == names[2]
    scores = found['scores']
    assert scores.dtype == np.float64
    assert (np.diff(scores) <= 0).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    assert scores[0] > scores[1] + 1e-4

    out = tmp_path / 'new'
    written = json.loads((out / 'predictions' / 'query.json').read_text())
    assert written == {
        'input': 'query',
        'name': 'query',
        'gallery': found['gallery'],
        'indices': found['indices'].tolist(),
        'scores': scores.tolist(),
    }
    results = json.loads((out / 'results.json').read_text())
    assert results == {
        'predictions': [
            {
                'input': 'query',
                'name': 'query',
                'visualization': 'visualizations/query.jpg',
                'prediction': 'predictions/query.json',
            }
        ],
        'skipped': [],
    }
    sheet = cv2.imread(str(out / 'visualizations' / 'query.jpg'))
    assert sheet.shape[0] < 300  # one row of the query and 3 tracklets
    assert (sheet != 255).mean() > 0.3


def test_drawn_sheets_are_bgr(infer, people):
    (found,) = infer([people[1]], [people[0]], draw=True)['predictions']
    sheet = found['visualization']
    assert sheet.dtype == np.uint8
    # the first frame, enlarged 6 times
    centres = sheet[24:192:48, 24:96:48]
    assert (centres == people[1][0][4:32:8, 4:16:8]).all()


def test_several_queries(infer, people, gallery):
    """A prediction for each, in any way of passing them."""
    expected = infer.compare(people, [gallery / 'person8', people[2]])
    side = {'a': gallery / 'person8', 'b': people[2]}
    for queries, names in (
        (gallery, ['person8', 'person9', 'person10', 'person11']),
        (people, ['query', 'query_2', 'query_3', 'query_4']),
        (
            (iter(p) for p in people),
            ['query', 'query_2', 'query_3', 'query_4'],
        ),
        (dict(zip('wxyz', people, strict=True)), list('wxyz')),
    ):
        result = infer(queries, side)
        assert [p['name'] for p in result['predictions']] == names
        for row, found in zip(expected, result['predictions'], strict=True):
            assert found['gallery'] == [
                ['a', 'b'][i] for i in found['indices']
            ]
            np.testing.assert_allclose(
                found['scores'], np.sort(row)[::-1], atol=2e-6
            )


def test_batches_give_the_same(weights, people):
    results = []
    for size in (1, 5):
        infer = SCANInferencer(
            MODEL, weights, 'cpu', batch_size=size, crop_size=SIZE
        )
        results.append(infer(people, people)['predictions'])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one['scores'], other['scores'], atol=2e-6)
        assert one['input'] == other['input']


def test_stream_computes_what_is_asked_for(infer, people):
    asked = []

    def queries():
        for number in (0, 1):
            asked.append(number)
            yield people[number]
        yield []

    stream = infer(queries(), people[:2], stream=True)
    assert next(stream)['gallery'][0] == 'tracklet'
    assert asked == [0]
    assert next(stream)['gallery'][0] == 'tracklet_2'
    assert list(stream) == []
    (skipped,) = stream.skipped
    assert skipped['input'] == 'query_3'


def test_bad_tracklets_of_many_are_skipped(
    infer, people, gallery, tmp_path, caplog
):
    mixed = [tmp_path / 'none', gallery / 'person8', [], people[2]]
    result = infer([people[2], mixed[0], people[0]], mixed)
    assert [p['input'] for p in result['predictions']] == ['query', 'query_2']
    for found, best in zip(result['predictions'], (3, 1), strict=True):
        assert set(found['indices']) == {1, 3}
        assert found['indices'][0] == best
    inputs = [entry['input'] for entry in result['skipped']]
    assert inputs == [str(mixed[0]), 'tracklet', str(mixed[0])]
    reasons = [entry['reason'] for entry in result['skipped']]
    assert reasons[0] == reasons[2] == 'no such folder'
    assert 'no frames' in reasons[1]


def test_skipped_tracklets_are_reported(infer, people, monkeypatch):
    said = []
    monkeypatch.setattr(
        'mmfashion_ext.inferencer.print_log',
        lambda message, level, **_: said.append((message, level)),
    )
    infer(people[0], [people[1], []])
    ((message, level),) = said
    assert level == logging.WARNING
    assert '1 of the inputs skipped: tracklet_2 (the tracklet has' in message


def test_a_single_bad_input_is_refused(infer, people, gallery, tmp_path):
    for query, message in (
        (tmp_path / 'none', 'no such folder'),
        ([], 'no frames, expected at least one'),
        (gallery / 'person8' / '5.png', 'is a file: expected a folder'),
        ([tmp_path / 'none.png'], r'none\.png: no such file'),
        (people[0][0], 'got a single image'),
    ):
        with pytest.raises(UserError, match=message):
            infer(query, gallery)
    for side, message in (
        (tmp_path / 'none', 'no such folder'),
        (tmp_path, 'a folder for each tracklet'),
        ([], 'the gallery is empty'),
        (iter(()), 'the gallery is empty'),
        ([[]], 'no frames, expected at least one'),
        ([[], []], r'no tracklet of the gallery .* tracklet_2 \(the trackl'),
    ):
        with pytest.raises(UserError, match=message):
            infer(people[0], side)
    with pytest.raises(UserError, match='top must be 1 or more, got 0'):
        infer(people[0], gallery, top=0)
    with pytest.raises(UserError, match='1 tracklet or more on either side'):
        infer.compare([], people)


def test_show_without_a_display_is_refused(infer, people, monkeypatch):
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    monkeypatch.setattr(infer, 'extract', None)  # before any work
    with pytest.raises(UserError, match='show=True needs a display'):
        infer(people[0], people, show=True)


def test_two_tracklets(infer, people, gallery):
    first, second = people[0], gallery / 'person10'
    found = infer.match(first, second)
    assert found == pytest.approx(infer.match(second, first), abs=1e-6)
    features = [infer.extract(source) for source in (first, second)]
    assert all(isinstance(side, TrackletFeatures) for side in features)
    assert [side.name for side in features] == ['', str(second)]
    assert [len(side.frames) for side in features] == [3, 3]
    assert infer.match(*features) == pytest.approx(found, abs=1e-6)
    assert infer.match(first, first) > found
    matrix = infer.compare(features, features)
    assert matrix.shape == (2, 2)
    assert matrix[0, 1] == pytest.approx(found, abs=1e-6)


def test_features_are_passed_like_tracklets(infer, people):
    named = zip(people, 'abcd', strict=True)
    features = [infer.extract(p, name) for p, name in named]
    plain, described = infer(people[1], people), infer(features[1], features)
    (one,), (other,) = plain['predictions'], described['predictions']
    assert (one['indices'] == other['indices']).all()
    np.testing.assert_allclose(one['scores'], other['scores'], atol=1e-9)
    assert other['gallery'] == ['abcd'[i] for i in other['indices']]
    assert other['input'] == 'b'
    renamed = infer({'me': features[0]}, {'you': features[0]})['predictions']
    assert (renamed[0]['input'], renamed[0]['gallery']) == ('me', ['you'])


def test_videos_are_matched(infer, people, make_video, tmp_path):
    video = make_video(tmp_path / 'v.avi', people[0])
    assert infer.match(video, people[0]) > infer.match(video, people[2])
    (found,) = infer(video, [people[0], video])['predictions']
    assert found['input'] == str(tmp_path / 'v.avi')
    assert found['name'] == 'v'
    assert found['gallery'][0] == str(tmp_path / 'v.avi')


def test_features_are_those_of_the_test(infer, people, tmp_path):
    """The same clips as if the frames were a dataset."""
    frames = people[2]
    rgb = [np.ascontiguousarray(frame[..., ::-1]) for frame in frames]
    flow = compute_flow(rgb, 'dis')
    paths = {'img_paths': [], 'flow_paths': []}
    for key, maps in zip(paths, (rgb, flow), strict=True):
        for number, image in enumerate(maps):
            path = tmp_path / f'{key}{number}.png'
            cv2.imwrite(str(path), image[..., ::-1])
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
        expected = infer.model.extract(data['inputs'])
    found = infer.extract(frames).features
    assert found.keys.shape[:2] == (4, 10)
    for part, same in zip(found, expected, strict=True):
        torch.testing.assert_close(part, same)


def test_short_tracklets_are_extended(infer, people):
    alone, two, ten = (
        infer.extract(people[3] * n).features for n in (1, 2, 10)
    )
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
    monkeypatch.setattr(
        'mmfashion_ext.scan.tracklet_inferencer.compute_flow', None
    )
    infer = SCANInferencer(get_model(str(config)))
    assert 0 <= infer.match(people[0], people[1]) <= 1
    with pytest.raises(UserError, match='weights of another model'):
        SCANInferencer(str(config), weights)


def test_a_diverged_model_is_named(weights, people):
    model = get_model(MODEL, weights)
    torch.nn.init.constant_(model.frame_cnn.feat.bias, torch.nan)
    with pytest.raises(UserError, match='features that are not finite'):
        SCANInferencer(model).match(people[0], people[1])


def test_inference_model(weights, people):
    result = inference_model(
        MODEL, people[0], people, checkpoint=weights, flow='dis', draw=True
    )
    (found,) = result['predictions']
    assert found['indices'][0] == 0
    assert found['visualization'].ndim == 3


def test_flow_is_computed_as_for_the_training_data(weights, infer):
    assert (infer.flow, infer.crop_size) == ('dis', SIZE)
    usual = SCANInferencer(MODEL, weights)
    assert (usual.flow, usual.crop_size) == ('dis', (64, 32))
    assert SCANInferencer(MODEL, weights, flow='farneback').flow == 'farneback'
    model = get_model(MODEL, weights)
    del model.cfg.test_dataloader.dataset.metainfo
    silent = SCANInferencer(model)
    assert (silent.flow, silent.crop_size) == ('farneback', (128, 64))


def test_bad_settings_are_refused():
    with pytest.raises(UserError, match='flow must be one of farneback, dis'):
        SCANInferencer(MODEL, flow='tvl1')
    with pytest.raises(UserError, match='batch_size must be 1 or more'):
        SCANInferencer(MODEL, batch_size=0)
    with pytest.raises(UserError, match='percentile must be 0 to 100, got -1'):
        SCANInferencer(MODEL, percentile=-1)
    with pytest.raises(FileNotFoundError, match='checkpoint not found'):
        SCANInferencer(MODEL, 'none.pth')


def test_the_config_has_what_is_read_from_it():
    dataset = Config.fromfile(config_path(MODEL)).test_dataloader.dataset
    assert {'clip_length', 'stride', 'last', 'pipeline'} <= set(dataset)
