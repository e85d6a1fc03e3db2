# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Work is counted exactly, speed is a median, conditions are told."""

import os

import pytest

pytest.importorskip('mmpose')
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.zoo import profile as module
from mmfashion_ext.zoo.example_inputs import Example
from mmfashion_ext.zoo.profile import (
    Profile,
    profile_model,
    speed_entry,
    system_of,
)

SMALL = 'td-hm-udp_r18-small_1xb32-10e_synthetic-128x96'


def test_multiply_adds_of_layers_that_are_known():
    layer = torch.nn.Conv2d(3, 8, 3, padding=1, bias=False)
    example = Example((torch.ones(1, 3, 10, 20),), 1, 'images', '')
    assert module._multiply_adds(layer, example) == 10 * 20 * 3 * 8 * 9
    linear = torch.nn.Linear(7, 5, bias=False)
    example = Example((torch.ones(4, 7),), 4, 'images', '')
    assert module._multiply_adds(linear, example) == 7 * 5


def test_speed_is_the_median_of_the_calls(monkeypatch):
    clock, times = [0.0], [9.0, 9.0, 0.1, 5.0, 0.2]  # two to warm up

    def infer(image):
        clock[0] += times.pop(0)

    monkeypatch.setattr(module.time, 'perf_counter', lambda: clock[0])
    example = Example((None,), 2, 'images', '')
    # no more than three calls, since these have taken long enough
    assert module._per_second(infer, example, 1.0) == pytest.approx(2 / 0.2)
    assert times == []


def test_a_model_is_profiled(monkeypatch):
    monkeypatch.setattr(os, 'getloadavg', lambda: (0.0, 0.0, 0.0))
    found = profile_model(SMALL, 'cpu', seconds=0)
    assert found.parameters == 915142
    # 128 x 96 px through the network, twice for the flipped image
    assert 0.1e9 < found.multiply_adds < 1e9
    assert found.per_second == 0
    assert found.unit == 'garments'
    assert found.conditions['weights'] == 'random'
    assert found.conditions['threads'] == torch.get_num_threads()
    assert 'cores' in found.conditions['device']


def test_a_busy_machine_is_named(monkeypatch):
    monkeypatch.setattr(os, 'getloadavg', lambda: (100.0, 0.0, 0.0))
    with pytest.warns(UserWarning, match=r'load 100\.0 on \d+ cores'):
        module._warn_of_load()


def test_entry_of_a_metafile():
    conditions = {'device': 'CPU', 'input': 'one image', 'PyTorch': '2'}
    found = Profile(1, 2, 12.3456, 'images', conditions)
    assert speed_entry(found) == {
        'Value': 12.3,
        'Unit': 'images a second',
        'Device': 'CPU',
        'Input': 'one image',
        'Software': 'PyTorch 2',
    }
    assert str(found).startswith('12.3 images a second (device CPU, input')
    conditions['threads'] = 2
    assert speed_entry(found)['Threads'] == 2


def test_system_of_a_name_and_of_a_users_config(tmp_path):
    assert system_of(SMALL) == 'landmark'
    own = tmp_path / 'own.py'
    own.write_text(
        f"_base_ = __import__('mmfashion_ext').config_path({SMALL!r})\n"
    )
    assert system_of(str(own)) == 'landmark'
    with pytest.raises(UserError, match='no config'):
        system_of('no-such-model')
