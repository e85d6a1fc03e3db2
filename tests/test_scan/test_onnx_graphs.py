# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The graph of the pair similarity is the matcher, with any pooling."""

import pytest
import torch

pytest.importorskip('mmengine')
from mmfashion_ext.scan.clip_features import ClipFeatures
from mmfashion_ext.scan.matcher import POOLINGS, SCANMatcher
from mmfashion_ext.scan.onnx_graphs import PairGraph


@pytest.mark.parametrize('pooling', POOLINGS)
@torch.no_grad()
def test_pairs(pooling):
    torch.manual_seed(0)
    matcher = SCANMatcher(raw_channels=6, channels=4, pooling=pooling).eval()
    matcher.classifier.norm.running_var.uniform_(0.01, 0.1)
    torch.nn.init.normal_(matcher.classifier.linear.weight)
    query = ClipFeatures(*torch.randn(2, 5, 3, 4))
    gallery = ClipFeatures(*torch.randn(2, 6, 2, 4))
    expected = matcher.distances(query, gallery)
    found = PairGraph(matcher)(*query, *gallery)
    assert expected.std() > 0.05
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-5)
