# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Re-identification inferencer of exported models: SCAN without PyTorch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..formats.video_reid.optical_flow import FlowMethod
from ..scan.clip_features import ClipFeatures
from ..scan.inputs import check_options
from ..scan.tracklet_inferencer import TrackletInferencer
from .base import LiteInferencer

#: Values of one array of ``pairs.onnx``, (query, gallery, frames, channels).
_VALUES = 2**22


class SCANInferencer(TrackletInferencer, LiteInferencer):
    """Ranks tracklets by the person of a query; an exported SCAN.

    Inputs, options, results and files are those of
    ``mmfashion_ext.scan.SCANInferencer``: a prediction has ``gallery``, best
    first, ``indices`` and ``scores`` (G,) 0-1; ``match``, ``compare`` and
    ``extract`` are the same. Features are arrays of NumPy (M, T, D).

    Examples:
        >>> infer = SCANInferencer('exported')
        >>> infer.match('cam1/person001', 'cam2/person001')
        0.97

    Args:
        folder (str | Path): See :class:`LiteInferencer`.
        threads (int, optional): See there.
        batch_size (int): Clips that go through the network together.
        show_progress (bool): See there.
        flow (str, optional): Method of the optical flow, if the model uses
            flow. Defaults to None: that of the training data.
        percentile (float): See ``scan.SCANInferencer``.
        crop_size (tuple[int, int], optional): See there, (h, w) px.

    Raises:
        UserError: See there, or an unknown setting.
    """

    system = 'scan'

    def __init__(
        self,
        folder: str | Path,
        *,
        threads: int | None = None,
        batch_size: int = 1,
        show_progress: bool = True,
        flow: FlowMethod | None = None,
        percentile: float = 10,
        crop_size: tuple[int, int] | None = None,
    ) -> None:
        check_options(flow, percentile)
        super().__init__(
            folder,
            threads=threads,
            batch_size=batch_size,
            show_progress=show_progress,
        )
        content = self.graphs.content
        self.clip_length = content['clip_length']
        self.stride = content['stride']
        self.last = content['last']
        self.flow = content['flow'] and (flow or content['flow'])
        self.percentile = percentile
        height, width = content['crop_size']
        self.crop_size = crop_size or (height, width)

    def _encode(self, clips: Sequence[dict[str, list]]) -> ClipFeatures:
        """Return the features (B, T, D) of B clips of images."""
        inputs = {
            kind: np.stack([self._tensor(clip[kind]) for clip in clips])
            for kind in clips[0]
        }
        return ClipFeatures(*self.graphs.run('clips', **inputs))

    def _tensor(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return T images of Pillow as (T, 3, H, W) float32, normalised."""
        options = self.graphs.content['input']
        h, w = options['size']
        bilinear = Image.Resampling.BILINEAR
        frames = np.stack(
            [
                x if x.size == (w, h) else x.resize((w, h), bilinear)
                for x in images
            ]
        )
        mean, std = (
            np.array(options[name], np.float32).reshape(3, 1, 1)
            for name in ('mean', 'std')
        )
        unit = frames.transpose(0, 3, 1, 2).astype(np.float32)
        return (unit / np.float32(255) - mean) / std

    def _distances(
        self, query: ClipFeatures, gallery: ClipFeatures
    ) -> np.ndarray:
        """Return (M, N) float32 probabilities of different people, 0-1."""
        frames = max(x.embeddings.shape[1] for x in (query, gallery))
        pairs = _VALUES // (frames * query.embeddings.shape[2])
        step = max(int(pairs**0.5), 1)
        result = np.empty((len(query.keys), len(gallery.keys)), np.float32)
        for rows in _blocks(len(query.keys), step):
            for columns in _blocks(len(gallery.keys), step):
                (result[rows, columns],) = self.graphs.run(
                    'pairs',
                    query_embeddings=query.embeddings[rows],
                    query_keys=query.keys[rows],
                    gallery_embeddings=gallery.embeddings[columns],
                    gallery_keys=gallery.keys[columns],
                )
        return result

    def _concatenate(self, features: Sequence[ClipFeatures]) -> ClipFeatures:
        """Return the clips (M, T, D) of several features together."""
        return ClipFeatures(*map(np.concatenate, zip(*features, strict=True)))


def _blocks(length: int, step: int) -> list[slice]:
    """Return slices of at most ``step`` of ``length`` items."""
    return [slice(i, min(i + step, length)) for i in range(0, length, step)]
