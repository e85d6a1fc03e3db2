# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""How a model of SCAN wants tracklets cut: the clips of its test dataset."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..formats.video_reid.layout import LastClip
from ..formats.video_reid.optical_flow import FlowMethod


class ClipSettings(NamedTuple):
    """What frames become clips, as in the test of a config.

    Attributes:
        clip_length (int): Frames of a clip.
        stride (int): Frames from one clip to the next.
        last (str): Which clip the last one is, see ``VideoReIDDataset``.
        flow (str, optional): Method of the optical flow of the training data;
            None: the dataset has no flow.
        crop_size (tuple[int, int]): (h, w) px of the training data's frames.
    """

    clip_length: int
    stride: int
    last: LastClip
    flow: FlowMethod | None
    crop_size: tuple[int, int]

    @classmethod
    def of(cls, dataset: Mapping[str, Any]) -> 'ClipSettings':
        """Read the settings of a dataset's config; what it lacks is default.

        Args:
            dataset (Mapping[str, Any]): Of ``test_dataloader``; its
                ``metainfo`` may name ``flow_method`` and ``frame_size``.
        """
        trained = dataset.get('metainfo') or {}
        height, width = trained.get('frame_size', (128, 64))
        method = trained.get('flow_method', 'farneback')
        return cls(
            dataset.get('clip_length', 10),
            dataset.get('stride', 5),
            dataset.get('last', 'reference'),
            method if dataset.get('flow', True) else None,
            (height, width),
        )
