# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""ImageNet weights of timm models, converted to those of TimmBackbone."""

import runpy

import pytest
import timm
import torch

from mmfashion_ext.hub import root
from mmfashion_ext.match_rcnn import TimmBackbone
from mmfashion_ext.match_rcnn.backbone_converter import convert_timm_weights
from mmfashion_ext.utils.checkpoint import CheckpointError

NAME = 'tf_efficientnet_lite0'


@pytest.fixture(scope='module')
def whole():
    """The whole model of timm, with statistics that are not 0 and 1."""
    torch.manual_seed(0)
    model = timm.create_model(NAME, pretrained=False).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 2)
            module.bias.data.normal_(0, 0.1)
    return model


@pytest.fixture(scope='module')
def features(whole):
    """The pyramid of that model as timm computes it."""
    model = timm.create_model(
        NAME, pretrained=False, features_only=True, out_indices=(2, 3, 4)
    ).eval()
    own = model.state_dict()
    state = whole.state_dict()
    model.load_state_dict({name: state[name] for name in own})
    return model


def test_converted_weights_give_the_features_of_timm(
    whole, features, tmp_path
):
    path = tmp_path / 'timm.pth'
    torch.save(whole.state_dict(), path)
    backbone = TimmBackbone(NAME, out_indices=(2, 3, 4)).eval()
    backbone.load_state_dict(convert_timm_weights(path, NAME))
    images = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected, found = features(images), backbone(images)
    assert [tuple(f.shape) for f in found] == [
        (1, 40, 8, 12),
        (1, 112, 4, 6),
        (1, 320, 2, 3),
    ]
    for one, other in zip(expected, found, strict=True):
        assert (one - other).abs().max() < 1e-4 * one.abs().max()


def test_weights_in_the_same_order_under_other_names(whole, tmp_path):
    state = whole.state_dict()
    torch.save(state, tmp_path / 'a.pth')
    torch.save(
        {f'net.{i}': weight for i, weight in enumerate(state.values())},
        tmp_path / 'b.pth',
    )
    one = convert_timm_weights(tmp_path / 'a.pth', NAME)
    other = convert_timm_weights(tmp_path / 'b.pth', NAME)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize('change', ['fewer', 'shape'])
def test_refuses_weights_of_another_model(whole, tmp_path, change):
    state = dict(whole.state_dict())
    if change == 'fewer':
        state.pop('classifier.bias')
        message = 'entries'
    else:
        state['conv_stem.weight'] = torch.zeros(8, 3, 3, 3)
        message = r'conv_stem.weight .* \(8, 3, 3, 3\)'
    torch.save(state, tmp_path / 'x.pth')
    with pytest.raises(CheckpointError, match=message):
        convert_timm_weights(tmp_path / 'x.pth', NAME)


def test_tool_writes_a_checkpoint(whole, tmp_path, capsys):
    torch.save(whole.state_dict(), tmp_path / 'timm.pth')
    out = tmp_path / 'new' / 'lite0.pth'
    argv = [str(tmp_path / 'timm.pth'), '--model', NAME, '--out', str(out)]
    tool = root() / 'tools/model_converters/timm_backbone.py'
    runpy.run_path(str(tool))['main'](argv)
    assert '96 weights' in capsys.readouterr().out
    state = torch.load(out, weights_only=True)['state_dict']
    TimmBackbone(NAME).load_state_dict(state)
