# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""No test depends on the tests before it: what conftest.py puts back."""

import os
import random
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope

legacy = np.random.random  # the generator that hosts use
pytestmark = pytest.mark.fault(33)


@pytest.fixture(scope='module')
def drawn():
    """Numbers of a fixture that tests share."""
    return random.random(), legacy(), torch.rand(1).item()


def first_numbers():
    torch_number = torch.rand(1, generator=torch.Generator().manual_seed(0))
    return (
        random.Random(0).random(),
        np.random.RandomState(0).random_sample(),
        torch_number.item(),
    )


@pytest.mark.parametrize('turn', range(2))
def test_generators_are_set_before_each_test(turn, drawn):
    """Whether or not the shared fixture drew its numbers right before."""
    found = random.random(), legacy(), torch.rand(1).item()
    assert found == drawn == first_numbers()


@pytest.mark.parametrize('turn', range(2))
def test_a_test_leaves_nothing_behind(turn):
    """Either turn finds what the other one would have left."""
    assert DefaultScope.get_current_instance() is None
    assert not MMLogger.check_instance_created('left behind')
    assert 'LEFT_BEHIND' not in os.environ
    assert os.environ.get('HOME') != 'changed'
    assert not {'left behind'} & {*sys.path, *sys.argv}
    assert Path.cwd() != Path('/')
    assert cv2.getNumThreads() != 7
    assert torch.get_num_threads() != 7
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32
    assert not torch.are_deterministic_algorithms_enabled()
    DefaultScope.get_instance('left behind', scope_name='mmdet')
    MMLogger.get_instance('left behind')
    os.environ['LEFT_BEHIND'] = '1'
    os.environ['HOME'] = 'changed'
    sys.path.append('left behind')
    sys.argv.append('left behind')
    os.chdir('/')
    cv2.setNumThreads(7)
    torch.set_num_threads(7)
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True)


def test_the_order_can_be_shuffled(request, monkeypatch):
    (hooks,) = (
        plugin
        for plugin in request.config.pluginmanager.get_plugins()
        if getattr(plugin, '__file__', None)
        == str(Path(__file__).with_name('conftest.py'))
    )
    orders = []
    for seed in ('1', '1', '2'):
        monkeypatch.setenv('SHUFFLE', seed)
        order = list(range(20))
        hooks.pytest_collection_modifyitems(order)
        orders.append(order)
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2]) == list(range(20))
