# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks, PolygonMasks
from mmengine.structures import InstanceData

from mmfashion_ext.formats.deepfashion2.constants import (
    CATEGORIES,
    CLASS_NAMES,
    PALETTE,
)
from mmfashion_ext.match_rcnn import ClothesVisualizer
from mmfashion_ext.registry import VISUALIZERS

SKIRT = CATEGORIES[8]
COLOR = PALETTE[8]
#: Skirt landmarks 1..8, px: waist, left side, hem, right side.
POINTS = np.array(
    [80, 80, 120, 80, 160, 80, 70, 120, 60, 160, 120, 160, 180, 160, 170, 120],
    dtype=np.float32,
).reshape(8, 2)


def skirt(**fields):
    keypoints = torch.zeros(1, 294, 2)
    keypoints[0, SKIRT.slice] = torch.from_numpy(POINTS)
    return InstanceData(
        labels=torch.tensor([8]), keypoints=keypoints, **fields
    )


def scores(value=0.9, **others):
    """Landmark scores (1, 294), ``others`` by local number as k1, k2 .."""
    result = torch.full((1, 294), value)
    for name, score in others.items():
        result[0, SKIRT.offset + int(name[1:]) - 1] = score
    return result


def draw(instances, size=240, **kwargs):
    image = np.full((size, size, 3), 100, np.uint8)
    visualizer = ClothesVisualizer(**kwargs)
    drawn = visualizer._draw_instances(image, instances, None, None)
    assert (image == 100).all()
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    return drawn


def color_at(drawn, point):
    x, y = (round(float(v)) for v in point)
    return tuple(int(v) for v in drawn[y, x])


def test_predicted_landmarks_are_those_of_the_category_above_threshold():
    drawn = draw(skirt(keypoint_scores=scores(k2=0.2)), kpt_thr=0.5)
    assert all(color_at(drawn, p) == COLOR for p in np.delete(POINTS, 1, 0))
    # neither dot 2, nor its lines, nor the 286 of other categories at (0, 0)
    assert color_at(drawn, POINTS[1]) == (100, 100, 100)
    assert color_at(drawn, (0, 0)) == (100, 100, 100)
    # line 5-6 of the hem
    assert color_at(drawn, (90, 160)) == COLOR


def test_occluded_ground_truth_is_a_ring():
    visible = torch.zeros(1, 294, dtype=torch.long)
    visible[0, SKIRT.slice] = torch.tensor([2, 1, 0, 2, 2, 2, 2, 2])
    drawn = draw(skirt(keypoints_visible=visible))
    assert color_at(drawn, POINTS[0]) == COLOR
    assert color_at(drawn, POINTS[1]) == (255, 255, 255)
    assert color_at(drawn, POINTS[2]) == (100, 100, 100)


@pytest.mark.parametrize('kind', ['tensor', 'bitmap', 'polygon'])
def test_mask_is_tinted(kind):
    mask = np.zeros((1, 240, 240), np.uint8)
    mask[:, 100:140, 90:150] = 1
    polygon = np.array([90, 100, 150, 100, 150, 140, 90, 140], float)
    masks = {
        'tensor': torch.from_numpy(mask).bool(),
        'bitmap': BitmapMasks(mask, 240, 240),
        'polygon': PolygonMasks([[polygon]], 240, 240),
    }[kind]
    instances = InstanceData(labels=torch.tensor([8]), masks=masks)
    drawn = draw(instances, alpha=0.5)
    expected = (np.array(COLOR) + 100) / 2
    assert np.abs(drawn[120, 120] - expected).max() <= 1
    assert color_at(drawn, (120, 90)) == (100, 100, 100)


def test_box_and_label():
    boxes = torch.tensor([[60.0, 80.0, 180.0, 160.0]])
    drawn = draw(skirt(bboxes=boxes, keypoint_scores=scores(0.0)))
    assert color_at(drawn, (120, 160)) == COLOR
    assert color_at(drawn, (180, 120)) == COLOR
    assert color_at(drawn, (120, 120)) == (100, 100, 100)
    label = drawn[66:79, 61:90]
    assert (label == COLOR).all(-1).mean() > 0.4
    assert (label != COLOR).any()
    same = draw(
        skirt(bboxes=HorizontalBoxes(boxes), keypoint_scores=scores(0.0))
    )
    np.testing.assert_array_equal(drawn, same)
    scored = draw(
        skirt(
            bboxes=boxes,
            keypoint_scores=scores(0.0),
            scores=torch.tensor([0.875]),
        )
    )
    assert (scored != drawn).any()


def test_labels_of_boxes_at_one_place_stand_below_each_other():
    boxes = torch.tensor([[10.0, 50.0, 200.0, 200.0]] * 2)
    instances = InstanceData(bboxes=boxes, labels=torch.tensor([6, 8]))
    drawn = draw(instances)
    for label in (6, 8):
        found = (drawn == PALETTE[label]).all(-1)[:100, :40].sum(1)
        assert found.max() > 15


def test_lines_grow_with_the_picture():
    widths = []
    for size in (300, 1200):
        box = torch.tensor([[0.25, 0.25, 0.75, 0.75]]) * size
        instances = InstanceData(bboxes=box, labels=torch.tensor([8]))
        drawn = draw(instances, size)
        row = (drawn[size // 2] == COLOR).all(-1)
        widths.append(int(row.sum()) / 2)
    assert widths[0] == 1
    assert 3 <= widths[1] <= 5


def test_nothing_and_points_far_outside():
    empty = InstanceData(
        bboxes=torch.zeros(0, 4),
        labels=torch.zeros(0, dtype=torch.long),
        scores=torch.zeros(0),
        masks=torch.zeros(0, 240, 240, dtype=torch.bool),
        keypoints=torch.zeros(0, 294, 2),
        keypoint_scores=torch.zeros(0, 294),
    )
    assert (draw(empty) == 100).all()
    instances = skirt(
        bboxes=torch.tensor([[-900.0, -900.0, 9000.0, 9000.0]]),
        keypoint_scores=scores(),
    )
    instances.keypoints *= 1e9
    draw(instances)


def test_ground_truth_beside_prediction_in_a_file(tmp_path):
    visualizer = VISUALIZERS.build(
        {'type': 'ClothesVisualizer', 'name': 'test_clothes'}
    )
    visualizer.dataset_meta = {
        'classes': CLASS_NAMES,
        'palette': list(PALETTE),
    }
    visible = torch.full((1, 294), 2)
    good, bad = torch.tensor([0.9]), torch.tensor([0.1])
    prediction = InstanceData.cat(
        [
            skirt(keypoint_scores=scores(), scores=score)
            for score in (good, bad)
        ]
    )
    prediction.keypoints[1] += 40  # below pred_score_thr
    sample = DetDataSample(
        gt_instances=skirt(keypoints_visible=visible),
        pred_instances=prediction,
    )
    path = tmp_path / 'drawn.png'
    image = np.full((240, 240, 3), 100, np.uint8)
    visualizer.add_datasample(
        'image', image, sample, out_file=str(path), pred_score_thr=0.3
    )
    drawn = cv2.imread(str(path))[..., ::-1]
    assert drawn.shape == (240, 480, 3)
    for point in POINTS:
        assert color_at(drawn, point) == COLOR
        assert color_at(drawn[:, 240:], point) == COLOR
    assert color_at(drawn[:, 240:], POINTS[6] + 40) == (100, 100, 100)


def test_a_pipeline_without_ground_truth():
    """tools/test.py --show-dir of views to merge, or of the photographs."""
    assert (draw(InstanceData()) == 100).all()
