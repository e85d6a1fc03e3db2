# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""From pictures to landmarks, with models that know nothing."""

import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip('mmpose')
from mmengine.structures import InstanceData
from mmpose.apis import MMPoseInferencer, Pose2DInferencer

import mmfashion_ext
from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    CATEGORY_BY_ID,
    CLASS_NAMES,
    PALETTE,
)
from mmfashion_ext.landmark import LandmarkInferencer
from mmfashion_ext.utils.checkpoint import UnsafeCheckpointError

MODEL = 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96'
FLD = 'td-hm-udp-fld-upper_r18-small_1xb32-20e_synthetic-128x96'
PIXEL = 0.01  # tolerance in px
# UDP's subpixel step on the flat maps of a model that knows nothing enlarges
# rounding errors to pixels
MSRA = "model = dict(head=dict(decoder=dict(type='MSRAHeatmap')))\n"


def picture(seed=0, size=(100, 150)):
    """Noise of (w, h) px."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 255, (size[1], size[0], 3), np.uint8)


def config(folder, text, base=MODEL):
    """A user's config that inherits one of ours."""
    path = folder / 'own.py'
    line = f"_base_ = __import__('mmfashion_ext').config_path({base!r})\n"
    path.write_text(line + text)
    return str(path)


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """A config file and weights."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp('model')
    path, weights = config(folder, MSRA), folder / 'random.pth'
    torch.save({'state_dict': hub.get_model(path).state_dict()}, weights)
    return path, weights


@pytest.fixture(scope='module')
def inferencer(model):
    return LandmarkInferencer(*model, device='cpu')


@pytest.fixture
def detects(inferencer, monkeypatch):
    """An inferencer whose detector has these classes and gives these boxes."""
    from mmfashion_ext.landmark import garment_detector as detector

    def build(classes, detections, infer=inferencer, keep_labels=None):
        columns = np.array(detections, np.float32).reshape(-1, 6)
        found = InstanceData(
            bboxes=torch.from_numpy(columns[:, :4]),
            scores=torch.from_numpy(columns[:, 4]),
            labels=torch.from_numpy(columns[:, 5].astype(int)),
        )

        class Detector:
            model = SimpleNamespace(dataset_meta={'classes': classes})

            def __call__(self, image, return_datasamples):
                assert return_datasamples
                assert image.shape[2] == 3
                return {'predictions': [SimpleNamespace(pred_instances=found)]}

        monkeypatch.setattr(detector, 'build_detector', lambda *_: Detector())
        fake = detector.GarmentDetector('fake', None, keep_labels)
        monkeypatch.setattr(infer, 'detector', fake)
        return infer

    return build


def one(inferencer, *args, **kwargs):
    """The items of a single picture."""
    (result,) = inferencer(*args, **kwargs)
    (items,) = result['predictions']
    return items


def check(item):
    category = CATEGORY_BY_ID[item['category_id']]
    assert item['category'] == category.name
    num = category.num_landmarks
    assert np.shape(item['keypoints']) == (num, 2)
    assert np.shape(item['keypoint_scores']) == (num,)
    assert item['keypoint_names'] == [
        f'{category.prefix}_kpt{k}' for k in range(1, num + 1)
    ]
    assert json.loads(json.dumps(item)) == item


def assert_equal(items, others):
    assert len(items) == len(others)
    for a, b in zip(items, others, strict=True):
        assert a['category'] == b['category']
        for key in ('bbox', 'bbox_score', 'keypoints', 'keypoint_scores'):
            assert np.allclose(a[key], b[key], atol=PIXEL), key


def test_array_file_list_and_folder(inferencer, tmp_path):
    array = picture()
    items = one(inferencer, array)
    assert len(items) == 1
    check(items[0])
    assert items[0]['bbox'] == [0, 0, 100, 150]
    assert items[0]['bbox_score'] == 1
    file = tmp_path / 'street.png'
    cv2.imwrite(str(file), array)
    (tmp_path / 'notes.txt').write_text('no picture')
    (tmp_path / 'README').write_text('nor is this')
    for source in (str(file), file, tmp_path, str(tmp_path)):
        (result,) = inferencer(source)
        assert result['img_paths'] == [str(file)]
        assert result['visualization'] == []
        assert_equal(result['predictions'][0], items)
    several = list(inferencer([array, file]))
    assert [r['img_paths'] for r in several] == [['000000.jpg'], [str(file)]]
    for result in several:
        assert_equal(result['predictions'][0], items)
    assert list(inferencer([])) == []


def test_mmposes_own_inferencer_accepts_our_configs():
    path = hub.config_path(MODEL)
    host = MMPoseInferencer(pose2d=path, device='cpu')  # random weights
    result = next(host(picture(), return_vis=True))
    assert result['visualization'][0].shape == (150, 100, 3)
    assert np.shape(result['predictions'][0][0]['keypoints']) == (294, 2)


def test_mmposes_own_inferencer_gives_the_same(inferencer, model):
    (ours,) = one(inferencer, picture())
    path, weights = model
    host = Pose2DInferencer(path, str(weights), device='cpu')
    ((theirs,),) = next(host(picture()))['predictions']
    own = CATEGORY_BY_ID[ours['category_id']].slice
    scores = np.array(theirs['keypoint_scores'])
    assert np.allclose(ours['keypoint_scores'], scores[own], atol=1e-5)
    scores[own] = 0
    assert not scores.any()
    points = np.array(theirs['keypoints'])[own]
    assert np.allclose(ours['keypoints'], points, atol=PIXEL)


@pytest.mark.parametrize('batch_size', [1, 3, 8])
def test_batches_change_nothing(detects, batch_size):
    boxes = [[0, 0, 50, 50, 0.9, 4], [9, 9, 80, 99, 0.8, 8]]
    infer = detects(CLASS_NAMES, boxes)
    pictures = [picture(seed, (100, 110 + seed)) for seed in range(5)]
    sizes = []
    hook = infer.model.register_forward_pre_hook(
        lambda _, args, kwargs: sizes.append(len(kwargs['inputs'])),
        with_kwargs=True,
    )
    together = list(infer(pictures, batch_size=batch_size))
    hook.remove()
    assert sum(sizes) == 10
    assert max(sizes) <= batch_size
    for image, result in zip(pictures, together, strict=True):
        assert_equal(result['predictions'][0], one(infer, image))


def test_writes_whole_files(inferencer, tmp_path):
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / '1.png'), picture(ord(name)))
    files = [tmp_path / 'a' / '1.png', tmp_path / 'b' / '1.png', picture(3)]
    out = tmp_path / 'out'
    results = list(inferencer(files, out_dir=out, return_vis=True))
    names = ['1', '1_2', '000002']  # two of one name are kept apart
    for name, result in zip(names, results, strict=True):
        written = json.loads(
            (out / 'predictions' / f'{name}.json').read_text()
        )
        assert written == result['predictions'][0]
        assert result['visualization'][0].shape == (150, 100, 3)
    assert sorted(f.name for f in (out / 'visualizations').iterdir()) == [
        '000002.jpg',
        '1.png',
        '1_2.png',
    ]
    drawn = cv2.imread(str(out / 'visualizations' / '1_2.png'))
    assert np.array_equal(drawn, results[1]['visualization'][0][..., ::-1])


def test_only_the_categorys_landmarks_are_drawn(detects):
    infer = detects(CLASS_NAMES, [[10, 10, 90, 140, 0.9, 8]])
    (result,) = infer(
        picture(), return_vis=True, black_background=True, kpt_thr=0
    )
    (drawn,) = result['visualization']
    colours = {tuple(c) for c in np.unique(drawn.reshape(-1, 3), axis=0)}
    assert colours == {(0, 0, 0), PALETTE[8]}


def test_data_samples(inferencer):
    sample = one(inferencer, picture(), return_datasamples=True)
    pred = sample.pred_instances
    assert pred.keypoints.shape == (1, 294, 2)
    assert sample.img_path == '000000.jpg'


@pytest.fixture
def video(tmp_path):
    path = tmp_path / 'street.avi'
    codec = cv2.VideoWriter_fourcc(*'MJPG')
    writer = cv2.VideoWriter(str(path), codec, 10, (64, 48))
    for seed in range(5):
        writer.write(picture(seed, (64, 48)))
    writer.release()
    return path


def test_video(inferencer, video, tmp_path):
    out = tmp_path / 'out'
    results = list(inferencer(video, out_dir=out, batch_size=2))
    assert [r['img_paths'][0] for r in results] == [
        f'00000{i}.jpg' for i in range(5)
    ]
    frames = json.loads((out / 'predictions' / 'street.json').read_text())
    assert [frame['frame_id'] for frame in frames] == [0, 1, 2, 3, 4]
    for frame, result in zip(frames, results, strict=True):
        assert frame['instances'] == result['predictions'][0]
        check(frame['instances'][0])
    drawn = cv2.VideoCapture(str(out / 'visualizations' / 'street.mp4'))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    assert drawn.get(cv2.CAP_PROP_FPS) == 10
    assert drawn.read()[1].shape == (48, 64, 3)
    assert len(list(out.rglob('*.*'))) == 2


def test_an_interrupted_video_leaves_nothing(inferencer, video, tmp_path):
    out = tmp_path / 'out'
    results = inferencer(video, out_dir=out, batch_size=1)
    next(results)
    assert list((out / 'visualizations').iterdir())
    results.close()
    assert not list(out.rglob('*.*'))


def test_bad_pictures_of_a_folder_are_named_at_the_end(
    inferencer, tmp_path, monkeypatch
):
    logged = []
    monkeypatch.setattr(
        'mmfashion_ext.landmark.inferencer.print_log',
        lambda message, **_: logged.append(message),
    )
    good, bad = tmp_path / 'b.png', tmp_path / 'a.jpg'
    cv2.imwrite(str(good), picture())
    bad.write_bytes(b'no picture')
    (tmp_path / 'empty.png').touch()
    results = list(inferencer(tmp_path))
    assert [r['img_paths'] for r in results] == [[str(good)]]
    assert inferencer.skipped == [str(bad), str(tmp_path / 'empty.png')]
    (line,) = logged
    assert line.startswith('2 skipped, no readable pictures: ')
    assert str(bad) in line
    good.unlink()
    assert list(inferencer(tmp_path)) == []


def test_what_a_user_gets_wrong(inferencer, tmp_path):
    def call(inputs, **kwargs):
        list(inferencer(inputs, **kwargs))

    bad = tmp_path / 'bad.jpg'
    bad.write_bytes(b'no picture')
    for source in (bad, str(bad), [picture(), bad]):
        with pytest.raises(UserError, match=r'bad\.jpg: cannot be read as a'):
            call(source)
    for name in ('gone.jpg', 'gone', 'gone.mp4'):
        with pytest.raises(UserError, match=rf'{name}: no such file'):
            call(tmp_path / name)
    video = tmp_path / 'bad.mp4'
    video.write_bytes(b'no video')
    with pytest.raises(UserError, match=r'bad\.mp4: cannot be read as a vid'):
        call(video)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(UserError, match='empty: a folder without pictures'):
        call(tmp_path / 'empty')
    for array in (picture()[..., 0], picture() / 255, picture()[..., :2]):
        with pytest.raises(UserError, match=r'BGR uint8, got \(150, 100'):
            call(array)
    with pytest.raises(UserError, match='batch_size must be 1 or more'):
        call(picture(), batch_size=0)
    with pytest.raises(ValueError, match='unknown argument'):
        call(picture(), nonsense=1)


def test_weights_are_checked(tmp_path):
    with pytest.raises(UserError, match="no config 'td-hm_r19'"):
        LandmarkInferencer('td-hm_r19')
    path = tmp_path / 'other.pth'
    with pytest.raises(FileNotFoundError, match=r'other\.pth'):
        LandmarkInferencer(MODEL, path, device='cpu')
    torch.save({'state_dict': {'w': torch.ones(1)}}, path)
    with pytest.raises(UserError, match='weights of another model'):
        LandmarkInferencer(MODEL, path, device='cpu')
    torch.save({'state_dict': {}, 'meta': path}, path)
    with pytest.raises(UnsafeCheckpointError, match='refused'):
        LandmarkInferencer(MODEL, path, device='cpu')


def test_detectors_categories_are_the_items(detects):
    boxes = [
        [10, 10, 60, 90, 0.7, 0],
        [12, 10, 60, 92, 0.9, 0],  # the same shirt
        [12, 10, 60, 92, 0.8, 3],  # an outwear over it
        [20, 20, 60, 20, 0.9, 4],  # no area
        [10, 50, 60, 99, 0.2, 7],  # not sure
    ]
    raw_names = [category.raw_name for category in CATEGORIES]
    infer = detects(raw_names, boxes)
    items = one(infer, picture())
    assert [item['category_id'] for item in items] == [1, 4]
    scores = [item['bbox_score'] for item in items]
    assert scores == pytest.approx([0.9, 0.8])
    assert items[0]['bbox'] == [12, 10, 60, 92]
    for item in items:
        check(item)
    ids = [i['category_id'] for i in one(infer, picture(), nms_thr=0.99)]
    assert ids == [1, 4, 1]
    ids = [i['category_id'] for i in one(infer, picture(), bbox_thr=0.1)]
    assert ids == [1, 4, 8]
    infer = detects(raw_names, boxes, keep_labels=3)
    assert [i['category_id'] for i in one(infer, picture())] == [4]


def test_other_detectors_only_give_boxes(detects):
    boxes = [[10, 10, 60, 90, 0.9, 1], [0, 0, 50, 99, 0.8, 0]]
    infer = detects(['person', 'vest'], boxes)
    items = one(infer, picture())
    assert [i['bbox'] for i in items] == [[10, 10, 60, 90], [0, 0, 50, 99]]
    for item in items:
        check(item)
    # a label is not taken for a category: the model's guess is
    swapped = [[*box[:5], 1 - box[5]] for box in boxes]
    infer = detects(['vest', 'person'], swapped)
    assert one(infer, picture()) == items
    infer = detects(['person', 'vest'], boxes, keep_labels=[1])
    assert len(one(infer, picture())) == 1


def test_nothing_found(detects, tmp_path):
    infer = detects(CLASS_NAMES, [])
    results = list(
        infer([picture(), picture(1)], out_dir=tmp_path, draw_bbox=True)
    )
    assert [r['predictions'] for r in results] == [[[]], [[]]]
    written = json.loads((tmp_path / 'predictions/000001.json').read_text())
    assert written == []
    drawn = cv2.imread(str(tmp_path / 'visualizations' / '000001.jpg'))
    assert drawn.shape == (150, 100, 3)


def test_fine_tuned_model_looks_at_its_categories_only(detects, tmp_path):
    own = config(
        tmp_path,
        "only = dict(dataset=dict(categories=['vest']))\n"
        'train_dataloader = val_dataloader = test_dataloader = only\n',
    )
    infer = LandmarkInferencer(own, device='cpu')
    assert [i['category'] for i in one(infer, picture())] == ['vest']
    boxes = [[10, 10, 60, 90, 0.9, 4], [0, 0, 50, 99, 0.8, 0]]
    detects(CLASS_NAMES, boxes, infer)
    assert [i['category'] for i in one(infer, picture())] == ['vest']


PLAIN_HEAD = """
model = dict(
    head=dict(
        _delete_=True,
        type='HeatmapHead',
        in_channels=128,
        out_channels=294,
        deconv_out_channels=(64, 64),
        deconv_kernel_sizes=(4, 4),
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=dict(
            type='MSRAHeatmap',
            input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5)))
"""


def test_mmposes_head_of_294_channels(detects, tmp_path):
    own = config(tmp_path, PLAIN_HEAD)
    boxes = [[0, 0, 100, 150, 0.9, label] for label in range(13)]
    infer = detects(CLASS_NAMES, boxes, LandmarkInferencer(own, device='cpu'))
    items = one(infer, picture())
    assert sorted(i['category_id'] for i in items) == list(range(1, 14))
    for item in items:
        check(item)
    infer.detector = None
    (guessed,) = one(infer, picture())
    check(guessed)
    best = max(items, key=lambda item: np.mean(item['keypoint_scores']))
    assert guessed['category'] == best['category']
    assert np.allclose(guessed['keypoints'], best['keypoints'], atol=PIXEL)


def test_fld_has_no_categories(detects, tmp_path):
    infer = LandmarkInferencer(FLD, device='cpu')
    (item,) = one(infer, picture(), out_dir=tmp_path, draw_bbox=True)
    assert item['category'] is item['category_id'] is None
    assert len(item['keypoint_names']) == len(item['keypoints']) == 6
    boxes = [[10, 10, 60, 90, 0.9, 4], [0, 0, 50, 99, 0.8, 0]]
    detects(CLASS_NAMES, boxes, infer)
    items = one(infer, picture())
    assert [i['bbox'] for i in items] == [[10, 10, 60, 90], [0, 0, 50, 99]]


def test_inference_model(inferencer, model, tmp_path):
    path, weights = model
    found = mmfashion_ext.inference_model(
        path, picture(), weights, device='cpu', out_dir=str(tmp_path)
    )
    assert_equal(found['predictions'][0], one(inferencer, picture()))
    assert (tmp_path / 'predictions' / '000000.json').is_file()


def test_inference_model_with_a_head_of_mmpose(tmp_path):
    path = tmp_path / 'random.pth'
    torch.save({'state_dict': hub.get_model(FLD).state_dict()}, path)
    found = mmfashion_ext.inference_model(FLD, picture(), path, device='cpu')
    assert len(found['predictions'][0][0]['keypoints']) == 6
