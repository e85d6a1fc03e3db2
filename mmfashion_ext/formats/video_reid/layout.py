# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Video re-identification: what a converted data set is, and its clips.

Layout of every data set after ``tools/dataset_converters/video_reid.py``::

    ROOT/images/{person:08d}_{camera:02d}_{frame:04d}.png   RGB frames
    ROOT/others/                                            flow, same names
    ROOT/meta.json     name, shot, num_cameras, identities[person][camera] =
                       [file name]; with several tracklets for a person and
                       camera also tracklets = [{pid, camid, files}]
    ROOT/splits.json   [{trainval, query, gallery: [person]}]; with tracklets
                       also {train,query,gallery}_tracklets = [index]
    ROOT/flow.json     how the flow was computed

All numbers count from 0. Frames of JPEG data sets keep their bytes and their
``.jpg``; the flow of ``X.jpg`` is ``X.png``.

A tracklet is all frames of a person in one camera in a row, a clip a few
consecutive frames of a tracklet. Where a data set has no list of tracklets,
each ``identities[person][camera]`` is one: queries come from camera 0, the
gallery from the others.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ...errors import UserError
from ...utils.files import write_json

IMAGES = 'images'
FLOWS = 'others'
META = 'meta.json'
SPLITS = 'splits.json'
#: Written by the converter: how the maps in ``others`` were made.
FLOW_RECORD = 'flow.json'

LastClip = Literal['reference', 'include']
Role = Literal['train', 'query', 'gallery']
_PERSONS: dict[Role, str] = {
    'train': 'trainval',
    'query': 'query',
    'gallery': 'gallery',
}
_AGAIN = 'convert the data set again, or correct the file'


class Tracklet(NamedTuple):
    """All frames of a person in one camera, in a row.

    Attributes:
        pid (int): Person.
        camid (int): Camera.
        files (list[str]): Names of its frames, in order.
    """

    pid: int
    camid: int
    files: list[str]

    def __str__(self) -> str:
        """Name it in a message."""
        return f'person {self.pid} in camera {self.camid}'


@dataclass(frozen=True)
class Meta:
    """Content of ``meta.json``.

    Attributes:
        name (str): Name of the data set.
        num_cameras (int): Number of cameras.
        identities (list[list[list[str]]]): [person][camera] = file names.
        tracklets (list[Tracklet], optional): None: each
            ``identities[person][camera]`` is a tracklet.
        shot (str): Always ``'sequence'``.
    """

    name: str
    num_cameras: int
    identities: list[list[list[str]]]
    tracklets: list[Tracklet] | None = None
    shot: str = 'sequence'


@dataclass(frozen=True)
class PersonSplit:
    """One way to part the persons.

    Attributes:
        trainval, query, gallery (list[int]): Persons.
        train_tracklets, query_tracklets, gallery_tracklets (list[int],
            optional): Indices into ``Meta.tracklets``.
    """

    trainval: list[int]
    query: list[int]
    gallery: list[int]
    train_tracklets: list[int] | None = None
    query_tracklets: list[int] | None = None
    gallery_tracklets: list[int] | None = None


@dataclass(frozen=True)
class VideoReID:
    """A converted data set.

    Attributes:
        meta (Meta): Its frames.
        splits (list[PersonSplit]): Its splits.
    """

    meta: Meta
    splits: list[PersonSplit]

    @classmethod
    def read(cls, meta: str | Path, splits: str | Path) -> 'VideoReID':
        """Read and check both files.

        Args:
            meta (str | Path): ``meta.json``.
            splits (str | Path): ``splits.json``.

        Raises:
            UserError: A file is missing or contradicts itself or the other.
        """
        parsed = parse_meta(_read_json(meta), meta)
        return cls(parsed, parse_splits(_read_json(splits), parsed, splits))

    def write(self, root: str | Path) -> None:
        """Write ``meta.json`` and ``splits.json`` into a folder."""
        meta = {k: v for k, v in vars(self.meta).items() if v is not None}
        if self.meta.tracklets is not None:
            meta['tracklets'] = [t._asdict() for t in self.meta.tracklets]
        splits = [
            {k: v for k, v in asdict(split).items() if v is not None}
            for split in self.splits
        ]
        write_json(Path(root, SPLITS), splits)
        write_json(Path(root, META), meta)

    def tracklets(self, split: int, role: Role) -> list[Tracklet]:
        """The tracklets of a part of a split, in the order of its list.

        Empty ones are among them.

        Args:
            split (int): Index of the split.
            role (str): ``'train'``, ``'query'`` or ``'gallery'``.

        Raises:
            UserError: There is no such split.
        """
        if not 0 <= split < len(self.splits):
            raise UserError(
                f'{self.meta.name} has {len(self.splits)} splits, 0 to '
                f'{len(self.splits) - 1}; got split={split}'
            )
        chosen = self.splits[split]
        if self.meta.tracklets is not None:
            indices = getattr(chosen, f'{role}_tracklets')
            return [self.meta.tracklets[i] for i in indices]
        cameras = {
            'train': range(self.meta.num_cameras),
            'query': range(1),
            'gallery': range(1, self.meta.num_cameras),
        }[role]
        return [
            Tracklet(pid, camid, self.meta.identities[pid][camid])
            for pid in getattr(chosen, _PERSONS[role])
            for camid in cameras
        ]


def clip_ranges(
    length: int, clip: int, stride: int, last: LastClip = 'reference'
) -> list[tuple[int, int]]:
    """Cut a tracklet into overlapping clips.

    The published rule lets clips start at 0, stride, 2 stride ... strictly
    below ``length - clip``. So the clip that would end with the last frame
    is left out, and up to ``stride`` frames at the end are never used.

    Args:
        length (int): Frames of the tracklet.
        clip (int): Frames a clip.
        stride (int): Frames from one start to the next.
        last (str): ``'reference'``: as published. ``'include'``: one more
            clip that ends with the last frame.

    Returns:
        list[tuple[int, int]]: First frame, and the one after the last. One
        shorter range if the tracklet is shorter than a clip, none if it is
        empty.
    """
    if length < 0 or clip < 1 or stride < 1:
        raise ValueError(
            'length must be at least 0, clip and stride at least 1, got '
            f'{length}, {clip} and {stride}'
        )
    if last not in ('reference', 'include'):
        raise ValueError(
            f"last must be 'reference' or 'include', got {last!r}"
        )
    if length <= clip:
        return [(0, length)] if length else []
    starts = list(range(0, length - clip, stride))
    if last == 'include':
        starts.append(length - clip)
    return [(start, start + clip) for start in starts]


def flow_name(file: str) -> str:
    """Name of the flow map of a frame."""
    return f'{file.rpartition(".")[0]}.png'


def parse_meta(content: Any, where: str | Path = META) -> Meta:
    """Check the content of ``meta.json``.

    Args:
        content (Any): What the file holds.
        where (str | Path): Named in messages.

    Raises:
        UserError: It is not what ``Meta`` describes.
    """
    if not isinstance(content, dict):
        raise UserError(f'{where} is no object; {_AGAIN}')
    missing = {'name', 'num_cameras', 'identities'} - set(content)
    if missing:
        raise UserError(f'{where} lacks {sorted(missing)[0]!r}; {_AGAIN}')
    cameras, identities = content['num_cameras'], content['identities']
    if not _is_index(cameras) or not isinstance(identities, list):
        raise UserError(
            f'{where}: num_cameras must be a number and identities a list; '
            f'{_AGAIN}'
        )
    for person, row in enumerate(identities):
        if not (
            isinstance(row, list)
            and len(row) == cameras
            and all(map(_is_names, row))
        ):
            raise UserError(
                f'{where}: identities[{person}] must hold {cameras} lists of '
                f'file names, one for each camera; {_AGAIN}'
            )
    tracklets = content.get('tracklets')
    if tracklets is not None:
        tracklets = _parse_tracklets(
            tracklets, len(identities), cameras, where
        )
    return Meta(str(content['name']), cameras, identities, tracklets)


def _parse_tracklets(
    content: Any, persons: int, cameras: int, where: str | Path
) -> list[Tracklet]:
    if not isinstance(content, list):
        raise UserError(f'{where}: tracklets must be a list; {_AGAIN}')
    tracklets = []
    for index, row in enumerate(content):
        try:
            tracklet = Tracklet(row['pid'], row['camid'], row['files'])
        except (TypeError, KeyError):
            raise UserError(
                f'{where}: tracklets[{index}] must have pid, camid and '
                f'files; {_AGAIN}'
            ) from None
        if not (
            _is_index(tracklet.pid, persons)
            and _is_index(tracklet.camid, cameras)
            and _is_names(tracklet.files)
        ):
            raise UserError(
                f'{where}: tracklets[{index}] must be file names of a person '
                f'0 to {persons - 1} in a camera 0 to {cameras - 1}; {_AGAIN}'
            )
        tracklets.append(tracklet)
    return tracklets


def parse_splits(
    content: Any, meta: Meta, where: str | Path = SPLITS
) -> list[PersonSplit]:
    """Check the content of ``splits.json``.

    Person -1 is the last one: the published splits of PRID2011 have it.

    Args:
        content (Any): What the file holds.
        meta (Meta): The data set it belongs to.
        where (str | Path): Named in messages.

    Raises:
        UserError: It is no list of splits or names what does not exist.
    """
    if not isinstance(content, list) or not content:
        raise UserError(f'{where} is no list of splits; {_AGAIN}')
    splits = []
    for index, row in enumerate(content):
        if not isinstance(row, dict):
            raise UserError(f'{where}: split {index} is no object; {_AGAIN}')
        lists = {}
        for key in _PERSONS.values():
            persons = len(meta.identities)
            found = _indices(row, key, persons, 'person', index, where)
            lists[key] = [pid % persons for pid in found]
        if meta.tracklets is not None:
            for key in (f'{role}_tracklets' for role in _PERSONS):
                lists[key] = _indices(
                    row, key, len(meta.tracklets), 'tracklet', index, where
                )
        splits.append(PersonSplit(**lists))
    return splits


def _indices(
    row: dict, key: str, count: int, what: str, split: int, where: str | Path
) -> list[int]:
    """A list of a split, every member below ``count``."""
    members = row.get(key)
    if not isinstance(members, list):
        raise UserError(
            f'{where}: split {split} needs {key!r}, a list of {what}s; '
            f'{_AGAIN}'
        )
    least = -1 if what == 'person' and count else 0
    for member in members:
        if not _is_index(member, count, least):
            raise UserError(
                f'{where}: {key} of split {split} names {what} {member!r}, '
                f'but meta.json has {count} {what}s, 0 to {count - 1}; '
                f'{_AGAIN}'
            )
    return members


def _is_index(value: Any, count: float = float('inf'), least: int = 0) -> bool:
    return type(value) is int and least <= value < count


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def _read_json(path: str | Path) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding='utf-8'))
    except FileNotFoundError:
        raise UserError(
            f'{path} does not exist; convert the raw data set with '
            'tools/dataset_converters/video_reid.py'
        ) from None
    except (ValueError, OSError) as error:
        raise UserError(f'{path} cannot be read ({error}); {_AGAIN}') from None
