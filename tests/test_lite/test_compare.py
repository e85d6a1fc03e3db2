# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import copy

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.lite.compare import compare_predictions

EXPECTED = {
    'input': 'a.jpg',
    'scores': np.float32([0.9, 0.5]),
    'labels': np.array([3, 1]),
    'bboxes': np.float32([[1, 2, 3, 4]] * 2),
    'masks': np.zeros((2, 50, 40), bool),
    'keypoints': [np.zeros((3, 2), np.float32), np.zeros((0, 2), np.float32)],
    'keypoint_scores': [np.float32([0.01, 0.5, 0.9]), np.zeros(0)],
}


def changed(key, index, value):
    found = copy.deepcopy(EXPECTED)
    found[key][index] = value
    return [found]


def test_returns_the_largest_difference():
    found = changed('masks', (0, 0, 0), True)
    found[0]['bboxes'][1, 2] += 0.0625
    assert compare_predictions(found, [EXPECTED]) == {
        'bboxes': 0.0625,
        'scores': 0.0,
        'masks': 1 / 4000,
        'keypoints': 0.0,
        'keypoint_scores': 0.0,
    }
    nothing = {'input': 'b', 'scores': np.zeros(0), 'labels': None}
    assert compare_predictions([nothing], [nothing]) == {'scores': 0.0}


def test_unlikely_landmarks_may_be_anywhere():
    found = copy.deepcopy(EXPECTED)
    found['keypoints'][0][0] += 9
    assert compare_predictions([found], [EXPECTED])['keypoints'] == 0
    found['keypoints'][0][1] += 9
    with pytest.raises(UserError, match=r'keypoints of the exp.* differ by 9'):
        compare_predictions([found], [EXPECTED])


@pytest.mark.parametrize(
    ('found', 'message'),
    [
        (changed('bboxes', (0, 0), 1.2), r'a\.jpg: bboxes .* differ by 0\.2'),
        (changed('scores', 0, np.nan), 'scores .* differ by nan'),
        (changed('labels', 0, 2), r'2 items \[2, 1\], PyTorch 2 \[3, 1\]'),
    ],
)
def test_refuses_another_result(found, message):
    with pytest.raises(UserError, match=message):
        compare_predictions(found, [EXPECTED])


def ranking(**scores):
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    return {
        'input': 'q',
        'gallery': [name for name, _ in ranked],
        'indices': np.array([int(name[1:]) for name, _ in ranked]),
        'scores': np.array([score for _, score in ranked]),
    }


def test_rankings():
    """Two that are as likely may be in either order."""
    expected = ranking(t0=0.5, t1=0.5001, t2=0.2)
    found = ranking(t0=0.5002, t1=0.5, t2=0.2)
    worst = compare_predictions([found], [expected])
    assert worst == {'scores': pytest.approx(2e-4)}
    with pytest.raises(UserError, match=r'scores .* differ by 0\.3'):
        compare_predictions([ranking(t0=0.5, t1=0.2, t2=0.2)], [expected])
    with pytest.raises(UserError, match='ranks 1 tracklets, PyTorch 3'):
        compare_predictions([ranking(t0=0.5)], [expected])


def test_images():
    """A grey level more is rounding; two, in many pixels, are not."""
    image = np.full((20, 30, 3), 100, np.uint8)
    expected = {
        'input': 'p',
        'try_on': image,
        'warped_cloth': image,
        'warped_mask': image[..., 0],
    }
    found = {**expected, 'try_on': image + 1}
    assert set(compare_predictions([found], [expected]).values()) == {0.0}
    found['warped_mask'] = image[..., 0] + 2
    with pytest.raises(UserError, match=r'warped_mask of the exp.* differ by'):
        compare_predictions([found], [expected])
    found = {**expected, 'try_on': image[:10]}
    with pytest.raises(UserError, match='try_on of the exported'):
        compare_predictions([found], [expected])
