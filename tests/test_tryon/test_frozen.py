# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import copy
import pickle

import pytest
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from mmfashion_ext.tryon.frozen import Frozen


class Student(nn.Module):
    def __init__(self):
        super().__init__()
        self.own = nn.Conv2d(3, 4, 1)
        self.helper = Frozen(
            nn.Sequential(
                nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2), nn.Dropout(0.5)
            )
        )

    def forward(self, x):
        return self.helper(self.own(x))


@pytest.fixture
def student():
    torch.manual_seed(0)
    return Student()


@pytest.fixture
def x():
    return torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(1))


def test_owner_does_not_know_of_it(student):
    own = ['own.weight', 'own.bias']
    assert list(student.state_dict()) == own
    assert [name for name, _ in student.named_parameters()] == own
    assert not list(student.buffers())
    assert not any(isinstance(m, nn.BatchNorm2d) for m in student.modules())
    student.load_state_dict(student.state_dict(), strict=True)


def test_it_never_learns(student, x):
    student.train()
    before = copy.deepcopy(student.helper.module.state_dict())
    assert torch.equal(student(x), student(x)), 'no dropout'
    student.requires_grad_()
    student(x).sum().backward()
    assert student.own.weight.grad.abs().sum() > 0
    for parameter in student.helper.module.parameters():
        assert not parameter.requires_grad
        assert parameter.grad is None
    for name, value in student.helper.module.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_it_follows_to_a_type_and_a_device(student):
    student.double()
    for tensor in student.helper.module.state_dict().values():
        assert tensor.dtype in (torch.double, torch.long)
    student.to(torch.float16)
    assert student.helper.module[0].weight.dtype == torch.float16
    assert not student.helper.module[0].weight.requires_grad
    student.to('meta')
    for tensor in student.helper.module.state_dict().values():
        assert tensor.device.type == 'meta'


def test_channels_last_reaches_it(student):
    student.helper = Frozen(nn.Conv2d(4, 2, 3))
    student.to(memory_format=torch.channels_last)
    weight = student.helper.module.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA')
def test_it_follows_to_the_gpu_and_back(student, x):
    expected = student(x)
    torch.testing.assert_close(student.cuda()(x.cuda()).cpu(), expected)
    torch.testing.assert_close(student.cpu()(x), expected)


@pytest.mark.parametrize(
    'copied', [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_are_their_own(student, x, copied):
    other = copied(student)
    assert torch.equal(other(x), student(x))
    other.double()
    assert student.helper.module[0].weight.dtype == torch.float32
    assert not other.helper.module.training
    assert not other.helper.module[0].weight.requires_grad


def test_sync_batch_norm_is_not_put_into_it(student):
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(student)
    assert type(converted.helper.module[1]) is nn.BatchNorm2d


def test_data_parallel_wrapper_ignores_it(student, x):
    distributed.init_process_group(
        'gloo', store=distributed.HashStore(), rank=0, world_size=1
    )
    try:
        wrapped = DistributedDataParallel(student)
        wrapped(x).sum().backward()
        assert len(list(wrapped.parameters())) == 2
    finally:
        distributed.destroy_process_group()
    assert student.own.weight.grad.abs().sum() > 0


def test_it_is_named_in_a_print(student):
    assert '(helper): Frozen(Sequential)' in repr(student)
