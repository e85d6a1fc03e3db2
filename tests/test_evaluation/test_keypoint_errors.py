# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.evaluation.keypoint_errors import (
    error_names,
    landmark_errors,
    mean_errors,
)

BOX = (10, 20, 50, 100)  # 40 x 80 px
SIZE = (200, 100)  # (w, h)


def measure(offsets, groups=None, **settings):
    """Errors of landmarks moved by (dx, dy) px."""
    truth = np.full((len(offsets), 2), 30.0)
    rows = len(offsets), 1
    errors = landmark_errors(
        truth + np.reshape(offsets, (-1, 2)),
        truth,
        np.tile(BOX, rows),
        np.tile(SIZE, rows),
        **settings,
    )
    return mean_errors(errors, groups)


def test_by_hand():
    # 5 px and 10 px off, and a miss of 50 px
    metrics = measure([(3, 4), (-10, 0), (30, -40)], pck_thrs=(0.1, 0.125))
    assert list(metrics) == list(error_names((0.1, 0.125)))
    # 0.1 and 0.125 of 80 px are 8 and 10 px: at the threshold is not below
    assert metrics['PCK@0.1'] == metrics['PCK@0.125'] == 1 / 3
    assert metrics['EPE'] == pytest.approx((5 + 10 + 50) / 3)
    # thresholds 0, 1.5 ... 28.5 px: 16 are above 5 px and 13 above 10 px
    assert metrics['AUC'] == pytest.approx((16 + 13 + 0) / 20 / 3)
    normalized = [math.hypot(3 / 200, 4 / 100), 10 / 200]
    normalized.append(math.hypot(30 / 200, 40 / 100))
    assert metrics['NE'] == pytest.approx(sum(normalized) / 3)
    assert metrics['PDL@0.05'] == 1 / 3
    assert metrics['PDL@0.1'] == 2 / 3


def test_units_of_the_box():
    metrics = measure([(4, 0), (0, 4)], normalize='box', pdl_thrs=(0.06,))
    assert metrics['NE'] == pytest.approx((4 / 40 + 4 / 80) / 2)
    assert metrics['PDL@0.06'] == 0.5


def test_perfect():
    metrics = measure([(0, 0)] * 3)
    assert metrics['EPE'] == metrics['NE'] == 0
    assert metrics['PCK@0.05'] == metrics['PDL@0.05'] == 1
    # nothing is below the first of the 20 thresholds, 0 px
    assert metrics['AUC'] == pytest.approx(0.95)


def test_groups_and_nothing_to_measure():
    groups = {'near': np.array([True, False]), 'none': np.zeros(2, bool)}
    metrics = measure([(1, 0), (3, 0)], groups)
    assert metrics['EPE'] == 2
    assert metrics['EPE/near'] == 1
    assert {v for name, v in metrics.items() if '/none' in name} == {-1.0}
    assert set(measure(np.empty((0, 2))).values()) == {-1.0}
    assert all(type(value) is float for value in metrics.values())


def test_mean_over_types():
    errors = {'EPE': np.array([1.0, 1, 1, 5])}
    types = np.array([7, 7, 7, 0])
    assert mean_errors(errors)['EPE'] == 2
    means = mean_errors(errors, average='type', types=types)
    assert means['EPE'] == 3
    groups = {'a': types == 7, 'none': types < 0}
    means = mean_errors(errors, groups, average='type', types=types)
    assert means == {'EPE': 3, 'EPE/a': 1, 'EPE/none': -1}


@pytest.mark.parametrize(
    ('name', 'row', 'value', 'message'),
    [
        ('predicted', 2, np.nan, '1 of 4 rows have landmarks that are not'),
        ('predicted', 2, np.inf, 'is row 2'),
        ('truth', 2, -np.inf, 'is row 2'),
        ('boxes', 2, 5, 'boxes or images without area, the first is row 2'),
        ('sizes', 2, 0, 'boxes or images without area'),
        ('sizes', 2, np.nan, 'boxes or images without area'),
    ],
)
def test_what_cannot_be_measured_is_named(name, row, value, message):
    rows = {
        'predicted': np.ones((4, 2)),
        'truth': np.ones((4, 2)),
        'boxes': np.tile((0.0, 0, 9, 9), (4, 1)),
        'sizes': np.tile((9.0, 9), (4, 1)),
    }
    rows[name][row] = value
    with pytest.raises(ValueError, match=message):
        landmark_errors(**rows)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'image' or 'box', got 'w'"):
        measure([(0, 0)], normalize='w')
    with pytest.raises(ValueError, match="'landmark' or 'type', got 'item'"):
        mean_errors({}, average='item')
    with pytest.raises(ValueError, match='needs types'):
        mean_errors({}, average='type')


rows = st.tuples(
    *[st.floats(-500, 500, width=32)] * 4,  # predicted, truth
    *[st.integers(0, 300)] * 2,  # corner of the box
    *[st.integers(1, 300)] * 4,  # sides of the box, size of the image
)


@settings(max_examples=50, deadline=None)
@given(st.lists(rows, max_size=8), st.sampled_from(['image', 'box']))
def test_agrees_with_plain_loops(items, normalize):
    table = np.array(items, dtype=float).reshape(-1, 10)
    boxes = np.hstack((table[:, 4:6], table[:, 4:6] + table[:, 6:8]))
    metrics = mean_errors(
        landmark_errors(
            table[:, :2],
            table[:, 2:4],
            boxes,
            table[:, 8:],
            normalize=normalize,
        )
    )
    expected = dict.fromkeys(metrics, 0.0)
    for px, py, tx, ty, _, _, bw, bh, w, h in items:
        distance = math.sqrt((px - tx) ** 2 + (py - ty) ** 2)
        unit = (w, h) if normalize == 'image' else (bw, bh)
        x, y = (px - tx) / unit[0], (py - ty) / unit[1]
        off = math.sqrt(x**2 + y**2)  # hypot rounds in another way
        expected['EPE'] += distance
        expected['NE'] += off
        for i in range(20):
            expected['AUC'] += (distance / 30 < i / 20) / 20
        for name in metrics:
            kind, _, threshold = name.partition('@')
            if kind == 'PCK':
                expected[name] += distance / max(bw, bh) < float(threshold)
            elif kind == 'PDL':
                expected[name] += off < float(threshold)
    for name, value in metrics.items():
        mean = expected[name] / len(items) if items else -1
        assert value == pytest.approx(mean, abs=1e-9), name
