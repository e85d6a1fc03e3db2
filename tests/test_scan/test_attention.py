# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Attention over the frames of clips against plain loops."""

import torch

from mmfashion_ext.scan.attention import (
    CollaborativePooling,
    SelfPooling,
    attend,
)

D, T = 4, 3


def clips(num, seed=0, frames=T):
    generator = torch.Generator().manual_seed(seed)
    shape = num, frames, D
    return torch.randn(shape, generator=generator, dtype=torch.double)


def test_attention_sums_to_one_over_time_for_each_channel():
    h, guide = clips(1)[0], clips(1, seed=1)[0, 0]
    ones = torch.ones(T, D, dtype=torch.double)
    torch.testing.assert_close(attend(ones, h, guide), ones[0])


def test_large_keys_do_not_overflow():
    """The softmax is shifted; the largest key takes all."""
    x = clips(1)[0]
    h = 1e4 * torch.eye(T, D, dtype=torch.double)
    found = attend(x, h, torch.ones(D, dtype=torch.double))
    expected = torch.stack([*x.diagonal(), x[:, 3].mean()])
    torch.testing.assert_close(found, expected)


def test_self_pooling(plain):
    x, h = clips(4), clips(4, seed=1)
    expected = [
        plain.attention(a, b, b.mean(0)) for a, b in zip(x, h, strict=True)
    ]
    torch.testing.assert_close(SelfPooling()(x, h), torch.stack(expected))


def test_collaborative_pooling(plain):
    x, h, guides = clips(3), clips(3, seed=1), clips(1, seed=2, frames=2)[0]
    found = CollaborativePooling()(x, h, guides)
    assert found.shape == (2, 3, D)
    for i, guide in enumerate(guides):
        for j in range(3):
            torch.testing.assert_close(
                found[i, j], plain.attention(x[j], h[j], guide)
            )


def test_gradients():
    x, h = clips(2).requires_grad_(), clips(2, seed=1).requires_grad_()
    guides = clips(1, seed=2)[0].requires_grad_()
    assert torch.autograd.gradcheck(SelfPooling(), (x, h))
    assert torch.autograd.gradcheck(CollaborativePooling(), (x, h, guides))
