# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The GPU on paper refuses what CUDA refuses, and allows the rest."""

import copy

import numpy as np
import pytest
import torch

from . import paper_amp  # noqa: F401  # autocast of the device
from .paper_gpu import NAME, DeviceError, PaperGPU, PaperTensor


@pytest.fixture(autouse=True)
def entered():
    with PaperGPU():
        yield


def there(*size):
    return torch.randn(*size, device=NAME)


ROWS = torch.tensor([0, 1])

REFUSED = {
    'sum': lambda: there(3) + torch.ones(3),
    'sum of a GPU number and rows of the CPU': (
        lambda: there(3).sum() + torch.ones(3)
    ),
    'cat': lambda: torch.cat([there(3), torch.ones(3)]),
    'stack of numbers': lambda: torch.stack([there(1)[0], torch.tensor(1.0)]),
    'where': lambda: torch.where(torch.ones(3) > 0, there(3), there(3)),
    'mask on the wrong side': (
        lambda: there(3).masked_fill(torch.ones(3) > 0, 0)
    ),
    'rows of a CPU tensor by an index of the GPU': (
        lambda: torch.ones(3)[ROWS.to(NAME)]
    ),
    'values of the CPU': lambda: there(3).index_put((ROWS,), torch.ones(2)),
    'index_select': lambda: there(3).index_select(0, ROWS),
    'gather': lambda: there(3).gather(0, ROWS),
    'scatter': lambda: there(3).scatter(0, ROWS, there(2)),
    'index_add': lambda: there(3).index_add(0, ROWS, there(2)),
    'weights of the CPU': lambda: torch.nn.Conv2d(1, 1, 1)(there(1, 1, 2, 2)),
    'embedding': lambda: torch.nn.Embedding(3, 2)(ROWS.to(NAME)),
    'loss': lambda: torch.nn.functional.mse_loss(there(3), torch.ones(3)),
    'out': lambda: torch.add(there(3), 1, out=torch.empty(3)),
    'generator': (
        lambda: torch.randn(3, device=NAME, generator=torch.Generator())
    ),
}
ALLOWED = {
    'sum with a number': lambda: there(3) * torch.tensor(2.0),
    'rows by an index of the CPU': lambda: there(3)[ROWS],
    'rows by a mask of the CPU': (
        lambda: there(3)[torch.tensor([True, False, True])]
    ),
    'number in place of values': (
        lambda: there(3).index_put((ROWS,), torch.tensor(1.0))
    ),
    'fill with a number': (
        lambda: there(3).masked_fill(there(3) > 0, torch.tensor(1.0))
    ),
    'copy': lambda: there(3).copy_(torch.ones(3)),
    'move': lambda: torch.ones(3).to(NAME) + there(3),
    'like': lambda: torch.zeros_like(there(3)) + there(3),
    'new': lambda: there(3).new_tensor([1, 2, 3]) + there(3),
    'data of its own': lambda: torch.tensor([1.0], device=NAME) + there(1),
    'shape in place': lambda: there(1, 3).squeeze_(0) + there(3),
}


@pytest.mark.parametrize('case', REFUSED)
def test_refused(case):
    with pytest.raises(DeviceError):
        REFUSED[case]()


@pytest.mark.parametrize('case', ALLOWED)
def test_allowed(case):
    out = ALLOWED[case]()
    assert isinstance(out, PaperTensor)
    assert out.device.type == NAME


@pytest.mark.parametrize(
    'convert', [lambda t: t.numpy(), np.asarray, np.array]
)
def test_numpy_needs_the_cpu(convert):
    with pytest.raises(TypeError, match=r'\.cpu\(\)'):
        convert(there(3))
    assert convert(there(3).cpu()).shape == (3,)


def test_values_are_those_of_the_cpu():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU()
    )
    image = torch.randn(2, 3, 8, 8)
    twin = copy.deepcopy(net).to(NAME)
    assert isinstance(twin[0].weight, torch.nn.Parameter)
    expected, found = net(image), twin(image.to(NAME))
    assert torch.equal(found.cpu(), expected)
    expected.sum().backward()
    found.sum().backward()
    assert twin[0].weight.grad.device.type == NAME
    assert torch.equal(twin[0].weight.grad.cpu(), net[0].weight.grad)
    for fused in (False, True):
        for model in (net, twin):
            torch.optim.AdamW(model.parameters(), fused=fused).step()
    assert torch.equal(twin[0].weight.cpu(), net[0].weight)


def test_autocast():
    a, b = there(2, 3), there(3, 4)
    with torch.autocast(NAME, torch.float16):
        product = a @ b
        assert product.dtype == torch.float16
        assert product.softmax(1).dtype == torch.float32
        assert torch.cat([product, product.float()]).dtype == torch.float32
        with torch.autocast(NAME, enabled=False):
            assert (a @ b).dtype == torch.float32
        with pytest.raises(RuntimeError, match='unsafe to autocast'):
            torch.nn.functional.binary_cross_entropy(
                a.sigmoid(), a.sigmoid().detach()
            )


def test_other_tests_have_no_such_device():
    # else what asks PyTorch for an accelerator, such as DataParallel, finds it
    assert torch.paper.is_available()
    PaperGPU.entered -= 1
    try:
        model = torch.nn.DataParallel(torch.nn.Linear(2, 2, device='cpu'))
        assert model.device_ids == []
    finally:
        PaperGPU.entered += 1
