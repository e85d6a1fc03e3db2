# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import io
import json

import cv2
import numpy as np
import pytest
import torch
from mmdet.apis import DetInferencer
from mmdet.structures import DetDataSample
from PIL import Image
from pycocotools import mask as mask_utils

import mmfashion_ext
from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    CLASS_NAMES,
)
from mmfashion_ext.hub import config_path
from mmfashion_ext.match_rcnn import ClothesInferencer
from mmfashion_ext.match_rcnn.inferencer import build_array_pipeline

MODEL = 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160'


@pytest.fixture(scope='module')
def inferencer():
    torch.manual_seed(0)
    model = mmfashion_ext.get_model(MODEL)
    model.roi_head.test_cfg.score_thr = 0.0
    return ClothesInferencer(model, show_progress=False)


@pytest.fixture
def image_file(tmp_path):
    path = tmp_path / 'images' / 'street.png'
    path.parent.mkdir()
    rng = np.random.default_rng(0)
    cv2.imwrite(str(path), rng.integers(0, 255, (150, 100, 3), np.uint8))
    return path


def check(found, num=10):
    assert found['scores'].shape == found['labels'].shape == (num,)
    assert found['bboxes'].shape == (num, 4)
    assert found['masks'].shape == (num, 150, 100)
    assert found['masks'].dtype == bool
    assert (np.diff(found['scores']) <= 0).all()
    for i, label in enumerate(found['labels']):
        category = CATEGORIES[label]
        assert found['categories'][i] == category.name == CLASS_NAMES[label]
        points, scores = found['keypoints'][i], found['keypoint_scores'][i]
        assert points.shape == (category.num_landmarks, 2)
        assert scores.shape == (category.num_landmarks,)
        low, high = found['bboxes'][i].reshape(2, 2)
        assert (points >= low - 1e-3).all()
        assert (points <= high + 1e-3).all()
        assert ((scores >= 0) & (scores <= 1)).all()
        names = found['keypoint_names'][i]
        assert len(names) == category.num_landmarks
        assert names[0] == f'{category.prefix}_kpt1'


def assert_equal(found, expected):
    """The same items; what they are called may differ."""
    for name in ('bboxes', 'scores', 'labels', 'masks'):
        np.testing.assert_array_equal(found[name], expected[name])
    for name in ('keypoints', 'keypoint_scores'):
        for one, other in zip(found[name], expected[name], strict=True):
            np.testing.assert_array_equal(one, other)


def test_every_kind_of_input(inferencer, image_file):
    result = inferencer(str(image_file))
    assert result['skipped'] == []
    (by_file,) = result['predictions']
    check(by_file)
    assert (by_file['input'], by_file['name']) == (str(image_file), 'street')
    array = cv2.imread(str(image_file))
    inputs = [
        array,
        Image.fromarray(array[..., ::-1]),
        image_file.read_bytes(),
        io.BytesIO(image_file.read_bytes()),
        image_file,
        image_file.parent,
    ]
    found = inferencer(x for x in inputs)['predictions']
    assert len({prediction['name'] for prediction in found}) == len(inputs)
    for prediction in found:
        assert_equal(prediction, by_file)
    (named,) = inferencer({'mine': array})['predictions']
    assert named['name'] == 'mine'


def test_results_are_those_of_the_hosts_inferencer(
    inferencer, image_file, tmp_path
):
    """mmdet's own inferencer reads our config and our weights."""
    weights = tmp_path / 'weights.pth'
    torch.save({'state_dict': inferencer.model.state_dict()}, weights)
    host = DetInferencer(
        config_path(MODEL), str(weights), 'cpu', show_progress=False
    )
    host.model.roi_head.test_cfg.score_thr = 0.0
    sample = host(str(image_file), return_datasamples=True, no_save_vis=True)
    expected = sample['predictions'][0].pred_instances
    (sample,) = inferencer(image_file, return_datasamples=True)['predictions']
    assert isinstance(sample, DetDataSample)
    assert sample.img_path == str(image_file)
    found = sample.pred_instances
    assert set(found.keys()) == set(expected.keys())
    for name in found.keys():  # noqa: SIM118  (not a dict)
        assert torch.equal(found[name], expected[name]), name
    plain = host(str(image_file), no_save_vis=True)['predictions'][0]
    assert len(plain['masks']) == 10


def test_images_are_upright_and_of_any_mode(inferencer, tmp_path):
    rng = np.random.default_rng(1)
    grey = Image.fromarray(rng.integers(0, 255, (100, 150), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side: turn it by 90 degrees
    grey.save(tmp_path / 'turned.png', exif=exif)
    (found,) = inferencer(tmp_path / 'turned.png')['predictions']
    assert found['masks'].shape[1:] == (150, 100)
    upright = grey.transpose(Image.Transpose.ROTATE_270)
    (expected,) = inferencer(upright.convert('RGB'))['predictions']
    assert_equal(found, expected)


def test_batches_stream_and_bad_inputs(inferencer, image_file, monkeypatch):
    array = cv2.imread(str(image_file))
    (expected,) = inferencer(array)['predictions']
    monkeypatch.setattr(inferencer, 'batch_size', 2)
    (image_file.parent / 'broken.jpg').write_bytes(b'text')
    stream = inferencer([array, array, image_file.parent, array], stream=True)
    found = list(stream)
    assert len(found) == 4
    for prediction in found:
        np.testing.assert_allclose(
            prediction['bboxes'], expected['bboxes'], atol=1e-3
        )
    (entry,) = stream.skipped
    assert entry['input'].endswith('broken.jpg')
    with pytest.raises(UserError, match=r'broken\.jpg: .*image'):
        inferencer(image_file.parent / 'broken.jpg')


def test_drawn_and_written(inferencer, image_file, tmp_path):
    out = tmp_path / 'out'
    array = cv2.imread(str(image_file))
    result = inferencer(
        [image_file, array], out_dir=out, draw=True, draw_score_thr=0.0
    )
    first, second = result['predictions']
    drawn = first['visualization']
    assert drawn.shape == (150, 100, 3)
    assert drawn.dtype == np.uint8
    assert (drawn != array).any()
    np.testing.assert_array_equal(drawn, second['visualization'])
    assert [p['name'] for p in (first, second)] == ['street', 'image']
    assert {path.name for path in (out / 'visualizations').iterdir()} == {
        'street.jpg',
        'image.jpg',
    }
    written = json.loads((out / 'predictions' / 'street.json').read_text())
    assert written['categories'] == first['categories']
    np.testing.assert_allclose(written['bboxes'], first['bboxes'])
    np.testing.assert_array_equal(
        [mask_utils.decode(rle) for rle in written['masks']], first['masks']
    )
    listed = json.loads((out / 'results.json').read_text())
    assert [entry['name'] for entry in listed['predictions']] == [
        'street',
        'image',
    ]
    (nothing,) = inferencer(array, draw=True, draw_score_thr=2)['predictions']
    np.testing.assert_array_equal(nothing['visualization'], array)


def test_frames_of_a_video(inferencer, tmp_path):
    path = tmp_path / 'walk.avi'
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*'MJPG'), 5, (64, 96)
    )
    for i in range(3):
        writer.write(np.full((96, 64, 3), 60 * i, np.uint8))
    writer.release()
    out = tmp_path / 'out'
    found = inferencer(path, out_dir=out)['predictions']
    assert [prediction['frame_id'] for prediction in found] == [0, 1, 2]
    assert found[0]['masks'].shape[1:] == (96, 64)
    assert (out / 'visualizations' / 'walk.mp4').stat().st_size > 0
    written = json.loads((out / 'predictions' / 'walk.json').read_text())
    assert len(written) == 3


def test_score_threshold(inferencer, image_file, tmp_path):
    every = inferencer(image_file)['predictions'][0]
    threshold = float(every['scores'][4])
    some = inferencer(image_file, score_thr=threshold)['predictions'][0]
    np.testing.assert_array_equal(some['scores'], every['scores'][:5])
    nothing = inferencer(image_file, score_thr=1.1, out_dir=tmp_path / 'out')
    (found,) = nothing['predictions']
    check(found, num=0)
    assert found['categories'] == found['keypoints'] == []
    written = json.loads(
        (tmp_path / 'out/predictions/street.json').read_text()
    )
    assert written['masks'] == []


def test_inference_model_reads_a_checkpoint(inferencer, image_file, tmp_path):
    weights = tmp_path / 'weights.pth'
    torch.save({'state_dict': inferencer.model.state_dict()}, weights)
    found = mmfashion_ext.inference_model(
        MODEL, image_file, checkpoint=weights, device='cpu'
    )['predictions'][0]
    expected = inferencer(image_file, score_thr=0.05)['predictions'][0]
    np.testing.assert_allclose(found['scores'], expected['scores'])


def test_what_a_user_gets_wrong(tmp_path):
    with pytest.raises(UserError, match="no config 'match-rcnn_r19'"):
        ClothesInferencer('match-rcnn_r19', weights=tmp_path / 'gone.pth')
    with pytest.raises(FileNotFoundError, match=r'gone\.pth'):
        ClothesInferencer(MODEL, weights=tmp_path / 'gone.pth')
    other = torch.nn.Linear(1, 1)
    other.cfg = {}
    with pytest.raises(UserError, match='detectors of mmdet, got a Linear'):
        ClothesInferencer(other)


def test_a_config_without_a_test_pipeline_is_refused():
    cfg = mmfashion_ext.get_model(MODEL).cfg
    del cfg.test_dataloader.dataset.pipeline[0]
    with pytest.raises(UserError, match='holds no LoadImageFromFile, got'):
        build_array_pipeline(cfg)
    cfg.pop('test_dataloader')
    with pytest.raises(UserError, match=r'no test_dataloader\.dataset'):
        build_array_pipeline(cfg)
