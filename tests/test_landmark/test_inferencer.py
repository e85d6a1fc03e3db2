# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Landmark inferencer: inputs, results, files and errors."""

import io
import json

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip('mmpose')
from mmengine.registry import DefaultScope
from mmpose.apis import MMPoseInferencer, Pose2DInferencer
from mmpose.structures import PoseDataSample

import mmfashion_ext
from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    CATEGORY_BY_ID,
    CLASS_NAMES,
)
from mmfashion_ext.landmark import LandmarkInferencer
from mmfashion_ext.utils.checkpoint import UnsafeCheckpointError

MODEL = 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96'
FLD = 'td-hm-udp-fld-upper_r18-small_1xb32-20e_synthetic-128x96'
MATCH_RCNN = 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160'
PIXEL = 0.01  # tolerance in px


@pytest.fixture
def batches_of(monkeypatch):
    """Change an inferencer's batch size for the test."""

    def change(infer, size):
        monkeypatch.setattr(infer, 'batch_size', size)
        return infer

    return change


def plain(found):
    """A prediction as its JSON file has it."""

    def listed(value):
        if isinstance(value, list):
            return [listed(entry) for entry in value]
        return value.tolist() if isinstance(value, np.ndarray) else value

    return {
        key: listed(value)
        for key, value in found.items()
        if key != 'visualization'
    }


def test_inputs_of_every_kind(
    inferencer, tmp_path, noise, one, check, assert_equal
):
    array = noise()
    found = one(inferencer, array)
    check(found)
    assert found['bboxes'].tolist() == [[0, 0, 100, 150]]
    assert found['scores'].tolist() == [1]
    assert (found['input'], found['name']) == ('image', 'image')
    assert 'visualization' not in found
    file = tmp_path / 'street.PNG'
    cv2.imwrite(str(file), array)
    (tmp_path / 'notes.txt').write_text('not an image')
    (tmp_path / 'README').write_text('not an image either')
    for source in (str(file), file, tmp_path, str(tmp_path)):
        same = one(inferencer, source)
        assert (same['input'], same['name']) == (str(file), 'street')
        assert_equal(same, found)
    for source in (
        Image.fromarray(array[..., ::-1]),
        file.read_bytes(),
        io.BytesIO(file.read_bytes()),
    ):
        assert_equal(one(inferencer, source), found)
    for several in ([array, file], (array, file), iter([array, file])):
        results = inferencer(several)['predictions']
        assert [r['name'] for r in results] == ['image', 'street']
        for result in results:
            assert_equal(result, found)
    results = inferencer({'a': array, 'b': file})['predictions']
    assert [r['input'] for r in results] == ['a', 'b']
    assert inferencer([]) == {'predictions': [], 'skipped': []}


def test_mmposes_own_inferencers_accept_our_configs(noise):
    path = hub.config_path(MODEL)
    host = MMPoseInferencer(pose2d=path, device='cpu')  # random weights
    result = next(host(noise(), return_vis=True))
    assert result['visualization'][0].shape == (150, 100, 3)
    assert np.shape(result['predictions'][0][0]['keypoints']) == (294, 2)
    assert not isinstance(host, LandmarkInferencer)
    assert not issubclass(LandmarkInferencer, Pose2DInferencer)


def test_mmposes_own_inferencer_gives_the_same(inferencer, model, noise, one):
    ours = one(inferencer, noise())
    path, weights = model
    host = Pose2DInferencer(path, str(weights), device='cpu')
    ((theirs,),) = next(host(noise()))['predictions']
    part = CATEGORIES[ours['labels'][0]].slice
    scores = np.array(theirs['keypoint_scores'])
    assert np.allclose(ours['keypoint_scores'][0], scores[part], atol=1e-5)
    scores[part] = 0
    assert not scores.any()
    points = np.array(theirs['keypoints'])[part]
    assert np.allclose(ours['keypoints'][0], points, atol=PIXEL)


@pytest.mark.parametrize('batch_size', [1, 3, 8])
def test_batches_change_nothing(
    detects, batches_of, batch_size, noise, one, assert_equal
):
    boxes = [[0, 0, 50, 50, 0.9, 4], [9, 9, 80, 99, 0.8, 8]]
    infer = batches_of(detects(CLASS_NAMES, boxes), batch_size)
    images = [noise(seed, (100, 110 + seed)) for seed in range(5)]
    sizes = []
    hook = infer.model.register_forward_pre_hook(
        lambda _, args, kwargs: sizes.append(len(kwargs['inputs'])),
        with_kwargs=True,
    )
    together = infer(images)['predictions']
    hook.remove()
    assert sum(sizes) == 10
    assert max(sizes) == min(batch_size, 8)
    for image, result in zip(images, together, strict=True):
        assert_equal(result, one(infer, image))


def test_writes_the_layout_of_all_systems(inferencer, tmp_path, noise):
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / '1.png'), noise(ord(name)))
    files = [tmp_path / 'a' / '1.png', tmp_path / 'b' / '1.png', noise(3)]
    out = tmp_path / 'out'
    results = inferencer(files, out_dir=out, draw=True)['predictions']
    names = ['1', '1_2', 'image']  # two of one name are kept apart
    for name, result in zip(names, results, strict=True):
        file = out / 'predictions' / f'{name}.json'
        assert json.loads(file.read_text()) == plain(result)
        assert result['visualization'].shape == (150, 100, 3)
        assert result['visualization'].dtype == np.uint8
        drawn = cv2.imread(str(out / 'visualizations' / f'{name}.jpg'))
        assert drawn.shape == (150, 100, 3)
        difference = np.abs(drawn.astype(int) - result['visualization'])
        assert difference.mean() < 10  # JPEG of noise, BGR
    assert sorted(f.name for f in out.iterdir()) == [
        'predictions',
        'results.json',
        'visualizations',
    ]
    content = json.loads((out / 'results.json').read_text())
    assert [p['name'] for p in content['predictions']] == names
    assert content['skipped'] == []


def test_data_samples(inferencer, noise):
    result = inferencer(noise(), return_datasamples=True)
    (sample,) = result['predictions']
    assert isinstance(sample, PoseDataSample)
    assert sample.pred_instances.keypoints.shape == (1, 294, 2)
    assert sample.img_path == 'image'


def test_predictions_one_by_one(
    inferencer, tmp_path, noise, one, assert_equal
):
    read = []

    def images():
        for seed in range(4):
            read.append(seed)
            yield noise(seed) if seed != 2 else tmp_path / 'gone.jpg'

    stream = inferencer(images(), stream=True)
    assert read == []  # nothing runs before it is asked for
    assert_equal(next(stream), one(inferencer, noise(0)))
    assert len(read) <= 2
    assert len(list(stream)) == 2
    (skipped,) = stream.skipped
    assert skipped['input'].endswith('gone.jpg')
    assert skipped['reason'] == 'no such file'


@pytest.fixture
def video(tmp_path, noise):
    path = tmp_path / 'street.avi'
    codec = cv2.VideoWriter_fourcc(*'MJPG')
    writer = cv2.VideoWriter(str(path), codec, 10, (64, 48))
    for seed in range(5):
        writer.write(noise(seed, (64, 48)))
    writer.release()
    return path


def test_video(inferencer, batches_of, video, tmp_path, check):
    out = tmp_path / 'out'
    infer = batches_of(inferencer, 2)
    results = infer(video, out_dir=out)['predictions']
    assert [r['frame_id'] for r in results] == [0, 1, 2, 3, 4]
    assert {r['name'] for r in results} == {'street'}
    frames = json.loads((out / 'predictions' / 'street.json').read_text())
    for frame, result in zip(frames, results, strict=True):
        check(result)
        assert frame == plain(result)
    drawn = cv2.VideoCapture(str(out / 'visualizations' / 'street.mp4'))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    assert drawn.get(cv2.CAP_PROP_FPS) == 10
    assert drawn.read()[1].shape == (48, 64, 3)
    assert sorted(f.name for f in out.rglob('*.*')) == [
        'results.json',
        'street.json',
        'street.mp4',
    ]


def test_an_interrupted_video_leaves_nothing(inferencer, video, tmp_path):
    out = tmp_path / 'out'
    results = inferencer(video, out_dir=out, stream=True)
    next(results)
    assert list((out / 'visualizations').iterdir())
    results.close()
    assert [f.name for f in out.rglob('*.*')] == ['results.json']
    assert json.loads((out / 'results.json').read_text()) == {
        'predictions': [],
        'skipped': [],
    }


def test_bad_images_of_a_folder_are_named_at_the_end(
    inferencer, tmp_path, log, noise
):
    good, bad = tmp_path / 'b.png', tmp_path / 'a.jpg'
    cv2.imwrite(str(good), noise())
    bad.write_bytes(b'not an image')
    (tmp_path / 'empty.png').touch()
    result = inferencer(tmp_path)
    assert [p['input'] for p in result['predictions']] == [str(good)]
    assert [entry['input'] for entry in result['skipped']] == [
        str(bad),
        str(tmp_path / 'empty.png'),
    ]
    for entry in result['skipped']:
        assert entry['reason'].startswith('cannot be read as an image')
    (line,) = [line for line in log.messages if 'skipped' in line]
    assert line.startswith('2 of the inputs skipped: ')
    assert str(bad) in line
    good.unlink()
    result = inferencer(tmp_path)
    assert result['predictions'] == []
    assert len(result['skipped']) == 2


def test_what_a_user_gets_wrong(inferencer, tmp_path, monkeypatch, noise):
    bad = tmp_path / 'bad.jpg'
    bad.write_bytes(b'not an image')
    for source in (bad, str(bad), [bad]):
        with pytest.raises(UserError, match=r'bad\.jpg: cannot be read as a'):
            inferencer(source)
    for name in ('gone.jpg', 'gone', 'gone.mp4'):
        with pytest.raises(UserError, match=rf'{name}: no such file'):
            inferencer(tmp_path / name)
    video = tmp_path / 'bad.mp4'
    video.write_bytes(b'not a video')
    with pytest.raises(UserError, match=r'bad\.mp4: cannot be read as a vid'):
        inferencer(video)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(UserError, match='empty: no images in this folder'):
        inferencer(tmp_path / 'empty')
    for array in (noise() / 255, noise()[..., :2]):
        with pytest.raises(UserError, match=r'an array \(150, 100.*BGR'):
            inferencer(array)
    with pytest.raises(TypeError, match='nonsense'):
        inferencer(noise(), nonsense=1)
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    with pytest.raises(UserError, match='show=True needs a display'):
        inferencer(tmp_path / 'gone.jpg', show=True)


def test_wrong_arguments_of_the_constructor(model):
    built = hub.get_model(model[0])
    with pytest.raises(UserError, match='batch_size must be 1 or more, got 0'):
        LandmarkInferencer(built, batch_size=0)
    with pytest.raises(UserError, match='det_weights and det_cat_ids belong'):
        LandmarkInferencer(built, det_weights='epoch_12.pth')
    with pytest.raises(UserError, match=r'expected a landmark model.* mmdet'):
        LandmarkInferencer(hub.get_model(MATCH_RCNN))


def test_weights_are_checked(tmp_path):
    with pytest.raises(UserError, match="no config 'td-hm_r19'"):
        LandmarkInferencer('td-hm_r19', tmp_path / 'any.pth')
    path = tmp_path / 'other.pth'
    with pytest.raises(FileNotFoundError, match=r'other\.pth'):
        LandmarkInferencer(MODEL, path, device='cpu')
    torch.save({'state_dict': {'w': torch.ones(1)}}, path)
    with pytest.raises(UserError, match='weights of another model'):
        LandmarkInferencer(MODEL, path, device='cpu')
    torch.save({'state_dict': {}, 'meta': path}, path)
    with pytest.raises(UnsafeCheckpointError, match='refused'):
        LandmarkInferencer(MODEL, path, device='cpu')


def test_the_default_scope_is_left_alone(model, noise, one, check):
    with DefaultScope.overwrite_default_scope('mmdet'):
        infer = LandmarkInferencer(hub.get_model(model[0]))
        check(one(infer, noise()))
        assert DefaultScope.get_current_instance().scope_name == 'mmdet'


def test_inference_model(
    inferencer, model, tmp_path, noise, one, assert_equal
):
    path, weights = model
    result = mmfashion_ext.inference_model(
        path, noise(), checkpoint=weights, device='cpu', out_dir=tmp_path
    )
    assert_equal(result['predictions'][0], one(inferencer, noise()))
    assert (tmp_path / 'predictions' / 'image.json').is_file()


def test_inference_model_with_a_head_of_mmpose(tmp_path, noise):
    path = tmp_path / 'random.pth'
    torch.save({'state_dict': hub.get_model(FLD).state_dict()}, path)
    result = mmfashion_ext.inference_model(
        FLD, noise(), checkpoint=path, device='cpu'
    )
    assert len(result['predictions'][0]['keypoints'][0]) == 6


def test_built_by_name(model):
    infer = hub.build_inferencer(*model, 'cpu', show_progress=False)
    assert isinstance(infer, LandmarkInferencer)
    assert infer.model.cfg.filename == model[0]
    assert CATEGORY_BY_ID[infer.category_ids[0]].name == CLASS_NAMES[0]
