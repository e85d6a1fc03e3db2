# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Hook that gives the model's matcher to the metric."""

from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from ..registry import HOOKS


@HOOKS.register_module()
class MatcherHook(Hook):
    """Give the model's matcher to the metrics that compare clips.

    An MMEngine metric has no access to the model, but SCAN compares two clips
    with layers of the model. Before each validation and test, this hook sets
    ``metric.matcher = model.matcher`` for every metric that has an attribute
    ``matcher`` (:class:`~.metric.VideoReIDMetric`).
    """

    def before_val(self, runner: Runner) -> None:
        """Set the matcher of the validation metrics."""
        _set_matcher(runner, runner.val_loop.evaluator)

    def before_test(self, runner: Runner) -> None:
        """Set the matcher of the test metrics."""
        _set_matcher(runner, runner.test_loop.evaluator)


def _set_matcher(runner: Runner, evaluator: Evaluator) -> None:
    model = runner.model
    if is_model_wrapper(model):
        model = model.module
    for metric in evaluator.metrics:
        if hasattr(metric, 'matcher'):
            metric.matcher = model.matcher
