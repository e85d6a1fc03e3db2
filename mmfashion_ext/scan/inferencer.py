# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Is it the same person? Who of many is it? In three lines."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from mmengine.dataset import Compose
from PIL import Image
from rich.progress import track

from ..errors import UserError
from ..evaluation.tracklets import aggregate_tracklets
from ..formats.video_reid.layout import clip_ranges
from ..formats.video_reid.optical_flow import METHODS, FlowMethod, compute_flow
from ..hub import get_model
from ..registry import TRANSFORMS
from ..utils.files import write_json
from ..utils.image_grid import write_sheet
from .clip_features import ClipFeatures
from .inputs import Source, name_of, read_frames, tracklet_folders

_SHOWN = 3  # frames of a tracklet on the sheet
_HEIGHT, _CAPTION, _MARGIN = 192, 22, 5  # px: frame, text above, margin
_CELL_HEIGHT = _HEIGHT + _CAPTION + 2 * _MARGIN


class Sighting(NamedTuple):
    """A tracklet as the network describes it.

    Attributes:
        name (str): Of the folder or file.
        features (ClipFeatures): (M, T, D) of its clips.
        pictures (list[np.ndarray]): Some of its frames, (h, w, 3) uint8 RGB.
    """

    name: str
    features: ClipFeatures
    pictures: list[np.ndarray]


class SCANInferencer:
    """Recognise a person in another video.

    Examples:
        >>> infer = SCANInferencer('scan_r50_1xb32-30e_ilids-vid-256x128',
        ...                        weights='epoch_30.pth')
        >>> infer.match('cam1/person001', 'cam2/person001')
        0.97
        >>> result = infer('cam1/person001', 'cam2', out_dir='out')
        >>> result['predictions'][0][0]
        {'name': 'cam2/person001', 'probability': 0.97}

    Args:
        model (str): Name of a model, or path of a config file.
        weights (str | Path, optional): Checkpoint file or URL; read as
            data, never unpickled. None: random weights, to try things out.
        device (str, optional): None: CUDA where there is one.
        flow (str): How optical flow is computed, if the model needs it:
            ``'farneback'`` or ``'dis'``, as that of the training data.
        percentile (float): See ``VideoReIDMetric``.
        crop_size (tuple[int, int]): (h, w) in px that frames of different
            sizes and the boxes of a video are resized to, before flow is
            computed: the size of the frames of the training data.
        batch_size (int): Clips that go through the network together.
        show_progress (bool): Show a progress bar over the gallery.

    Raises:
        UserError: An unknown model, or weights of another one.
        CheckpointError: See ``utils.checkpoint``.
    """

    def __init__(
        self,
        model: str,
        weights: str | Path | None = None,
        device: str | None = None,
        *,
        flow: FlowMethod = 'farneback',
        percentile: float = 10,
        crop_size: tuple[int, int] = (128, 64),
        batch_size: int = 8,
        show_progress: bool = False,
    ) -> None:
        if flow not in METHODS:
            raise UserError(
                f'flow must be one of {", ".join(METHODS)}, got {flow!r}'
            )
        if batch_size < 1:
            raise UserError(f'batch_size must be 1 or more, got {batch_size}')
        device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        self.model = get_model(model, weights, device=device)
        dataset = self.model.cfg.test_dataloader.dataset
        self.clip_length = dataset.get('clip_length', 10)
        self.stride = dataset.get('stride', 5)
        self.last = dataset.get('last', 'reference')
        self.flow = flow if dataset.get('flow', True) else None
        self.pipeline = Compose(
            [
                TRANSFORMS.build(transform)
                for transform in dataset.pipeline
                if transform['type'].rpartition('.')[2] != 'LoadClip'
            ]
        )
        self.percentile = percentile
        self.crop_size = crop_size
        self.batch_size = batch_size
        self.show_progress = show_progress

    def __call__(
        self,
        query: Source | Sighting,
        gallery: str | Path | Sequence[Source | Sighting],
        out_dir: str | Path | None = None,
        top: int = 9,
    ) -> dict:
        """Rank a gallery by how likely it shows the person of the query.

        Args:
            query (Source | Sighting): The person's frames (a folder, a list,
                a video with boxes), or what :meth:`look` returned.
            gallery (str | Path | Sequence): A folder with a folder for each
                tracklet, or a list of what ``query`` may be.
            out_dir (str | Path, optional): Write ``ranking.json`` and a
                picture of the best, ``ranking.png``, to this folder.
            top (int): Tracklets of the gallery on the picture.

        Returns:
            dict: ``predictions``: a list with one entry, the list of the
            gallery's tracklets, most likely first: ``name`` and
            ``probability`` (0-1) of being the same person.

        Raises:
            UserError: A source has no frames, or one cannot be read.
        """
        if isinstance(gallery, str | Path):
            gallery = tracklet_folders(gallery)
        if not len(gallery):
            raise UserError('the gallery is empty: pass 1 tracklet or more')
        seen = self.look(query)
        sightings = [
            self.look(source)
            for source in track(
                gallery, 'gallery', disable=not self.show_progress
            )
        ]
        probabilities = self.compare([seen], sightings)[0]
        order = np.argsort(-probabilities, kind='stable')
        ranking = [
            {
                'name': sightings[i].name,
                'probability': float(probabilities[i]),
            }
            for i in order
        ]
        if out_dir is not None:
            best = [(sightings[i], probabilities[i]) for i in order[:top]]
            sheet = [_strip(seen, None), *(_strip(*item) for item in best)]
            write_json(
                Path(out_dir, 'ranking.json'),
                {'query': seen.name, 'ranking': ranking},
            )
            write_sheet(
                sheet,
                Path(out_dir, 'ranking.png'),
                columns=min(5, len(sheet)),
                cell=(max(strip.shape[1] for strip in sheet), _CELL_HEIGHT),
            )
        return {'predictions': [ranking]}

    def match(
        self, first: Source | Sighting, second: Source | Sighting
    ) -> float:
        """Probability (0-1) that two tracklets show the same person."""
        return float(
            self.compare([self.look(first)], [self.look(second)])[0, 0]
        )

    def compare(
        self, query: Sequence[Sighting], gallery: Sequence[Sighting]
    ) -> np.ndarray:
        """Compare all with all.

        Args:
            query (Sequence[Sighting]): Q tracklets, 1 or more.
            gallery (Sequence[Sighting]): G tracklets, 1 or more.

        Returns:
            np.ndarray: (Q, G) probabilities of the same person, 0-1.
        """
        clips = (
            ClipFeatures(
                *(
                    torch.cat(parts)
                    for parts in zip(*(s.features for s in side), strict=True)
                )
            )
            for side in (query, gallery)
        )
        distances = self.model.matcher.distances(*clips)
        counts = ([len(s.features.keys) for s in x] for x in (query, gallery))
        return 1 - aggregate_tracklets(
            distances.cpu().numpy(), *counts, self.percentile
        )

    @torch.no_grad()
    def look(self, source: Source | Sighting) -> Sighting:
        """Describe a tracklet, to compare it more than once.

        Args:
            source (Source | Sighting): A folder of frames, a list of frames
                (files or (h, w, 3) uint8 RGB arrays), or a ``Video``.

        Returns:
            Sighting: What :meth:`compare` and a call take.
        """
        if isinstance(source, Sighting):
            return source
        frames = read_frames(source, self.crop_size)
        clips = self._clips(frames)
        parts = []
        for start in range(0, len(clips), self.batch_size):
            batch = clips[start : start + self.batch_size]
            inputs = {key: [clip[key] for clip in batch] for key in batch[0]}
            data = self.model.data_preprocessor({'inputs': inputs})
            parts.append(self.model.extract(data['inputs']))
        features = (torch.cat(part) for part in zip(*parts, strict=True))
        shown = np.linspace(0, len(frames) - 1, min(_SHOWN, len(frames)))
        return Sighting(
            name_of(source),
            ClipFeatures(*features),
            [frames[round(i)] for i in shown],
        )

    def _clips(self, frames: list[np.ndarray]) -> list[dict]:
        """The inputs of each clip, cut as in the test."""
        modalities = {'img': frames}
        if self.flow is not None:
            modalities['flow'] = compute_flow(frames, self.flow)
        pictures = {
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
                for key, values in pictures.items()
            }
            clips.append(self.pipeline(clip)['inputs'])
        return clips


def _strip(sighting: Sighting, probability: float | None) -> np.ndarray:
    """Frames side by side under a caption, (h, w, 3) uint8 BGR."""
    frames = []
    for picture in sighting.pictures:
        width = max(round(picture.shape[1] * _HEIGHT / picture.shape[0]), 1)
        frame = cv2.resize(picture, (width, _HEIGHT))
        frames.append(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    strip = np.hstack(frames)
    caption = np.full((_CAPTION, strip.shape[1], 3), 255, np.uint8)
    text = 'query' if probability is None else f'{probability:.3f}'
    cv2.putText(
        caption,
        f'{text} {Path(sighting.name).name}',
        (2, _CAPTION - 7),
        cv2.FONT_HERSHEY_SIMPLEX,
        0.45,
        (0, 0, 160) if probability is None else (0, 0, 0),
        1,
        cv2.LINE_AA,
    )
    margin = (_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0)
    return np.pad(np.vstack((caption, strip)), margin, constant_values=255)
