# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Video re-identification: layout of a converted dataset, and its clips.

Layout of every dataset after ``tools/dataset_converters/video_reid.py``::

    ROOT/images/{person:08d}_{camera:02d}_{frame:04d}.png   RGB frames
    ROOT/others/                                            flow, same names
    ROOT/meta.json     name, shot, num_cameras, identities[person][camera] =
                       [file name]; with several tracklets for a person and
                       camera also tracklets = [{pid, camid, files}]
    ROOT/splits.json   [{trainval, query, gallery: [person]}]; with tracklets
                       also {train,query,gallery}_tracklets = [index]
    ROOT/flow.json     how the flow was computed

All numbers count from 0. Frames of JPEG datasets keep their bytes and their
``.jpg``; the flow of ``X.jpg`` is ``X.png``.

A tracklet is all frames of a person in one camera in a row, a clip a few
consecutive frames of a tracklet. Where a dataset has no list of tracklets,
each ``identities[person][camera]`` is one: queries come from camera 0, the
gallery from the others.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ...errors import UserError
from ...utils.files import read_json, write_json
from ..checks import Fields, Record, require
from ..rules import Integer, ListOf, Rule, Text, show

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
_AGAIN = 'convert the dataset again, or correct the file'
_FILES = ListOf(Text('a file name'), 'file names')
_META: Fields = {
    'name': Text('the name of the dataset'),
    'num_cameras': Integer(0),
    'identities': ListOf(None, 'persons'),
}


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
        name (str): Name of the dataset.
        num_cameras (int): Number of cameras.
        identities (list[list[list[str]]]): ``[person][camera]`` are file
            names.
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
    """One way to divide the persons into training and test.

    Attributes:
        trainval (list[int]): Persons of the training.
        query (list[int]): Persons that are searched for.
        gallery (list[int]): Persons that are searched in.
        train_tracklets (list[int], optional): Indices into
            ``Meta.tracklets``.
        query_tracklets (list[int], optional): The same.
        gallery_tracklets (list[int], optional): The same.
    """

    trainval: list[int]
    query: list[int]
    gallery: list[int]
    train_tracklets: list[int] | None = None
    query_tracklets: list[int] | None = None
    gallery_tracklets: list[int] | None = None


@dataclass(frozen=True)
class VideoReID:
    """A converted dataset.

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
        """Return the tracklets of a part of a split, in their order.

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
        persons = self.splits[split]
        if self.meta.tracklets is not None:
            indices = getattr(persons, f'{role}_tracklets')
            return [self.meta.tracklets[i] for i in indices]
        cameras = {
            'train': range(self.meta.num_cameras),
            'query': range(1),
            'gallery': range(1, self.meta.num_cameras),
        }[role]
        return [
            Tracklet(pid, camid, self.meta.identities[pid][camid])
            for pid in getattr(persons, _PERSONS[role])
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
    """Return the file name of a frame's flow map."""
    return f'{file.rpartition(".")[0]}.png'


def parse_meta(content: Any, where: str | Path = META) -> Meta:
    """Check the content of ``meta.json``.

    Args:
        content (Any): What the file holds.
        where (str | Path): Named in messages.

    Raises:
        UserError: It is not what ``Meta`` describes.
    """
    require(content, _META, f'{where}', _AGAIN)
    cameras, identities = content['num_cameras'], content['identities']
    row = ListOf(_FILES, 'lists of file names, one for each camera', cameras)
    fields: dict[str, Rule | None] = {'identities': ListOf(row, 'persons')}
    if content.get('tracklets') is not None:
        tracklet: Fields = {
            'pid': Integer(0, len(identities) - 1, 'a person'),
            'camid': Integer(0, cameras - 1, 'a camera'),
            'files': _FILES,
        }
        fields['tracklets'] = ListOf(Record(tracklet), 'tracklets')
    require(content, fields, f'{where}', _AGAIN)
    tracklets = None
    if 'tracklets' in fields:
        tracklets = [
            Tracklet(row['pid'], row['camid'], row['files'])
            for row in content['tracklets']
        ]
    return Meta(content['name'], cameras, identities, tracklets)


def parse_splits(
    content: Any, meta: Meta, where: str | Path = SPLITS
) -> list[PersonSplit]:
    """Check the content of ``splits.json``.

    Person -1 is the last one: the published splits of PRID2011 have it.

    Args:
        content (Any): What the file holds.
        meta (Meta): The dataset it belongs to.
        where (str | Path): Named in messages.

    Raises:
        UserError: It is not a list of splits, or names what does not exist.
    """
    if not isinstance(content, list) or not content:
        raise UserError(
            f'{where} holds {show(content)}, expected a list of splits; '
            f'{_AGAIN}'
        )
    persons = len(meta.identities)
    known = f'meta.json has {persons} persons'
    person = Integer(-1 if persons else 0, persons - 1, known)
    fields = {key: ListOf(person, 'persons') for key in _PERSONS.values()}
    if meta.tracklets is not None:
        count = len(meta.tracklets)
        index = Integer(0, count - 1, f'meta.json has {count} tracklets')
        for role in _PERSONS:
            fields[f'{role}_tracklets'] = ListOf(index, 'tracklets')
    splits = []
    for number, row in enumerate(content):
        require(row, fields, f'{where}: split {number}', _AGAIN)
        lists = {key: row[key] for key in fields}
        for key in _PERSONS.values():
            lists[key] = [pid % persons for pid in row[key]]
        splits.append(PersonSplit(**lists))
    return splits


def _read_json(path: str | Path) -> Any:
    if not Path(path).exists():
        raise UserError(
            f'{path} does not exist; convert the raw dataset with '
            'tools/dataset_converters/video_reid.py'
        )
    return read_json(path, 'dataset')
