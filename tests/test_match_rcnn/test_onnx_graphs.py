# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""RoI features of the traced graph; test_onnx_export.py runs all graphs."""

import pytest

pytest.importorskip('mmdet')
import torch
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor

from mmfashion_ext.formats.deepfashion2.constants import CATEGORIES
from mmfashion_ext.match_rcnn.onnx_graphs import RoIGraph, _landmark_rows


@pytest.mark.parametrize('strides', [[8], [8, 16, 32]])
@pytest.mark.parametrize('sampling_ratio', [0, 2])
def test_reads_what_mmdet_reads(strides, sampling_ratio):
    layer = {
        'type': 'RoIAlign',
        'output_size': 7,
        'sampling_ratio': sampling_ratio,
    }
    extractor = SingleRoIExtractor(layer, 4, strides, finest_scale=20)
    generator = torch.Generator().manual_seed(0)
    maps = tuple(
        torch.randn(1, 4, 128 // s, 160 // s, generator=generator)
        for s in strides
    )
    corner = torch.rand(30, 2, generator=generator) * 60
    sides = torch.rand(30, 2, generator=generator) * 90 + 2
    boxes = torch.cat([corner, corner + sides], 1)
    rois = torch.cat([torch.zeros(30, 1), boxes], 1)
    graph = RoIGraph(extractor)
    torch.testing.assert_close(graph(maps, boxes), extractor(maps, rois))
    assert graph(maps, boxes[:0]).shape == (0, 4, 7, 7)


def test_rows_are_the_landmarks_of_the_category():
    rows = _landmark_rows()
    assert rows.shape == (13, 39)
    for row, category in zip(rows.tolist(), CATEGORIES, strict=True):
        part = range(294)[category.slice]
        assert row[: len(part)] == [*part]
        assert {*row} == {*part}
