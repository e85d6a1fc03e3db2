# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Parts of the student give the whole; test_onnx_export.py exports them."""

import pytest
import torch

pytest.importorskip('mmengine')
from mmfashion_ext.hub import get_model
from mmfashion_ext.tryon.inference.onnx_graphs import (
    ClothGraph,
    DressGraph,
    PersonGraph,
    TryOnGraph,
    keeps_photograph,
)


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    return get_model(
        'pf-afn-mobile_supervised_1xb8-2e_synthetic-128x96',
        **{
            'model.warp_net.widths': (4, 4, 4, 8, 8),
            'model.warp_net.channels': 8,
            'model.generator.widths': (4, 4, 4, 8, 8),
        },
    ).eval()


@torch.no_grad()
def test_parts_of_a_network_that_keeps_the_photograph(model):
    """They give the whole network's images, and what composes them."""
    person, cloth = torch.rand(2, 2, 3, 64, 96)
    mask = (torch.rand(2, 1, 64, 96) > 0.3).float()
    maps = (*PersonGraph(model)(person), *ClothGraph(model)(cloth, mask))
    dress = DressGraph(model)
    outputs = dict(
        zip(dress.outputs, dress(person, cloth, mask, *maps), strict=True)
    )
    for found, expected in zip(
        outputs.values(), TryOnGraph(model)(person, cloth, mask), strict=False
    ):
        torch.testing.assert_close(found, expected)
    assert keeps_photograph(model)
    assert outputs['flow'].shape == (2, 2, 64, 96)
    weight = outputs['cloth_logits'].sigmoid() * outputs['warped_mask']
    new = outputs['warped_cloth'] * weight + outputs['rendered'] * (1 - weight)
    changed = outputs['changed']
    composed = new * changed + person * (1 - changed)
    torch.testing.assert_close(composed, outputs['try_on'])
