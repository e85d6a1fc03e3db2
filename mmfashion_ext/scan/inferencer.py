# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Video re-identification inferencer: match two tracklets, rank a gallery."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import Compose
from torch import nn

from ..formats.video_reid.optical_flow import FlowMethod
from ..registry import TRANSFORMS
from .clip_features import ClipFeatures
from .clip_settings import ClipSettings
from .inputs import check_options
from .tracklet_inferencer import TrackletInferencer


class SCANInferencer(TrackletInferencer):
    """Rank the tracklets of a gallery by the person of a query.

    A tracklet is the frames of one person: a folder of image files; a list,
    tuple or generator of images (paths, URLs, BGR arrays, images of Pillow,
    bytes, file objects); a ``Video(path, boxes)``; or ``TrackletFeatures``.

    Examples:
        >>> infer = SCANInferencer('scan_r50_1xb32-30e_ilids-vid-256x128',
        ...                        weights='epoch_30.pth')
        >>> infer.match('cam1/person001', 'cam2/person001')
        0.97
        >>> result = infer('cam1/person001', 'cam2', out_dir='out')
        >>> result['predictions'][0]['gallery'][0]
        'cam2/person001'
        >>> result['predictions'][0]['scores'][0]
        0.97

    Args:
        model (str | Path | nn.Module): Name of a model, path of a config
            file, or what ``get_model`` built (``weights`` must be None then).
        weights (str | Path, optional): Checkpoint file or URL; read as
            data, never unpickled. Defaults to None: the published ones.
        device (str, optional): Defaults to None: CUDA where there is one.
        batch_size (int): Clips that go through the network together, and
            queries that are compared together. Defaults to 1.
        show_progress (bool): Show a progress bar over the gallery and over
            several queries. Defaults to True.
        flow (str, optional): Method of the optical flow, if the model uses
            flow: ``'farneback'`` or ``'dis'``. Defaults to None: that of the
            training data, which a config names in ``metainfo`` of its
            dataset (``flow_method``); ``'farneback'`` if it does not.
        percentile (float): Clip distances up to this percentile (0-100)
            count, see ``VideoReIDMetric``. Defaults to 10.
        crop_size (tuple[int, int], optional): (h, w) in px that frames of
            different sizes and the boxes of a video are resized to, before
            flow is computed. Defaults to None: the frame size of the training
            data (``frame_size`` there); (128, 64) if it is not named.

    Raises:
        UserError: An unknown model or setting, no published weights, or
            weights of another model.
        CheckpointError: See ``utils.checkpoint``.
    """

    def __init__(
        self,
        model: str | Path | nn.Module,
        weights: str | Path | None = None,
        device: str | None = None,
        *,
        batch_size: int = 1,
        show_progress: bool = True,
        flow: FlowMethod | None = None,
        percentile: float = 10,
        crop_size: tuple[int, int] | None = None,
    ) -> None:
        check_options(flow, percentile)
        super().__init__(
            model,
            weights,
            device,
            batch_size=batch_size,
            show_progress=show_progress,
        )
        dataset = self.model.cfg.test_dataloader.dataset
        trained = ClipSettings.of(dataset)
        self.clip_length = trained.clip_length
        self.stride = trained.stride
        self.last = trained.last
        self.flow = trained.flow and (flow or trained.flow)
        self.pipeline = Compose(
            [
                TRANSFORMS.build(transform)
                for transform in dataset.pipeline
                if transform['type'].rpartition('.')[2] != 'LoadClip'
            ]
        )
        self.percentile = percentile
        self.crop_size = crop_size or trained.crop_size

    @torch.no_grad()
    def _encode(self, clips: Sequence[dict[str, list]]) -> ClipFeatures:
        """Return the features (B, T, D) of B clips of images."""
        batch = [self.pipeline({**clip})['inputs'] for clip in clips]
        inputs = {key: [clip[key] for clip in batch] for key in batch[0]}
        data = self.model.data_preprocessor({'inputs': inputs})
        return self.model.extract(data['inputs'])

    def _distances(
        self, query: ClipFeatures, gallery: ClipFeatures
    ) -> np.ndarray:
        """Return (M, N) float32 probabilities of different people, 0-1."""
        return self.model.matcher.distances(query, gallery).cpu().numpy()

    def _block_distances(
        self,
        query: Iterable[ClipFeatures],
        gallery: Iterable[ClipFeatures],
    ) -> Callable[[ClipFeatures, ClipFeatures], np.ndarray]:
        """Return what compares blocks of clips (m, T, D), by one plan."""
        matcher = self.model.matcher
        plan = matcher.plan(query, gallery)

        def measure(first: ClipFeatures, second: ClipFeatures) -> np.ndarray:
            return matcher.distances(first, second, plan=plan).cpu().numpy()

        return measure

    def _concatenate(self, features: Sequence[ClipFeatures]) -> ClipFeatures:
        """Return the clips (M, T, D) of several features together."""
        return ClipFeatures(*map(torch.cat, zip(*features, strict=True)))
