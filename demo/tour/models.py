# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Models of the demo: the published one of a task, or one without weights."""

from dataclasses import dataclass

from mmfashion_ext import hub

#: Task -> the model that is fine-tuned from random weights while the task has
#: no published one.
UNPUBLISHED = {
    'match_rcnn': 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160',
    'landmark': 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96',
    'scan': 'scan_r10-small_1xb32-12e_synthetic-64x32',
    'tryon': 'pf-afn-mobile_supervised_1xb8-2e_synthetic-128x96',
}


#: Of a published model's many metrics those that the page shows.
_HEADLINES = ('AP50', 'PCK@0.1', 'allshots/CMC-1', 'mAP', 'top-10', 'SSIM')


@dataclass(frozen=True)
class Model:
    """A model of the demo.

    Attributes:
        name (str): The stem of its config.
        weights (str, optional): File of the published ones; None if there
            are none.
    """

    name: str
    weights: str | None


def choose_model(task: str) -> Model:
    """Return the published model of a task, or the one without weights.

    The published one is what the hub calls by the task's name alone, such as
    ``'match-rcnn'``, which is short for ``'match-rcnn:balanced'``.

    Args:
        task (str): A key of ``UNPUBLISHED``, or ``'retrieval'``.

    Raises:
        UserError: Its weights are missing or damaged.
    """
    alias = task.replace('_', '-')
    name = hub.model_name(alias)
    if name == alias:
        return Model(UNPUBLISHED.get(task, ''), None)
    return Model(name, str(hub.fetch_weights(name)))


def published_numbers(name: str) -> list[tuple[str, str]]:
    """Return what was measured of a published model, from its metafile.

    Args:
        name (str): Name of the model.

    Returns:
        list[tuple[str, str]]: Metric with task and dataset, and its value.
    """
    rows = []
    for entry in hub.metafile_entries():
        if entry['Name'] != name:
            continue
        for result in entry['Results']:
            metrics = result['Metrics']
            shown = [key for key in _HEADLINES if key in metrics]
            rows += [
                (
                    f'{result["Task"]} on {result["Dataset"]}, '
                    f'{metric.rpartition("/")[2]}, as published',
                    f'{metrics[metric]:.3f}',
                )
                for metric in shown or [*metrics][:1]
            ]
    return rows
