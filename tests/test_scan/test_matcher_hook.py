# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The hook gives the model's matcher to the metrics that need one."""

from types import SimpleNamespace

import torch
from mmengine.evaluator import Evaluator
from mmengine.model import MMDistributedDataParallel

from mmfashion_ext.registry import HOOKS
from mmfashion_ext.scan.matcher_hook import MatcherHook
from mmfashion_ext.scan.metric import VideoReIDMetric


def test_metrics_get_the_matcher():
    model = SimpleNamespace(matcher=object())
    wrapped = object.__new__(MMDistributedDataParallel)
    torch.nn.Module.__init__(wrapped)
    wrapped.__dict__['module'] = model
    for outer, phase in ((model, 'val'), (wrapped, 'test')):
        # the second metric needs no matcher
        evaluator = Evaluator([VideoReIDMetric(), SimpleNamespace()])
        loop = SimpleNamespace(evaluator=evaluator)
        runner = SimpleNamespace(model=outer, **{f'{phase}_loop': loop})
        getattr(MatcherHook(), f'before_{phase}')(runner)
        assert evaluator.metrics[0].matcher is model.matcher
        assert not hasattr(evaluator.metrics[1], 'matcher')


def test_is_registered():
    assert HOOKS.module_dict['MatcherHook'] is MatcherHook
