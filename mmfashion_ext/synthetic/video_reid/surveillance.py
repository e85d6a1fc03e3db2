# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Generate raw videos: people who walk through the halls of some cameras.

::

    OUT/videos/cam1.mp4 ...       every person walks through every hall once
    OUT/boxes/cam1.txt ...        MOT text; the id is the person, from 1
    OUT/detections/cam1.txt ...   the same boxes, moved a little, without ids
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from rich import progress as rich_progress

from ...errors import UserError
from ...formats.video_boxes.mot import write_mot
from ...formats.video_boxes.table import FrameBoxes
from ...utils.video import VideoWriter
from ..output import check_at_least, new_folder, one_thread
from .appearance import Appearance
from .camera import (
    FEET_Y,
    PERSON_HEIGHT,
    Camera,
    background,
    make_camera,
    over,
    shadow,
)
from .generate import CAMERAS, person_appearance
from .walker import CameraView, draw_walker

CONTENTS = ('videos', 'boxes', 'detections')
FPS = 25.0
_WIDTH = 4  # of a video, in heights of a person's box
_JITTER = 0.02  # of detections, in heights of a box
_MIN_SIZE = 16  # px
_CAMERA, _WALK, _NOISE = range(10, 13)  # second number of the seed


class Walk(NamedTuple):
    """How a person walks through a hall.

    Attributes:
        person (int): From 0.
        appearance (Appearance): Of the person.
        start (int): Frame at which the person enters.
        yaw (float): Walking direction, radians, see ``CameraView``.
        phase (float): Phase of the steps on entering, radians.
        x (float): Place on entering, px.
        pace (float): px per frame; negative: to the left.
        foot (float): y of the feet, px.
        size (float): Height of the box, px.
    """

    person: int
    appearance: Appearance
    start: int
    yaw: float
    phase: float
    x: float
    pace: float
    foot: float
    size: float

    def at(self, frame: int) -> float:
        """Return x of the feet in a frame, px."""
        return self.x + self.pace * (frame - self.start)

    def box(self, frame: int) -> tuple[float, float, float, float]:
        """Return the box in a frame, xyxy px."""
        x, top = self.at(frame), self.foot - FEET_Y * self.size
        half = self.size / 4
        return x - half, top, x + half, top + self.size


def generate_surveillance(
    out: str | Path,
    *,
    num: int = 6,
    seed: int = 0,
    size: int = 64,
    frames: int = 250,
    cameras: int = 2,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Write raw videos with the boxes of the persons in them.

    Frames are (h, w, 3) with h = 1.25 and w = 4 times ``size`` px.

    Args:
        out (str or Path): Folder to create.
        num (int): Persons. Defaults to 6.
        seed (int): Seed, not negative. Defaults to 0.
        size (int): Height of a person's box, px. Defaults to 64.
        frames (int): Frames of each video, 25 a second. Defaults to 250.
        cameras (int): Videos. Defaults to 2.
        overwrite (bool): Replace earlier videos at ``out``.
        progress (bool): Show a progress bar.

    Returns:
        Path: ``out``.

    Raises:
        UserError: A number is out of range, or ``out`` is not empty.
    """
    out = Path(out).absolute()
    check_at_least(
        num=(num, 1),
        seed=(seed, 0),
        size=(size, _MIN_SIZE),
        frames=(frames, 2),
        cameras=(cameras, 1),
    )
    if num > frames:
        raise UserError(f'{num} persons do not fit into {frames} frames')
    with one_thread(), new_folder(out, CONTENTS, overwrite) as folder:
        for number in rich_progress.track(
            range(cameras), 'synthetic surveillance', disable=not progress
        ):
            rng = np.random.default_rng((seed, _CAMERA, number))
            kind = number % CAMERAS
            camera = make_camera(rng, kind, size, number >= CAMERAS)
            walks = _walks(seed, number, camera, num, size, frames)
            _write_video(folder, number, camera, walks, size, frames, seed)
    return out


def _walks(
    seed: int, number: int, camera: Camera, num: int, size: int, frames: int
) -> list[Walk]:
    """Sample the walks of all persons, in another order in each hall."""
    rng = np.random.default_rng((seed, _WALK, number))
    tall, width = camera.hall.shape[0], _WIDTH * size
    walks = []
    for turn, person in enumerate(rng.permutation(num).tolist()):
        look = person_appearance(seed, person)
        yaw = float(camera.yaws[turn % 2] + rng.normal(0, 0.1))
        grow = rng.uniform(0.92, 1.06)
        unit = PERSON_HEIGHT * size * grow
        pace = float(0.85 * unit * look.height / look.stride * np.sin(yaw))
        # the first ones are in the hall already, others enter one by one
        start = round(turn * 0.75 * frames / num)
        edge = -0.2 * size if pace > 0 else width + 0.2 * size
        walks.append(
            Walk(
                person,
                look,
                start,
                yaw,
                rng.uniform(0, 2 * np.pi),
                edge,
                pace,
                0.94 * tall + rng.uniform(-0.06, 0.02) * size,
                size * grow,
            )
        )
    return walks


def _write_video(
    folder: Path,
    number: int,
    camera: Camera,
    walks: list[Walk],
    size: int,
    frames: int,
    seed: int,
) -> None:
    """Write the video of a camera and its two files of boxes."""
    rng = np.random.default_rng((seed, _NOISE, number))
    shape = _WIDTH * size, camera.hall.shape[0]
    name = f'cam{number + 1}'
    writer = VideoWriter(folder / 'videos' / f'{name}.mp4', FPS, shape)
    boxes, detections = {}, {}
    for frame in range(frames):
        present = [
            walk
            for walk in walks
            if frame >= walk.start and _visible(walk, frame, shape[0])
        ]
        writer.write(render_scene(rng, camera, present, frame, shape))
        boxes[frame] = FrameBoxes.build(
            [walk.box(frame) for walk in present],
            tracks=[walk.person + 1 for walk in present],
        )
        moved = boxes[frame].boxes
        moved = moved + rng.normal(0, _JITTER * size, moved.shape)
        detections[frame] = FrameBoxes.build(
            moved, rng.uniform(0.6, 1, len(present))
        )
    writer.close()
    write_mot(folder / 'boxes' / f'{name}.txt', boxes)
    write_mot(folder / 'detections' / f'{name}.txt', detections)


def _visible(walk: Walk, frame: int, width: int) -> bool:
    x1, _, x2, _ = walk.box(frame)
    return x2 > 1 and x1 < width - 1


def render_scene(
    rng: np.random.Generator,
    camera: Camera,
    walks: list[Walk],
    frame: int,
    shape: tuple[int, int],
) -> np.ndarray:
    """Render one frame of a hall.

    Args:
        rng (np.random.Generator): Source of randomness of the noise.
        camera (Camera): The camera.
        walks (list[Walk]): Persons who are in the hall.
        frame (int): Number of the frame, from 0.
        shape (tuple[int, int]): (w, h) px.

    Returns:
        np.ndarray: (h, w, 3) BGR uint8.
    """
    width, tall = shape
    foot = 0.0, 0.94 * tall
    border = tall  # a walker is drawn whole, also at the edge
    wide = width + 2 * border, tall
    image = background(camera, -border, foot, 1, wide)
    for walk in sorted(walks, key=lambda walk: walk.foot):
        left = round(walk.at(frame)) - border // 2 + border
        window = image[:, max(left, 0) : left + border]
        place = walk.at(frame) + border - max(left, 0), walk.foot
        unit = PERSON_HEIGHT * walk.size
        shadow(window, place, unit)
        view = CameraView(walk.yaw, camera.tilt, unit, place)
        stride = walk.appearance.stride
        step = walk.phase + 2 * np.pi * (frame - walk.start) / stride
        size = window.shape[1], window.shape[0]
        window[:] = over(
            window, *draw_walker(walk.appearance, step, view, size), camera
        )
    image = image[:, border : border + width]
    positions = np.arange(width) * 8 * np.pi / camera.hall.shape[1]
    lamps = 1 + 0.13 * np.sin(positions, dtype=np.float32)
    image = cv2.GaussianBlur(image * lamps[:, None], (0, 0), camera.blur)
    image = cv2.LUT(np.clip(image, 0, 255).astype(np.uint8), camera.response)
    noise = rng.normal(0, float(camera.noise.std()), image.shape)
    return np.clip(image + noise, 0, 255).round().astype(np.uint8)
