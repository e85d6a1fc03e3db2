# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Table of all tasks: the names of their metrics and the headline ones.

Metric classes, metafiles, the model zoo and the tool that publishes models
all read this table. A new metric gets its row here, and is then published,
shown and checked like the others.
"""

from dataclasses import dataclass
from typing import Literal

from .coco_files import Task
from .consumer_to_shop import TOPK
from .keypoint_errors import error_names
from .reid import TOPK as RANKS

_DETECTION = (
    'AP AP50 AP75 AP_small AP_medium AP_large '
    'AR@1 AR@10 AR@100 AR_small AR_medium AR_large'
)
_KEYPOINTS = 'AP AP50 AP75 AP_medium AP_large AR AR50 AR75 AR_medium AR_large'
#: COCO protocol -> names of its overall metrics.
METRIC_NAMES: dict[Task, tuple[str, ...]] = {
    'bbox': tuple(_DETECTION.split()),
    'segm': tuple(_DETECTION.split()),
    'keypoints': tuple(_KEYPOINTS.split()),
}
#: Metrics of each subset of the data by an attribute.
SUBSET_METRICS = ('AP', 'AP50', 'AP75')
# EPE is in px; the numbers that papers give of FLD are often those of
# visible landmarks.
_LOCALISATION = (*(n for n in error_names() if n != 'EPE'), 'NE/visible')


@dataclass(frozen=True)
class TaskMetrics:
    """The metrics of one task.

    Attributes:
        title (str): Name of the task in metafiles and the model zoo.
        prefix (str): What stands before the metrics' names in what a test
            writes, without the slash: ``'bbox'`` of ``bbox/AP``; ``''`` if
            nothing does.
        names (tuple[str, ...]): Metrics that metafiles may hold, all in 0-1.
        headline (tuple[str, ...]): Those that the model zoo shows.
        protocol (str): Key of ``METRIC_NAMES`` if the task is evaluated by
            COCO's rules, else ``''``.
    """

    title: str
    prefix: str
    names: tuple[str, ...]
    headline: tuple[str, ...]
    protocol: Task | Literal[''] = ''

    def key(self, name: str) -> str:
        """Return the key of a metric in what a test writes."""
        return f'{self.prefix}/{name}' if self.prefix else name


def _coco(title: str, prefix: str, protocol: Task) -> TaskMetrics:
    names, headline = METRIC_NAMES[protocol], ('AP', 'AP50', 'AP75')
    return TaskMetrics(title, prefix, names, headline, protocol)


TASKS: tuple[TaskMetrics, ...] = (
    _coco('Object Detection', 'bbox', 'bbox'),
    _coco('Instance Segmentation', 'segm', 'segm'),
    _coco('Landmark Estimation', 'keypoints', 'keypoints'),
    _coco('Landmark Estimation (visible only)', 'keypoints_vis', 'keypoints'),
    TaskMetrics('Landmark Localisation', '', _LOCALISATION, _LOCALISATION),
    TaskMetrics(
        'Consumer-to-Shop Retrieval',
        'retrieval',
        tuple(f'top-{k}' for k in TOPK),
        ('top-1', 'top-10', 'top-20'),
    ),
    TaskMetrics(
        'Video Person Re-identification',
        '',
        (*(f'allshots/CMC-{k}' for k in RANKS), 'mAP'),
        ('allshots/CMC-1', 'allshots/CMC-5', 'mAP'),
    ),
    # warp/EPE is in px, FID has no upper end: the documentation has them
    TaskMetrics(
        'Virtual Try-on',
        '',
        ('SSIM', 'L1', 'warp/IoU'),
        ('SSIM', 'L1', 'warp/IoU'),
    ),
)
TASK_BY_TITLE: dict[str, TaskMetrics] = {task.title: task for task in TASKS}
#: Prefix of the metrics -> COCO protocol that computes them. Result files and
#: predictions are those of the protocol.
COCO_PROTOCOLS: dict[str, Task] = {
    task.prefix: task.protocol for task in TASKS if task.protocol
}
#: Prefixes of AP of landmarks: visible and occluded ones (the official
#: number), or visible ones only.
KEYPOINT_TASKS: tuple[str, ...] = tuple(
    prefix
    for prefix, protocol in COCO_PROTOCOLS.items()
    if protocol == 'keypoints'
)
