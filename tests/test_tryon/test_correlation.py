# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Every way to correlate against the definition, number by number."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon import correlation as module
from mmfashion_ext.tryon.correlation import (
    correlation,
    correlation_banded,
    correlation_mmcv,
    correlation_plain,
)

WAYS = correlation, correlation_banded, correlation_plain


def maps(*shape, seed=0, dtype=torch.double):
    generator = torch.Generator().manual_seed(seed)
    pair = torch.randn((2, *shape), generator=generator, dtype=dtype)
    return pair.unbind()


def by_definition(first, second, radius):
    batch, channels, h, w = first.shape
    side = 2 * radius + 1
    out = first.new_zeros(batch, side**2, h, w)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            k = side * (dy + radius) + dx + radius
            for y in range(max(-dy, 0), min(h - dy, h)):
                for x in range(max(-dx, 0), min(w - dx, w)):
                    products = first[:, :, y, x] * second[:, :, y + dy, x + dx]
                    out[:, k, y, x] = products.sum(dim=1) / channels
    return out


@settings(max_examples=20, deadline=None)
@given(
    batch=st.integers(1, 3),
    channels=st.integers(1, 5),
    h=st.integers(1, 6),
    w=st.sampled_from([1, 2, 3, 15, 16, 17, 33]),
    radius=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_definition(batch, channels, h, w, radius, seed):
    first, second = maps(batch, channels, h, w, seed=seed)
    expected = by_definition(first, second, radius)
    for way in WAYS:
        torch.testing.assert_close(way(first, second, radius), expected)


def test_rows_are_slow_and_columns_fast():
    """A single point that moved by (dx, dy) = (2, -1)."""
    first, second = torch.zeros(2, 1, 1, 9, 20)
    first[..., 5, 10] = second[..., 4, 12] = 1
    for way in WAYS:
        got = way(first, second)
        assert got.nonzero().tolist() == [[0, 7 * (3 - 1) + 3 + 2, 5, 10]]
        assert got.sum() == 1


def test_gradients():
    pair = [x.requires_grad_() for x in maps(2, 3, 3, 17)]
    assert torch.autograd.gradcheck(
        lambda *x: correlation_banded(*x, 2), pair, fast_mode=True
    )
    weights = maps(2, 49, 3, 17)[0]
    found = [
        torch.autograd.grad((way(*pair) * weights).sum(), pair) for way in WAYS
    ]
    for other in found[:-1]:
        torch.testing.assert_close(other, found[-1])


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    """Sums over many channels stay finite; type as under autocast."""
    first, second = (30 * x for x in maps(1, 256, 4, 20, dtype=torch.float32))
    expected = correlation_plain(first, second)
    with torch.autocast('cpu', dtype):
        got = correlation(first, second)
        mixed = correlation(first, second.to(dtype))
    assert got.dtype == mixed.dtype == dtype
    for x in (got, mixed, correlation(first.to(dtype), second.to(dtype))):
        difference = (x.float() - expected).norm() / expected.norm()
        assert difference < 4 * torch.finfo(dtype).eps


class Largest(TorchDispatchMode):
    """Elements of the largest tensor that is made."""

    def __init__(self):
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for x in out if isinstance(out, (list, tuple)) else [out]:
            if isinstance(x, torch.Tensor) and not x._is_view():
                self.elements = max(self.elements, x.numel())
        return out


def test_no_copy_for_every_shift():
    pair = [x.requires_grad_() for x in maps(1, 64, 16, 48)]
    with Largest() as largest:
        correlation_banded(*pair).sum().backward()
    assert largest.elements < 2 * pair[0].numel()


@pytest.mark.filterwarnings('ignore::torch.jit.TracerWarning')
def test_a_graph_serves_any_size():
    graph = torch.jit.trace(correlation, maps(2, 4, 5, 20), check_trace=False)
    for b, h, w in ((2, 5, 20), (3, 9, 6), (2, 4, 50), (1, 1, 1)):
        pair = maps(b, 4, h, w)
        torch.testing.assert_close(graph(*pair), correlation_plain(*pair))


def test_mmcv_without_cuda_is_not_taken(monkeypatch):
    if module._mmcv_op() is None:
        first, second = maps(1, 2, 3, 4)
        assert correlation(first, second).shape == (1, 49, 3, 4)
    monkeypatch.setitem(__import__('sys').modules, 'mmcv.ops', None)
    module._mmcv_op.cache_clear()
    assert module._mmcv_op() is None
    module._mmcv_op.cache_clear()


@pytest.mark.skipif(
    not torch.cuda.is_available() or module._mmcv_op() is None,
    reason='needs a GPU and MMCV compiled for it',
)
@pytest.mark.parametrize(
    'dtype', [torch.float32, torch.float16, torch.bfloat16]
)
@pytest.mark.parametrize('shape', [(2, 256, 9, 21), (1, 33, 64, 48)])
def test_mmcv_equals_banded(shape, dtype):
    eps = torch.finfo(dtype).eps
    pair = [x.cuda().to(dtype) for x in maps(*shape, dtype=torch.float32)]
    pair = [x.requires_grad_() for x in pair]
    weights = torch.randn(shape[0], 49, *shape[2:], device='cuda', dtype=dtype)
    found = [
        (out := way(*pair), *torch.autograd.grad((out * weights).sum(), pair))
        for way in (correlation_mmcv, correlation_banded)
    ]
    for ours, theirs in zip(*found, strict=True):
        difference = (ours.float() - theirs.float()).norm()
        assert difference / theirs.float().norm() < 8 * eps
    assert torch.equal(correlation(*pair), found[0][0])


def test_without_the_cuda_kernel_its_function_says_so(monkeypatch):
    monkeypatch.setattr(module, '_mmcv_op', lambda: None)
    with pytest.raises(UserError, match='needs MMCV compiled for CUDA'):
        correlation_mmcv(*maps(1, 2, 3, 4))
