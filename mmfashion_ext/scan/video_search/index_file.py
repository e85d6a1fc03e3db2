# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Index of the persons of videos: their SCAN features, boxes and times.

Its file is one safetensors file, which is data only: reading it runs no code.
Its tensors are ``embeddings`` and ``keys`` (M, T, D) float32 of the M clips of
all tracklets, ``boxes`` (B, 5) float64, frame and xyxy px of all their boxes,
``images``, the bytes of a few JPEGs of each, and ``records``, the UTF-8 bytes
of the JSON of videos and tracklets. The metadata holds the format, the model's
fingerprint and a checksum.
"""

import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...errors import UserError
from ...formats.checks import Fields, require_all
from ...formats.rules import Integer, ListOf, Number, Text
from ...formats.video_boxes.table import FrameBoxes, group_by_frame
from ...utils.files import atomic_write
from ..clip_features import ClipFeatures
from ..inputs import TrackletFeatures

_FORMAT = 'mmfashion_ext.person_index/1'
_META = 'mmfashion_ext'
_TENSORS = {
    'embeddings': torch.float32,
    'keys': torch.float32,
    'boxes': torch.float64,
    'images': torch.uint8,
    'records': torch.uint8,
}
_VIDEO: Fields = {
    'path': Text('the path of a video'),
    'state': Text('size and time of a file'),
    'frames': Integer(0),
    'fps': Number(1e-6),
    'settings': Text('settings'),
}
_TRACKLET: Fields = {
    'video': Integer(0),
    'track': Integer(),
    'clips': Integer(1),
    'boxes': Integer(1),
    'images': ListOf(Integer(1), 'sizes of JPEGs'),
}


@dataclass(frozen=True)
class IndexedVideo:
    """A video whose persons are in an index.

    Attributes:
        path (str): Absolute path when it was read.
        state (str): Its size and time then, see :func:`video_state`.
        frames (int): Frames that could be read.
        fps (float): Frames per second.
        settings (str): What decided its tracklets.
        tracks (int): Tracks that were found.
        dropped (dict[str, int]): Tracks that gave no tracklet, by reason.
    """

    path: str
    state: str
    frames: int
    fps: float
    settings: str
    tracks: int = 0
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class IndexedTracklet:
    """A person in a video of an index.

    Attributes:
        video (int): Index into the videos.
        track (int): Track of the video that it is of.
        features (ClipFeatures): (m, T, D) float32 of its clips.
        boxes (np.ndarray): (n, 5) float64: frame from 0, xyxy px.
        images (list[bytes]): A few of its frames as JPEG.
    """

    video: int
    track: int
    features: ClipFeatures
    boxes: np.ndarray
    images: list[bytes]

    def frames(self) -> list[np.ndarray]:
        """Return its images, (h, w, 3) uint8 BGR."""
        found = [
            cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
            for image in self.images
        ]
        return [image for image in found if image is not None]


@dataclass(eq=False)
class PersonIndex:
    """Persons of videos, to be searched.

    Attributes:
        fingerprint (str): Identifies the model of the features (M, T, D).
        origin (dict[str, str]): Where that model can be found.
        videos (list[IndexedVideo]): Also those without persons.
        tracklets (list[IndexedTracklet]): In the order of videos and time.
    """

    fingerprint: str
    origin: dict[str, str]
    videos: list[IndexedVideo] = field(default_factory=list)
    tracklets: list[IndexedTracklet] = field(default_factory=list)

    def __len__(self) -> int:
        """Return the number of tracklets."""
        return len(self.tracklets)

    def extend(self, other: 'PersonIndex') -> None:
        """Add the videos and tracklets of another index of the same model.

        Tracklets (m, T, D) of a video with the same path are replaced.
        """
        paths = {video.path for video in other.videos}
        kept = [i for i, v in enumerate(self.videos) if v.path not in paths]
        tracklets = [
            _moved(tracklet, kept.index(tracklet.video))
            for tracklet in self.tracklets
            if tracklet.video in kept
        ]
        self.videos = [self.videos[i] for i in kept]
        tracklets += [
            _moved(tracklet, tracklet.video + len(self.videos))
            for tracklet in other.tracklets
        ]
        self.videos += other.videos
        self.tracklets = tracklets

    def names(self) -> list[str]:
        """Return the name of each tracklet: ``VIDEO#NUMBER``, from 1.

        VIDEO is the file's name, or its path where two have the same.
        """
        files = [Path(video.path).name for video in self.videos]
        shown = [
            file if files.count(file) == 1 else video.path
            for file, video in zip(files, self.videos, strict=True)
        ]
        counts = [0] * len(shown)
        names = []
        for tracklet in self.tracklets:
            counts[tracklet.video] += 1
            names.append(f'{shown[tracklet.video]}#{counts[tracklet.video]}')
        return names

    def times(self, tracklet: IndexedTracklet) -> tuple[float, float]:
        """Return begin and end of a tracklet (m, T, D), seconds."""
        fps = self.videos[tracklet.video].fps
        first, last = tracklet.boxes[0, 0], tracklet.boxes[-1, 0]
        return float(first / fps), float((last + 1) / fps)

    def features(self) -> list[TrackletFeatures]:
        """Return the features (m, T, D) of all, named with their times."""
        return [
            TrackletFeatures(
                f'{name} {format_times(*self.times(tracklet))}',
                tracklet.features,
                tracklet.frames(),
            )
            for name, tracklet in zip(
                self.names(), self.tracklets, strict=True
            )
        ]


def _moved(tracklet: IndexedTracklet, video: int) -> IndexedTracklet:
    return IndexedTracklet(
        video,
        tracklet.track,
        tracklet.features,
        tracklet.boxes,
        tracklet.images,
    )


def tracklet_boxes(index: PersonIndex, video: int) -> dict[int, FrameBoxes]:
    """Return the boxes (n, 4) xyxy px of a video's tracklets by frame.

    Args:
        index (PersonIndex): The index.
        video (int): Which of its videos.

    Returns:
        dict[int, FrameBoxes]: Number of the frame, from 0 -> boxes; their
        tracks are the numbers of the tracklets in the video, from 1.
    """
    inside = [t.boxes for t in index.tracklets if t.video == video]
    if not inside:
        return {}
    rows = np.concatenate(inside)
    tracks = np.arange(1, len(inside) + 1).repeat([len(t) for t in inside])
    boxes = FrameBoxes.build(rows[:, 1:], tracks=tracks)
    return group_by_frame(rows[:, 0].astype(int), boxes)


def format_times(start: float, end: float) -> str:
    """Return a range of seconds as ``0:12.4-0:15.0``."""
    return f'{format_time(start)}-{format_time(end)}'


def format_time(seconds: float) -> str:
    """Return seconds as ``1:02:03.4``, without hours if there are none."""
    tenths = round(seconds * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    rest = f'{tenths // 10:02}.{tenths % 10}'
    return f'{hours}:{minutes:02}:{rest}' if hours else f'{minutes}:{rest}'


def encode_jpeg(image: np.ndarray) -> bytes:
    """Return an image (h, w, 3) uint8 BGR as a JPEG."""
    return cv2.imencode('.jpg', image)[1].tobytes()


def write_index(path: str | Path, index: PersonIndex) -> None:
    """Write an index with its features (M, T, D), whole or not at all.

    Args:
        path (str | Path): The file; its folder is made if missing.
        index (PersonIndex): With one tracklet or more, or none.
    """
    tracklets = index.tracklets
    records = {
        'videos': [asdict(video) for video in index.videos],
        'tracklets': [
            {
                'video': tracklet.video,
                'track': tracklet.track,
                'clips': len(tracklet.features.keys),
                'boxes': len(tracklet.boxes),
                'images': [len(image) for image in tracklet.images],
            }
            for tracklet in tracklets
        ],
    }
    tensors = {
        'embeddings': _cat(t.features.embeddings for t in tracklets),
        'keys': _cat(t.features.keys for t in tracklets),
        'boxes': _cat(
            (torch.from_numpy(t.boxes) for t in tracklets), torch.float64
        ),
        'images': _bytes(b''.join(i for t in tracklets for i in t.images)),
        'records': _bytes(json.dumps(records, allow_nan=False).encode()),
    }
    metadata: dict[str, Any] = {
        'format': _FORMAT,
        'fingerprint': index.fingerprint,
        'origin': index.origin,
    }
    metadata['crc32'] = _checksum(tensors, metadata)
    text = json.dumps(metadata, sort_keys=True)
    with atomic_write(path) as temporary:
        save_file(tensors, temporary, {_META: text})


def read_index(path: str | Path) -> PersonIndex:
    """Read and check an index.

    Args:
        path (str | Path): The file.

    Returns:
        PersonIndex: Features (M, T, D) in memory, not mapped to the file.

    Raises:
        UserError: There is no such file, it is not an index, or is damaged.
    """
    if not Path(path).is_file():
        raise UserError(
            f'{path}: no such file; make an index: mmfashion reid index '
            f'VIDEO... --out {path}'
        )
    try:
        metadata, tensors = _read(path)
        records = json.loads(tensors['records'].numpy().tobytes())
        require_all(records['videos'], _VIDEO, 'video')
        require_all(records['tracklets'], _TRACKLET, 'tracklet')
        videos = [IndexedVideo(**video) for video in records['videos']]
        return PersonIndex(
            metadata['fingerprint'],
            dict(metadata['origin']),
            videos,
            _split(records['tracklets'], tensors, len(videos)),
        )
    except (
        SafetensorError,
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RecursionError,
        UserError,
    ) as error:
        reason = (str(error).splitlines() or [repr(error)])[0]
        raise UserError(
            f'{path}: cannot be read as an index of persons ({reason}); copy '
            'it again, or make it again (mmfashion reid index)'
        ) from error


def _read(path: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    with safe_open(str(path), framework='pt') as file:
        # one entry alone: safetensors writes several in any order
        text = (file.metadata() or {}).get(_META, '{}')
        metadata = dict(json.loads(text))
        if metadata.get('format') != _FORMAT:
            raise ValueError(
                f'its format is {metadata.get("format", "none")}, expected '
                f'{_FORMAT}'
            )
        # copied: safetensors maps the file, which others may overwrite
        tensors = {name: file.get_tensor(name).clone() for name in _TENSORS}
    for name, dtype in _TENSORS.items():
        if tensors[name].dtype != dtype:
            raise ValueError(f'its {name} are {tensors[name].dtype}')
    if metadata.pop('crc32') != _checksum(tensors, metadata):
        raise ValueError('its checksum is wrong')
    for name in ('embeddings', 'keys', 'boxes'):
        if not tensors[name].isfinite().all():
            raise ValueError(f'its {name} are not all finite')
    return metadata, tensors


def _split(
    records: list[dict], tensors: dict[str, Tensor], videos: int
) -> list[IndexedTracklet]:
    """Cut the tensors into the tracklets that they are of."""
    images = tensors['images'].numpy().tobytes()
    parts = [
        tensors[name].split([record[count] for record in records])
        for name, count in (
            ('embeddings', 'clips'),
            ('keys', 'clips'),
            ('boxes', 'boxes'),
        )
    ]
    tracklets, start = [], 0
    for record, x, h, boxes in zip(records, *parts, strict=True):
        if record['video'] >= videos or boxes.shape[1:] != (5,):
            raise ValueError('its tracklets and videos do not fit')
        found = []
        for size in record['images']:
            found.append(images[start : start + size])
            start += size
        tracklets.append(
            IndexedTracklet(
                record['video'],
                record['track'],
                ClipFeatures(x, h),
                boxes.numpy(),
                found,
            )
        )
    return tracklets


def _cat(
    parts: Iterable[Tensor], dtype: torch.dtype = torch.float32
) -> Tensor:
    found = [part.to('cpu', dtype) for part in parts]
    return torch.cat(found) if found else torch.empty(0, dtype=dtype)


def _bytes(content: bytes) -> Tensor:
    if not content:
        return torch.empty(0, dtype=torch.uint8)
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


def _checksum(tensors: dict[str, Tensor], metadata: dict[str, Any]) -> str:
    value = zlib.crc32(json.dumps(metadata, sort_keys=True).encode())
    for name in _TENSORS:
        value = zlib.crc32(tensors[name].contiguous().numpy(), value)
    return f'{value:08x}'
