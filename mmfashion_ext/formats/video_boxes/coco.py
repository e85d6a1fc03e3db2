# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""COCO JSON with the boxes of videos: images are frames.

The number of a frame is ``frame_id`` (CocoVID) or ``frame_index`` (TAO), from
0; without either, the images of a video count in the natural order of their
names. The video of an image is that of ``video_id`` in ``videos``, or, without
``videos``, the folder of ``file_name``. The track of a box is ``track_id`` or
``instance_id``, its score ``score``.
"""

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError, describe
from ...utils.images import natural_order
from ..coco import BBOX, CocoFields, CocoGroundTruth, read_coco
from ..rules import Integer, Number, OptionalField, Text
from .table import FrameBoxes, VideoBoxes, group_by_frame

#: Names of the category that is a person, in lower case.
PERSON_NAMES = ('person', 'pedestrian', 'people', 'human')
_FRAME_KEYS = ('frame_id', 'frame_index')
_TRACK_KEYS = ('track_id', 'instance_id')
_FIELDS = CocoFields(
    image={
        'id': Integer(),
        'file_name': Text('a file name'),
        'video_id': OptionalField(Integer()),
        **{key: OptionalField(Integer(0)) for key in _FRAME_KEYS},
    },
    annotation={
        'id': Integer(),
        'image_id': Integer(),
        'category_id': Integer(),
        'bbox': BBOX,
        'score': OptionalField(Number(0, 1)),
        **{key: OptionalField(Integer(0)) for key in _TRACK_KEYS},
    },
    category={'id': Integer(), 'name': Text('a category')},
)


def read_coco_boxes(path: str | Path) -> dict[str, VideoBoxes]:
    """Read the boxes of persons in the videos of a COCO file.

    Args:
        path (str | Path): JSON file.

    Returns:
        dict[str, VideoBoxes]: Name of each video, without folder and ending
        (empty if the file does not say) -> boxes (n, 4) xyxy px, frames from
        0.

    Raises:
        UserError: The file is not such, or has no category of persons.
    """
    truth = read_coco(str(path), _FIELDS)
    people = _person_ids(truth.categories, path)
    video_names = _video_names(path)
    places = _places(truth, video_names)
    rows: dict[str, list[dict]] = {name: [] for name, _ in places.values()}
    skipped: dict[str, int] = dict.fromkeys(rows, 0)
    for annotation in truth.annotations:
        name, _ = places[annotation['image_id']]
        if (
            annotation['category_id'] in people
            and min(annotation['bbox'][2:]) > 0
        ):
            rows[name].append(annotation)
        else:
            skipped[name] += 1
    return {
        name: _boxes(found, places, skipped[name], str(path))
        for name, found in rows.items()
    }


def _boxes(
    annotations: list[dict],
    places: dict[int, tuple[str, int]],
    skipped: int,
    source: str,
) -> VideoBoxes:
    corners = np.array(
        [annotation['bbox'] for annotation in annotations], float
    ).reshape(-1, 4)
    corners[:, 2:] += corners[:, :2]
    boxes = FrameBoxes.build(
        corners,
        [annotation.get('score', 1.0) for annotation in annotations],
        [_first(annotation, _TRACK_KEYS, -1) for annotation in annotations],
    )
    numbers = np.array([places[a['image_id']][1] for a in annotations], int)
    tracked = bool((boxes.tracks >= 0).all())
    return VideoBoxes(group_by_frame(numbers, boxes), tracked, skipped, source)


def _places(
    truth: CocoGroundTruth, video_names: dict[int, str]
) -> dict[int, tuple[str, int]]:
    """Return the video and the number of the frame of each image."""
    videos: dict[str, list[dict]] = {}
    for image in truth.images.values():
        folder = Path(image['file_name']).parent
        if folder.name == 'img1':  # of a sequence of MOTChallenge
            folder = folder.parent
        name = video_names.get(image.get('video_id', -1), folder.name)
        videos.setdefault(name, []).append(image)
    places = {}
    for name, images in videos.items():
        numbers = [_first(image, _FRAME_KEYS, None) for image in images]
        if None in numbers or len({*numbers}) < len(numbers):
            images = sorted(
                images,
                key=lambda image: natural_order(Path(image['file_name'])),
            )
            numbers = [*range(len(images))]
        for image, number in zip(images, numbers, strict=True):
            places[image['id']] = name, int(number)
    return places


def _video_names(path: str | Path) -> dict[int, str]:
    """Return the names of ``videos`` by id; empty without them."""
    from ...utils.files import read_json

    videos = read_json(path, 'boxes').get('videos', [])
    names = {}
    for video in videos if isinstance(videos, list) else []:
        name = isinstance(video, dict) and (
            video.get('name') or video.get('file_name')
        )
        if not isinstance(name, str) or not isinstance(video.get('id'), int):
            raise UserError(
                f'{path}: videos must be objects with id and name, got '
                f'{str(video)[:80]}'
            )
        names[video['id']] = Path(name).stem
    return names


def _person_ids(categories: list[dict], path: str | Path) -> set[int]:
    """Return the ids of the category that is a person."""
    found = {
        category['id']
        for category in categories
        if category['name'].lower() in PERSON_NAMES
    }
    if not found and len(categories) == 1:
        return {categories[0]['id']}
    if not found:
        raise UserError(
            f'{path}: none of the categories is person: '
            f'{describe(category["name"] for category in categories)}'
        )
    return found


def _first(record: dict, keys: tuple[str, ...], default: Any) -> Any:
    return next((record[key] for key in keys if key in record), default)
