# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Shapes and the order of the pyramid; test_warp_net.py has the numbers."""

import torch

from mmfashion_ext.tryon.feature_pyramid import (
    DownBlock,
    Encoder,
    PreActivationBlock,
    Pyramid,
)

WIDTHS = 4, 6, 8, 8, 8


def test_features_run_from_coarse_to_fine():
    features = Encoder(3, WIDTHS).eval()(torch.rand(2, 3, 64, 32))
    assert [tuple(x.shape) for x in features] == [
        *((2, 8, 2, 1), (2, 8, 4, 2), (2, 8, 8, 4)),
        *((2, 6, 16, 8), (2, 4, 32, 16)),
    ]
    outputs = Pyramid(WIDTHS, 5)(features)
    assert [x.shape[2:] for x in outputs] == [x.shape[2:] for x in features]
    assert {x.shape[1] for x in outputs} == {5}


def test_finer_levels_get_the_smoothed_output():
    """Unlike in the usual pyramid, where they get what is smoothed."""
    torch.manual_seed(0)
    pyramid = Pyramid((4, 4), 3).double()
    coarse, fine = (torch.rand(1, 4, n, n).double() for n in (2, 4))
    outputs = pyramid([coarse, fine])
    smoothed = pyramid.smooth[0](pyramid.lateral[0](coarse))
    torch.testing.assert_close(outputs[0], smoothed)
    repeated = smoothed.repeat_interleave(2, 2).repeat_interleave(2, 3)
    expected = pyramid.smooth[1](pyramid.lateral[1](fine) + repeated)
    torch.testing.assert_close(outputs[1], expected)


def test_activation_comes_before_the_convolutions():
    """Negative inputs reach nothing but the shortcut."""
    x = -torch.rand(1, 3, 4, 4)
    assert not DownBlock(3, 5).eval()(x).any()
    block = PreActivationBlock(3).eval()
    torch.nn.init.constant_(block.bn2.bias, -1)
    assert torch.equal(block(x), x)
