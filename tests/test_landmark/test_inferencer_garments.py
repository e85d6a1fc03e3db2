# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Landmark inferencer: boxes, categories and landmarks of the garments."""

import json

import cv2
import numpy as np
import pytest

pytest.importorskip('mmpose')
from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    CLASS_NAMES,
    PALETTE,
)
from mmfashion_ext.landmark import LandmarkInferencer

FLD = 'td-hm-udp-fld-upper_r18-small_1xb32-20e_synthetic-128x96'
PIXEL = 0.01  # tolerance in px

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


def random_inferencer(name):
    """An inferencer of a model of random weights."""
    return LandmarkInferencer(hub.get_model(name), show_progress=False)


def test_only_the_categorys_landmarks_are_drawn(detects, one):
    infer = detects(CLASS_NAMES, [[10, 10, 90, 140, 0.9, 8]])
    black = np.zeros((150, 100, 3), np.uint8)
    options = {'draw': True, 'kpt_thr': 0}
    drawn = one(infer, black, draw_bbox=False, **options)['visualization']
    colours = {tuple(c) for c in np.unique(drawn.reshape(-1, 3), axis=0)}
    assert colours == {(0, 0, 0), PALETTE[8][::-1]}  # BGR
    boxed = one(infer, black, **options)['visualization']
    colours = {tuple(c) for c in np.unique(boxed.reshape(-1, 3), axis=0)}
    assert (0, 255, 0) in colours
    hidden = one(infer, black, draw=True, draw_bbox=False, kpt_thr=1.1)
    assert not hidden['visualization'].any()


@pytest.mark.fault(32)
def test_one_dress_is_drawn_once(detects, one):
    dress = [10, 10, 90, 140]
    infer = detects(CLASS_NAMES, [[*dress, 0.9, 9], [*dress, 0.8, 11]])
    black = np.zeros((150, 100, 3), np.uint8)

    def colours(**options):
        found = one(
            infer, black, draw=True, kpt_thr=0, draw_bbox=False, **options
        )
        assert found['labels'].tolist() == [9, 11]
        pixels = found['visualization'].reshape(-1, 3)
        return {tuple(c)[::-1] for c in np.unique(pixels, axis=0)}

    assert PALETTE[9] in colours()
    assert PALETTE[11] not in colours()
    assert PALETTE[11] in colours(draw_duplicate_iou=None)


def test_detectors_categories_are_the_garments(detects, noise, one, check):
    boxes = [
        [10, 10, 60, 90, 0.7, 0],
        [12, 10, 60, 92, 0.9, 0],  # the same shirt
        [12, 10, 60, 92, 0.8, 3],  # an outwear over it
        [20, 20, 60, 20, 0.9, 4],  # no area
        [10, 50, 60, 99, 0.2, 7],  # not sure
    ]
    raw_names = [category.raw_name for category in CATEGORIES]
    infer = detects(raw_names, boxes)
    found = one(infer, noise())
    check(found)
    assert found['labels'].tolist() == [0, 3]
    assert found['scores'] == pytest.approx([0.9, 0.8])
    assert found['bboxes'][0].tolist() == [12, 10, 60, 92]
    labels = one(infer, noise(), nms_thr=0.99)['labels']
    assert labels.tolist() == [0, 3, 0]
    labels = one(infer, noise(), bbox_thr=0.1)['labels']
    assert labels.tolist() == [0, 3, 7]
    infer = detects(raw_names, boxes, keep_labels=3)
    assert one(infer, noise())['labels'].tolist() == [3]


def test_other_detectors_only_give_boxes(
    detects, noise, one, check, assert_equal
):
    boxes = [[10, 10, 60, 90, 0.9, 1], [0, 0, 50, 99, 0.8, 0]]
    infer = detects(['person', 'vest'], boxes)
    found = one(infer, noise())
    check(found)
    assert found['bboxes'].tolist() == [[10, 10, 60, 90], [0, 0, 50, 99]]
    # a label does not become a category: the model guesses it
    swapped = [[*box[:5], 1 - box[5]] for box in boxes]
    infer = detects(['vest', 'person'], swapped)
    assert_equal(one(infer, noise()), found)
    infer = detects(['person', 'vest'], boxes, keep_labels=[1])
    assert len(one(infer, noise())['bboxes']) == 1


def test_a_users_boxes_replace_the_detector(
    detects, tmp_path, noise, one, check
):
    infer = detects(CLASS_NAMES, [[0, 0, 50, 50, 0.9, 4]])
    boxes = [[10, 10, 60, 90], [0, 0, 50, 99]]
    found = one(infer, noise(), bboxes=boxes)
    check(found)
    assert found['bboxes'].tolist() == boxes
    assert found['scores'].tolist() == [1, 1]
    guessed = one(infer, noise(), bboxes=[np.array(boxes[:1])])
    assert guessed['bboxes'].tolist() == boxes[:1]
    assert guessed['categories'] == found['categories'][:1]
    results = infer(
        [noise(), noise(1), noise(2), tmp_path / 'gone.jpg'],
        bboxes=[boxes, [], None, boxes],
    )
    counts = [len(p['bboxes']) for p in results['predictions']]
    assert counts == [2, 0, 1]
    assert results['predictions'][2]['labels'].tolist() == [4]
    assert [entry['reason'] for entry in results['skipped']] == [
        'no such file'
    ]
    with pytest.raises(UserError, match=r'box 1 is .* x1 < x2 and y1 < y2'):
        infer(noise(), bboxes=[boxes[0], [5, 5, 5, 9]])
    with pytest.raises(UserError, match='each image, got 1 for 2 images'):
        infer([noise(), noise()], bboxes=[boxes])


def test_nothing_found(detects, tmp_path, noise, check):
    infer = detects(CLASS_NAMES, [])
    results = infer([noise(), noise(1)], out_dir=tmp_path)
    assert results['skipped'] == []
    for found in results['predictions']:
        check(found)
        assert found['bboxes'].shape == (0, 4)
        assert found['categories'] == found['keypoint_names'] == []
    content = json.loads((tmp_path / 'predictions/image_2.json').read_text())
    assert content['bboxes'] == content['keypoints'] == []
    drawn = cv2.imread(str(tmp_path / 'visualizations' / 'image_2.jpg'))
    assert drawn.shape == (150, 100, 3)


def test_fine_tuned_model_predicts_its_categories_only(
    detects, tmp_path, noise, config, one
):
    own = config(
        tmp_path,
        "only = dict(dataset=dict(categories=['vest']))\n"
        'train_dataloader = val_dataloader = test_dataloader = only\n',
    )
    infer = random_inferencer(own)
    assert one(infer, noise())['categories'] == ['vest']
    boxes = [[10, 10, 60, 90, 0.9, 4], [0, 0, 50, 99, 0.8, 0]]
    detects(CLASS_NAMES, boxes, infer)
    assert one(infer, noise())['categories'] == ['vest']


def test_mmposes_head_of_294_channels(
    detects, tmp_path, noise, config, one, check
):
    own = config(tmp_path, PLAIN_HEAD)
    boxes = [[0, 0, 100, 150, 0.9, label] for label in range(13)]
    infer = detects(CLASS_NAMES, boxes, random_inferencer(own))
    found = one(infer, noise())
    check(found)
    assert sorted(found['labels']) == list(range(13))
    infer.detector = None
    guessed = one(infer, noise())
    check(guessed)
    means = [scores.mean() for scores in found['keypoint_scores']]
    best = int(np.argmax(means))
    assert guessed['categories'] == [found['categories'][best]]
    assert np.allclose(
        guessed['keypoints'][0], found['keypoints'][best], atol=PIXEL
    )


def test_fld_has_no_categories(detects, tmp_path, noise, one):
    infer = random_inferencer(FLD)
    found = one(infer, noise(), out_dir=tmp_path)
    assert found['categories'] is found['labels'] is None
    assert found['keypoints'][0].shape == (6, 2)
    assert found['keypoint_scores'][0].shape == (6,)
    assert found['keypoint_names'] == [infer.names]
    content = json.loads((tmp_path / 'predictions/image.json').read_text())
    assert content['categories'] is content['labels'] is None
    boxes = [[10, 10, 60, 90, 0.9, 4], [0, 0, 50, 99, 0.8, 0]]
    detects(CLASS_NAMES, boxes, infer)
    found = one(infer, noise())
    assert found['bboxes'].tolist() == [[10, 10, 60, 90], [0, 0, 50, 99]]
