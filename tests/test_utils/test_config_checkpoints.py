# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Checkpoints that configs and models name are checked before a host reads."""

import os

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.model import BaseModule, PretrainedInit
from torch import nn

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.checkpoint import (
    CheckpointError,
    UnsafeCheckpointError,
)
from mmfashion_ext.utils.config_checkpoints import (
    check_initializers,
    check_model_config,
    check_named_files,
    checked_file,
)

pytestmark = pytest.mark.fault(1)


class Payload:
    """Creates a folder when an ordinary unpickler reads it."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.fixture
def evil(tmp_path):
    """A checkpoint with a payload; fails if the payload ran."""
    path, marker = tmp_path / 'evil.pth', tmp_path / 'executed'
    torch.save({'state_dict': {'w': Payload(marker)}}, path)
    yield str(path)
    assert not marker.exists()


@pytest.fixture
def downloads(tmp_path, monkeypatch):
    """What was asked for; every download is a good file."""
    asked = []
    good = tmp_path / 'good.pth'
    torch.save({'weight': torch.ones(1)}, good)

    def download(url):
        asked.append(url)
        return good

    monkeypatch.setattr(
        'mmfashion_ext.utils.checkpoint.cached_download', download
    )
    asked.append(str(good))
    return asked


class Net(BaseModule):
    """Two layers."""

    def __init__(self, init_cfg=None):
        super().__init__(init_cfg)
        self.first = nn.Linear(3, 3)
        self.second = nn.Linear(3, 3)


@pytest.mark.parametrize(
    'named',
    [
        {'init_cfg': {'type': 'Pretrained', 'checkpoint': '{}'}},
        {'init_cfg': [{'type': 'x'}, {'override': [{'checkpoint': '{}'}]}]},
        {'pretrained': '{}'},
        {'teacher_ckpt': '{}'},
        {'student': [{'vision_encoder_weight': '{}'}]},
        {'whatever': '{}'},
    ],
)
def test_a_file_with_code_is_found_wherever_it_is_named(named, evil):
    named = eval(repr(named).replace('{}', evil))
    for check, config in (
        (check_model_config, {'type': 'Net', **named}),
        (check_named_files, {'model': {'type': 'mmfashion_ext.X', **named}}),
        (check_named_files, {'custom_hooks': [{'type': 'Hook', **named}]}),
    ):
        with pytest.raises(UnsafeCheckpointError, match='refused'):
            check(ConfigDict(config))


def test_what_is_not_there_is_left_to_those_who_read_it(evil):
    config = ConfigDict(
        type='Net',
        out_file='new.pth',
        weights='DEFAULT',
        pretrained=True,
        backbone={'init_cfg': {'type': 'Pretrained', 'checkpoint': 'no.pth'}},
    )
    assert check_model_config(config) == config
    check_named_files(config)


def test_urls_of_constructors_become_checked_files(downloads):
    good = downloads.pop()
    url = 'https://x.org/teacher.pth'
    pretrained = {'type': 'Pretrained', 'checkpoint': url}
    config = ConfigDict(
        type='Net',
        teacher_ckpt=url,
        pretrained=url,
        backbone={'init_cfg': pretrained},
        ours={'type': 'mmfashion_ext.Student', 'teacher_checkpoint': url},
    )
    checked = check_model_config(config)
    assert checked.teacher_ckpt == good
    assert config.teacher_ckpt == url, 'the config is not changed'
    # these are read when a training starts, not for a test
    assert checked.pretrained == url
    assert checked.backbone.init_cfg.checkpoint == url
    assert checked.ours.teacher_checkpoint == url
    assert downloads == [url]


def test_names_of_mmengines_schemes(downloads, monkeypatch):
    good = downloads.pop()
    assert checked_file('torchvision://resnet18') == good
    assert checked_file('open-mmlab://detectron2/resnet50_caffe') == good
    assert checked_file('mmcls://mobilenet_v2') == good
    assert 'resnet18' in downloads[0]
    assert all(url.startswith('https://') for url in downloads)
    message = r'torchvision://resnet51: .*no such model. Did you mean resnet'
    with pytest.raises(CheckpointError, match=message):
        checked_file('torchvision://resnet51')
    with pytest.raises(CheckpointError, match=r'only files, http'):
        checked_file('s3://bucket/x.pth')


@pytest.mark.parametrize('kind', ['Pretrained', PretrainedInit])
def test_initialisers_of_a_model_become_checked_files(downloads, kind):
    good = downloads.pop()
    inner = nn.Sequential(Net())
    torch.save(Net().state_dict(), good)
    url = 'https://x.org/net.pth'
    init_cfg = ConfigDict(type=kind, checkpoint=url)
    inner[0].init_cfg = [{'type': 'Normal', 'layer': 'Linear'}, init_cfg]
    inner[0].pretrained = url
    check_initializers(inner)
    assert inner[0].init_cfg[1].checkpoint == good
    assert inner[0].pretrained == good
    assert init_cfg.checkpoint == url
    inner[0].init_weights()


def test_backbones_of_classifiers(downloads):
    good = downloads.pop()
    weights = {f'backbone.{k}': v for k, v in Net().state_dict().items()}
    torch.save({'state_dict': weights}, good)
    net = Net({'type': 'Pretrained', 'checkpoint': 'mmcls://mobilenet_v2'})
    check_initializers(net)
    net.init_weights()
    assert torch.equal(net.first.weight, weights['backbone.first.weight'])


@pytest.mark.fault(5)
def test_weights_of_another_network_do_not_initialise(tmp_path):
    """MMEngine would leave them out and train from random weights."""
    path = tmp_path / 'other.pth'
    torch.save({'backbone.first.weight': torch.ones(3, 3)}, path)
    pretrained = {'type': 'Pretrained', 'checkpoint': str(path)}
    message = (
        r'model\.0\.init_cfg\.checkpoint: .*other\.pth has 0 of the 4 weights '
        r'of Net \(0% of its numbers\): it is of another network'
    )
    with pytest.raises(UserError, match=message):
        check_initializers(nn.Sequential(Net(pretrained)))
    with pytest.raises(UserError, match=r'1 of the 4 .* below backbone\.'):
        check_initializers(Net({**pretrained, 'prefix': 'backbone'}))
    # a part may be left out, such as the layer for another input
    weights = Net().state_dict() | {'first.weight': torch.ones(3, 4)}
    torch.save(weights, path)
    check_initializers(Net(pretrained))
    with pytest.raises(UserError, match=r'gone\.pth.*is not a file; the tra'):
        check_initializers(
            Net({'type': 'Pretrained', 'checkpoint': 'gone.pth'})
        )
