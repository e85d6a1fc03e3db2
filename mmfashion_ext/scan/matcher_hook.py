# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What validation and test need of the model."""

from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from ..registry import HOOKS


@HOOKS.register_module()
class MatcherHook(Hook):
    """Lend the model's matcher to the metrics that compare clips.

    An MMEngine metric sees predictions, never the model; but SCAN compares
    two clips with layers of its own. Every metric with an attribute
    ``matcher`` (:class:`~.metric.VideoReIDMetric`) gets ``model.matcher``
    before each validation and test.
    """

    def before_val(self, runner: Runner) -> None:
        """Give the matcher to the metrics of the validation."""
        _lend(runner, runner.val_loop.evaluator)

    def before_test(self, runner: Runner) -> None:
        """Give the matcher to the metrics of the test."""
        _lend(runner, runner.test_loop.evaluator)


def _lend(runner: Runner, evaluator: Evaluator) -> None:
    model = runner.model
    if is_model_wrapper(model):
        model = model.module
    for metric in evaluator.metrics:
        if hasattr(metric, 'matcher'):
            metric.matcher = model.matcher
