# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Threads that build models of different hosts do not disturb each other."""

import threading

import pytest
import torch

pytest.importorskip('mmdet')
pytest.importorskip('mmpose')
from mmengine.registry import DefaultScope

from mmfashion_ext import hub
from mmfashion_ext.hub import get_model
from mmfashion_ext.utils.host_scope import host_scope, read_config

NAMES = [
    'scan_r10-small_1xb32-12e_synthetic-64x32',
    'td-hm-udp_r18-small_1xb32-10e_synthetic-128x96',
    'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160',
    'pf-afn_warp-small_1xb4-16e_synthetic-128x96',
]


def test_the_scope_before_returns():
    with host_scope('mmpose'):
        with host_scope('mmdet'):
            assert DefaultScope.get_current_instance().scope_name == 'mmdet'
        assert DefaultScope.get_current_instance().scope_name == 'mmpose'
        with host_scope(None):
            assert DefaultScope.get_current_instance().scope_name == 'mmpose'
    with pytest.raises(KeyError), host_scope('mmdet'):
        raise KeyError
    assert not DefaultScope._instance_dict


@pytest.mark.fault(26)
def test_threads_build_models_of_all_hosts_and_leave_nothing(tmp_path):
    files = {}
    for name in NAMES:
        files[name] = tmp_path / f'{name}.pth'
        torch.save({'state_dict': get_model(name).state_dict()}, files[name])
    errors = []

    def build(name):
        try:
            for _ in range(2):
                get_model(name, files[name])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=build, args=(n,)) for n in NAMES * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert not DefaultScope._instance_dict


def test_configs_are_read():
    path = hub.config_path(NAMES[0])
    assert read_config(path).filename == path
