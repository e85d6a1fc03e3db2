# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Plain, slow versions of SCAN's layers that several test files use."""

import math
from types import SimpleNamespace

import pytest
import torch


def _attention(x, h, guide):
    """One clip (T, D) under one guide (D,), number by number."""
    pooled = torch.zeros(len(guide), dtype=x.dtype)
    for c in range(len(guide)):
        scores = [math.exp(guide[c] * h[t, c]) for t in range(len(x))]
        for t, score in enumerate(scores):
            pooled[c] += score / sum(scores) * x[t, c]
    return pooled


def _norm(norm, rows):
    """Batch normalisation with the statistics of the rows; updates norm."""
    mean, n = rows.mean(0), len(rows)
    variance = ((rows - mean) ** 2).sum(0) / n
    norm.running_mean.mul_(0.9).add_(0.1 * mean)
    norm.running_var.mul_(0.9).add_(0.1 * variance * n / (n - 1))
    return (rows - mean) / (variance + norm.eps).sqrt() * norm.weight + (
        norm.bias
    )


def _trained(build, *args, **kwargs):
    """Build a model with weights as after a training, in float64."""
    torch.manual_seed(0)
    model = build(*args, **kwargs).double()
    with torch.no_grad():
        for name, values in model.state_dict().items():
            if name.endswith('running_var'):
                values.uniform_(0.5, 2)
            elif not name.endswith('num_batches_tracked'):
                values.normal_()
    return model


def _buffers(model):
    """A copy of the running statistics."""
    return {
        name: value.clone()
        for name, value in model.named_buffers()
        if 'running' in name
    }


@pytest.fixture(scope='session')
def plain():
    """Functions: attention, norm, trained, buffers."""
    return SimpleNamespace(
        attention=_attention,
        norm=_norm,
        trained=_trained,
        buffers=_buffers,
    )
