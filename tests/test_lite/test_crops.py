# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Crops and decoding equal those of mmpose."""

import numpy as np
import pytest

pytest.importorskip('mmpose')
from mmpose.codecs import UDPHeatmap
from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine

from mmfashion_ext.lite.crops import crop, decode_heatmaps


@pytest.mark.parametrize(
    'box', [[3.5, 4, 60, 90], [-10, 20, 90, 50.25], [0, 0, 100, 120]]
)
def test_crops(box):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (120, 100, 3), np.uint8)
    box = np.float32(box)
    results = {'img': image, 'bbox': box[None]}
    results = GetBBoxCenterScale(padding=1.25)(results)
    results = TopdownAffine(input_size=(48, 64), use_udp=True)(results)
    found, center, sides = crop(image, box, [48, 64], 1.25)
    assert np.array_equal(found, results['img'])
    np.testing.assert_array_equal(center, results['input_center'])
    np.testing.assert_allclose(sides, results['input_scale'], rtol=1e-6)


def test_heatmaps():
    rng = np.random.default_rng(0)
    codec = UDPHeatmap((48, 64), (24, 32), sigma=1.5, blur_kernel_size=7)
    points = rng.uniform(-3, 66, (1, 20, 2)).astype(np.float32)
    maps = codec.encode(points)['heatmaps']
    maps += rng.normal(0, 0.02, maps.shape).astype(np.float32)
    maps[3] = -1  # nothing is likely
    expected, scores = codec.decode(maps)
    found, maxima = decode_heatmaps(maps, 7, [48, 64])
    np.testing.assert_allclose(found, expected[0], atol=1e-3)
    np.testing.assert_array_equal(maxima, scores[0])
    inside = (scores[0] > 0.8) & (points[0] > 4).all(1)
    inside &= (points[0] < [44, 60]).all(1)
    assert inside.any()
    assert np.median(np.abs(found - points[0])[inside]) < 1
