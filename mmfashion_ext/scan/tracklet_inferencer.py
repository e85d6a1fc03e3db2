# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Base of the re-identification inferencers: tracklets in, rankings out.

A subclass extracts the features of clips and compares them: :mod:`.inferencer`
by PyTorch, :mod:`mmfashion_ext.lite` by ONNX Runtime. No PyTorch is imported.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..errors import UserError, describe
from ..evaluation.tracklets import aggregate_tracklets
from ..formats.video_reid.layout import LastClip, clip_ranges
from ..formats.video_reid.optical_flow import FlowMethod, compute_flow
from ..inferencer import (
    SKIPPED_ERRORS,
    Inferencer,
    PredictionStream,
    skipped_entry,
)
from ..utils.image_inputs import NamedInput
from .block_compare import (
    BLOCK_CLIPS,
    JoinedBlocks,
    compare_blocks,
    split_tracklets,
)
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
    ``clips`` (N, T, D) and ``counts`` (G,) are all clips, and how many each
    tracklet has.
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


class TrackletInferencer(Inferencer):
    """Base of the inferencers that rank tracklets by the person of a query.

    Tracklets are (T, h, w, 3) uint8 BGR in all the ways that
    :class:`mmfashion_ext.scan.SCANInferencer` reads.

    Attributes:
        clip_length (int): Frames of a clip.
        stride (int): Frames from one clip to the next.
        last (str): See ``clip_ranges``.
        flow (str, optional): Method of the optical flow; None: no flow.
        percentile (float): See there, 0-100.
        crop_size (tuple[int, int]): See there, (h, w) px.
    """

    clip_length: int
    stride: int
    last: LastClip
    flow: FlowMethod | None
    percentile: float
    crop_size: tuple[int, int]
    #: Clips of a block that is compared at once, on either side.
    block_clips = BLOCK_CLIPS

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
        self,
        query: Sequence[Tracklet],
        gallery: Sequence[Tracklet],
        *,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Compare all tracklets of two lists, in blocks of bounded memory.

        Args:
            query (Sequence[Tracklet]): Q tracklets, 1 or more.
            gallery (Sequence[Tracklet]): G tracklets, 1 or more.
            out (np.ndarray, optional): (Q, G) float64 for the result, such as
                a memory-mapped file. Defaults to None: a new array.

        Returns:
            np.ndarray: (Q, G) float64 probability of the same person, 0-1.

        Raises:
            UserError: A tracklet cannot be used, or a side is empty.
        """
        sides = [[self.extract(x) for x in side] for side in (query, gallery)]
        if not all(sides):
            raise UserError('compare needs 1 tracklet or more on either side')
        return self._compare_blocks(sides[0], sides[1], out)

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
        features = self._concatenate(
            [
                self._encode(clips[start : start + self.batch_size])
                for start in range(0, len(clips), self.batch_size)
            ]
        )
        # a sum is not finite if any value is not
        if not all(np.isfinite(float(part.sum())) for part in features):
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

    @abstractmethod
    def _encode(self, clips: Sequence[dict[str, list]]) -> ClipFeatures:
        """Return the features (B, T, D) of B clips, see :meth:`_clips`."""

    @abstractmethod
    def _distances(
        self, query: ClipFeatures, gallery: ClipFeatures
    ) -> np.ndarray:
        """Return (M, N) float32 probabilities of different people, 0-1."""

    @abstractmethod
    def _concatenate(self, features: Sequence[ClipFeatures]) -> ClipFeatures:
        """Return the clips (M, T, D) of several features together."""

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
        gallery = _Gallery(
            tracklets, np.array(indices), *self._join(tracklets)
        )
        return options | {'gallery': gallery}

    def _load(self, item: NamedInput) -> TrackletFeatures:
        features = self.extract(item.source, item.input)
        return replace(features, name=item.input)

    def _predict(
        self, loaded: list[TrackletFeatures], options: dict
    ) -> list[_Ranking]:
        gallery = options['gallery']
        scores = self._compare(
            self._join(loaded), (gallery.clips, gallery.counts)
        )
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
        distances = self._distances(query[0], gallery[0])
        return 1 - aggregate_tracklets(
            distances, query[1], gallery[1], self.percentile
        )

    def _compare_blocks(
        self,
        query: Sequence[TrackletFeatures],
        gallery: Sequence[TrackletFeatures],
        out: np.ndarray | None,
    ) -> np.ndarray:
        """Return (Q, G) float64 probabilities of the same person, 0-1."""
        sides = query, gallery
        counts = [[len(x.features.keys) for x in side] for side in sides]
        limit = self.block_clips
        measure = self._block_distances(
            *(
                JoinedBlocks(
                    partial(self._join_part, side),
                    split_tracklets(number, limit),
                )
                for side, number in zip(sides, counts, strict=True)
            )
        )
        return compare_blocks(
            counts[0],
            counts[1],
            lambda rows, cols: measure(
                self._join_part(query, rows), self._join_part(gallery, cols)
            ),
            percentile=self.percentile,
            limit=limit,
            out=out,
        )

    def _block_distances(
        self,
        query: Iterable[ClipFeatures],
        gallery: Iterable[ClipFeatures],
    ) -> Callable[[ClipFeatures, ClipFeatures], np.ndarray]:
        """Return what compares a block of clips (m, T, D) with another."""
        return self._distances

    def _clips(self, frames: list[np.ndarray]) -> list[dict[str, list]]:
        """Return the images of each clip, cut as in the test.

        Args:
            frames (list[np.ndarray]): (h, w, 3) uint8 BGR each.

        Returns:
            list[dict]: ``img`` and, if used, ``flow``, T images of Pillow
            (h, w), RGB, each.
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
            clips.append(
                {
                    key: values[start:end] + values[end - 1 : end] * missing
                    for key, values in images.items()
                }
            )
        return clips

    def _join_part(
        self, tracklets: Sequence[TrackletFeatures], part: slice
    ) -> ClipFeatures:
        return self._join(tracklets[part])[0]

    def _join(
        self, tracklets: Sequence[TrackletFeatures]
    ) -> tuple[ClipFeatures, list[int]]:
        """Return the clips (M, T, D) of all, and how many each has."""
        features = [tracklet.features for tracklet in tracklets]
        counts = [len(part.keys) for part in features]
        return self._concatenate(features), counts
