# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Video re-identification inferencer: match two tracklets, rank a gallery."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.dataset import Compose
from PIL import Image
from torch import nn

from ..errors import UserError, describe
from ..evaluation.tracklets import aggregate_tracklets
from ..formats.video_reid.layout import clip_ranges
from ..formats.video_reid.optical_flow import METHODS, FlowMethod, compute_flow
from ..inferencer import (
    SKIPPED_ERRORS,
    Inferencer,
    PredictionStream,
    skipped_entry,
)
from ..registry import TRANSFORMS
from ..utils.image_inputs import NamedInput
from .clip_features import ClipFeatures
from .inputs import (
    Tracklet,
    TrackletFeatures,
    read_frames,
    resolve_tracklets,
    tracklet_name,
)
from .ranking_sheet import draw_ranking

_SHOWN = 3  # frames of a tracklet on the ranking sheet


@dataclass(frozen=True, eq=False)
class _Gallery:
    """A gallery of G tracklets with N clips, its features extracted.

    ``indices`` (G,) int64 are their positions in the gallery as passed;
    ``clips`` (N, T, D) and ``counts`` (G,) are those of :func:`_join`.
    """

    tracklets: list[TrackletFeatures]
    indices: np.ndarray
    clips: ClipFeatures
    counts: list[int]


@dataclass(frozen=True, eq=False)
class _Ranking:
    """The gallery in the order of its scores for a query.

    ``order`` (G,) int64 are indices into ``gallery.tracklets``, best first;
    ``scores`` (G,) float64 are in the same order.
    """

    gallery: _Gallery
    order: np.ndarray
    scores: np.ndarray


class SCANInferencer(Inferencer):
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
        if flow is not None and flow not in METHODS:
            raise UserError(
                f'flow must be one of {", ".join(METHODS)}, got {flow!r}'
            )
        if not 0 <= percentile <= 100:
            raise UserError(f'percentile must be 0 to 100, got {percentile}')
        super().__init__(
            model,
            weights,
            device,
            batch_size=batch_size,
            show_progress=show_progress,
        )
        dataset = self.model.cfg.test_dataloader.dataset
        self.clip_length = dataset.get('clip_length', 10)
        self.stride = dataset.get('stride', 5)
        self.last = dataset.get('last', 'reference')
        trained = dataset.get('metainfo') or {}
        flow = flow or trained.get('flow_method', 'farneback')
        self.flow = flow if dataset.get('flow', True) else None
        self.pipeline = Compose(
            [
                TRANSFORMS.build(transform)
                for transform in dataset.pipeline
                if transform['type'].rpartition('.')[2] != 'LoadClip'
            ]
        )
        self.percentile = percentile
        self.crop_size = crop_size or trained.get('frame_size', (128, 64))

    def __call__(
        self,
        query: Tracklet | Iterable[Tracklet],
        gallery: str | Path | Iterable[Tracklet],
        *,
        out_dir: str | Path | None = None,
        draw: bool = False,
        show: bool = False,
        stream: bool = False,
        top: int = 9,
    ) -> dict | PredictionStream:
        """Rank a gallery by how likely it shows the person of each query.

        Args:
            query (Tracklet | Iterable[Tracklet]): A tracklet; or a list,
                tuple, generator, dict (by name) or folder of tracklets.
            gallery (str | Path | Iterable[Tracklet]): A folder with a folder
                for each tracklet; or a list, tuple, generator or dict (by
                name) of tracklets.
            out_dir (str | Path, optional): Write ``visualizations/`` (ranking
                sheets), ``predictions/NAME.json`` and ``results.json`` here.
            draw (bool): Add the ranking sheet as ``visualization``,
                (h, w, 3) uint8 BGR, to each prediction.
            show (bool): Show each ranking sheet until a key is pressed.
            stream (bool): Return an iterator, which computes each prediction
                when it is asked for.
            top (int): Tracklets of the gallery on the ranking sheet.

        Returns:
            dict | PredictionStream: ``predictions``, one for each query, and
            ``skipped``, a list of dicts of ``input`` and ``reason``, for
            queries and tracklets of the gallery. A prediction has:

            - ``input`` (str): path of the query, or a generated name;
              ``name`` (str): stem of its result files.
            - ``gallery`` (list[str]): tracklets of the gallery, best first.
            - ``indices`` (np.ndarray): (G,) int64 positions of these in the
              gallery as passed.
            - ``scores`` (np.ndarray): (G,) float64 probability of the same
              person, 0-1.

        Raises:
            UserError: The only query or all of the gallery cannot be used, or
                ``show`` finds no display.
        """
        if top < 1:
            raise UserError(f'top must be 1 or more, got {top}')
        items, total = resolve_tracklets(query, 'query')
        return self._run(
            items,
            total=total,
            out_dir=out_dir,
            draw=draw,
            show=show,
            stream=stream,
            options={'gallery': gallery, 'top': top},
        )

    def match(self, first: Tracklet, second: Tracklet) -> float:
        """Return the probability (0-1) that two tracklets show one person."""
        return float(self.compare([first], [second])[0, 0])

    def compare(
        self, query: Sequence[Tracklet], gallery: Sequence[Tracklet]
    ) -> np.ndarray:
        """Compare all tracklets of two lists.

        Args:
            query (Sequence[Tracklet]): Q tracklets, 1 or more.
            gallery (Sequence[Tracklet]): G tracklets, 1 or more.

        Returns:
            np.ndarray: (Q, G) float64 probability of the same person, 0-1.

        Raises:
            UserError: A tracklet cannot be used, or a side is empty.
        """
        sides = [[self.extract(x) for x in side] for side in (query, gallery)]
        if not all(sides):
            raise UserError('compare needs 1 tracklet or more on either side')
        return self._compare(*map(_join, sides))

    @torch.no_grad()
    def extract(
        self, tracklet: Tracklet, name: str | None = None
    ) -> TrackletFeatures:
        """Extract the features of a tracklet, to compare it more than once.

        Args:
            tracklet (Tracklet): See the class.
            name (str, optional): What to call it. Defaults to None: its path,
                if it has one.

        Returns:
            TrackletFeatures: Features (M, T, D) of its M clips of T frames;
            they can be passed wherever a tracklet can.

        Raises:
            UserError: The tracklet has no frames, or one cannot be read.
        """
        if isinstance(tracklet, TrackletFeatures):
            return tracklet
        frames = read_frames(tracklet, self.crop_size)
        clips = self._clips(frames)
        parts = []
        for start in range(0, len(clips), self.batch_size):
            batch = clips[start : start + self.batch_size]
            inputs = {key: [clip[key] for clip in batch] for key in batch[0]}
            data = self.model.data_preprocessor({'inputs': inputs})
            parts.append(self.model.extract(data['inputs']))
        features = ClipFeatures(*map(torch.cat, zip(*parts, strict=True)))
        if not all(part.isfinite().all() for part in features):
            raise UserError(
                'the network gives features that are not finite; check the '
                'frames, or use another checkpoint'
            )
        shown = np.linspace(0, len(frames) - 1, min(_SHOWN, len(frames)))
        return TrackletFeatures(
            name or tracklet_name(tracklet) or '',
            features,
            [frames[round(i)] for i in shown],
        )

    def _prepare(self, options: dict, skipped: list[dict]) -> dict:
        """Extract the features of the gallery."""
        items, total = resolve_tracklets(options['gallery'], several=True)
        errors = () if total == 1 else SKIPPED_ERRORS
        tracklets, indices, failed = [], [], []
        for index, item in enumerate(self._progress(items, total)):
            try:
                tracklets.append(self._load(item))
            except errors as error:
                failed.append(skipped_entry(item, error))
            else:
                indices.append(index)
        if not tracklets and not failed:
            raise UserError('the gallery is empty: pass 1 tracklet or more')
        if not tracklets:
            reasons = (f'{e["input"]} ({e["reason"]})' for e in failed)
            raise UserError(
                'no tracklet of the gallery can be used: '
                f'{describe(reasons, "; ")}'
            )
        skipped += failed
        gallery = _Gallery(tracklets, np.array(indices), *_join(tracklets))
        return options | {'gallery': gallery}

    def _load(self, item: NamedInput) -> TrackletFeatures:
        features = self.extract(item.source, item.input)
        return replace(features, name=item.input)

    def _predict(
        self, loaded: list[TrackletFeatures], options: dict
    ) -> list[_Ranking]:
        gallery = options['gallery']
        scores = self._compare(_join(loaded), (gallery.clips, gallery.counts))
        orders = np.argsort(-scores, axis=1, kind='stable')
        return [
            _Ranking(gallery, order, row[order])
            for order, row in zip(orders, scores, strict=True)
        ]

    def _to_prediction(self, sample: _Ranking) -> dict:
        gallery = sample.gallery
        return {
            'gallery': [gallery.tracklets[i].name for i in sample.order],
            'indices': gallery.indices[sample.order],
            'scores': sample.scores,
        }

    def _draw(
        self, loaded: TrackletFeatures, sample: _Ranking, options: dict
    ) -> np.ndarray:
        top = options['top']
        best = [sample.gallery.tracklets[i] for i in sample.order[:top]]
        scores = sample.scores[:top].tolist()
        return draw_ranking(loaded, list(zip(best, scores, strict=True)))

    def _compare(
        self,
        query: tuple[ClipFeatures, list[int]],
        gallery: tuple[ClipFeatures, list[int]],
    ) -> np.ndarray:
        """Return (Q, G) float64 probabilities of the same person, 0-1."""
        distances = self.model.matcher.distances(query[0], gallery[0])
        return 1 - aggregate_tracklets(
            distances.cpu().numpy(), query[1], gallery[1], self.percentile
        )

    def _clips(self, frames: list[np.ndarray]) -> list[dict]:
        """Return the network's inputs of each clip, cut as in the test.

        Args:
            frames (list[np.ndarray]): (h, w, 3) uint8 BGR each.

        Returns:
            list[dict]: ``img`` and, if used, ``flow``, (T, 3, H, W) uint8.
        """
        rgb = [cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) for frame in frames]
        modalities = {'img': rgb}
        if self.flow is not None:
            modalities['flow'] = compute_flow(rgb, self.flow)
        images = {
            key: [Image.fromarray(value) for value in values]
            for key, values in modalities.items()
        }
        clips = []
        for start, end in clip_ranges(
            len(frames), self.clip_length, self.stride, self.last
        ):
            missing = self.clip_length - (end - start)
            clip = {
                key: values[start:end] + values[end - 1 : end] * missing
                for key, values in images.items()
            }
            clips.append(self.pipeline(clip)['inputs'])
        return clips


def _join(
    tracklets: Sequence[TrackletFeatures],
) -> tuple[ClipFeatures, list[int]]:
    """Return the clips (M, T, D) of all tracklets, and how many each has."""
    features = [tracklet.features for tracklet in tracklets]
    clips = ClipFeatures(*map(torch.cat, zip(*features, strict=True)))
    return clips, [len(part.keys) for part in features]
