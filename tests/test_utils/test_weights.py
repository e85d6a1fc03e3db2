# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Strict loading: a report of what did not fit, parts that need not."""

import pytest
import torch
from torch import nn

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.weights import Partial, load_state

pytestmark = pytest.mark.fault(5)


def network(width=3):
    return nn.ModuleDict(
        {
            'warp': nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4)),
            'generator': nn.Linear(4, width),
        }
    )


def weights_of(model, *beginnings):
    return {
        name: value + 1
        for name, value in model.state_dict().items()
        if name.startswith(beginnings)
    }


def test_all_weights_fit():
    model = network()
    report = load_state(model, weights_of(network(), ''))
    assert report.fits
    assert report.share == 1
    assert str(report) == '100% of the model loaded'


def test_what_does_not_fit_is_counted_and_named():
    weights = weights_of(network(5), '') | {'extra': torch.ones(1)}
    del weights['warp.0.bias']
    report = load_state(network(), weights)
    assert not report.fits
    assert report.missing == ['warp.0.bias']
    assert report.unexpected == ['extra']
    assert report.wrong_shape[0] == 'generator.weight [5, 4] instead of [3, 4]'
    assert len(report.wrong_shape) == 2
    # 8 + 8 + 9 of 12 + 17 + 15 - 4 ...
    sizes = {n: v.numel() for n, v in network().state_dict().items()}
    lost = sizes['warp.0.bias'] + sizes['generator.weight']
    lost += sizes['generator.bias']
    assert report.share == pytest.approx(1 - lost / sum(sizes.values()))
    assert str(report).startswith('1 missing: warp.0.bias; 2 of the wrong')
    assert '1 unknown: extra (' in str(report)


def test_a_new_part_keeps_its_initialisation():
    """Whether the file lacks it or has it for another number of classes."""
    partial = Partial(new=['generator.'])
    for weights in (
        weights_of(network(), 'warp.'),
        weights_of(network(5), 'warp.', 'generator.'),
    ):
        model = network()
        first = model['generator'].weight.clone()
        report = load_state(model, weights, partial)
        assert report.fits
        assert report.new == ['generator.weight', 'generator.bias']
        assert torch.equal(model['generator'].weight, first)
        assert torch.equal(model['warp'][0].bias, weights['warp.0.bias'])
        assert str(report).endswith('new: generator.weight, generator.bias')
    # it is loaded where it fits
    weights = weights_of(network(), '')
    assert load_state(model, weights, partial).share == 1
    assert torch.equal(model['generator'].weight, weights['generator.weight'])


def test_other_parts_are_as_strict_as_without():
    partial = Partial(new=['generator.'], unused=['mask.'])
    weights = weights_of(network(), 'generator.') | {'mask.a': torch.ones(1)}
    report = load_state(network(), weights, partial)
    assert not report.fits
    assert report.unused == ['mask.a']
    assert len(report.missing) == 6
    weights = weights_of(network(), '') | {'mask.a': torch.ones(1)}
    assert load_state(network(), weights, partial).fits


def test_a_new_part_that_the_model_does_not_have_is_a_mistake():
    with pytest.raises(UserError, match=r"new: no weight .* 'generater\.'"):
        load_state(network(), {}, Partial(new=['generater.']))


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        (True, 'load_from_partial: expected a dict with new, unused'),
        (dict(news=['a']), 'load_from_partial: expected a dict'),
        (dict(new='generator.'), r'load_from_partial\.new: expected a list'),
        (dict(new=['']), r'load_from_partial\.new: expected a list'),
    ],
)
def test_the_setting_of_a_config(value, message):
    assert Partial.from_config(None) == Partial()
    given = Partial.from_config(dict(new=['a.']))
    assert given == Partial(new=('a.',))
    with pytest.raises(UserError, match=message):
        Partial.from_config(value)


def test_layers_that_cope_with_missing_weights_do_so():
    """Batch normalisation before PyTorch 0.4.1 did not count its batches."""
    weights = weights_of(network(), '')
    del weights['warp.1.num_batches_tracked']
    assert load_state(network(), weights).fits
