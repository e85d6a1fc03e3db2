# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Two cameras in a hall: place, direction, light. Pictures are BGR uint8."""

from dataclasses import dataclass

import cv2
import numpy as np

from ..drawing.textures import hsv
from .looks import Look
from .walker import View, draw_walker

_LENGTH = 6  # of a hall, in heights of a picture
_HEADROOM = 1.25  # height of the hall, likewise
_FEET = 0.945  # where the feet are, share of a picture's height
_TALL = 0.86  # height of a person, likewise


@dataclass(frozen=True)
class Camera:
    """A place and how it is seen.

    Attributes:
        hall (np.ndarray): (H, L, 3) uint8; left and right fit together.
        yaws (tuple[float, float]): Directions in which people walk, see
            ``View``.
        tilt (float): How far the camera looks down, radians.
        response (np.ndarray): (1, 256, 3) uint8 table: exposure, colour of
            the light, contrast.
        slope (float): Light from the left (< 0) or the right of a person.
        blur (float): Deviation, heights of a picture.
        noise (np.ndarray): int16, larger than a picture on each side.
        column (Colour): Colour of what stands in the foreground.
    """

    hall: np.ndarray
    yaws: tuple[float, float]
    tilt: float
    response: np.ndarray
    slope: float
    blur: float
    noise: np.ndarray
    column: tuple[int, int, int]


#: Directions (degrees), tilt, gain (B, G, R), gamma, slope and blur.
_KINDS = (
    ((28, -40), 0.16, (0.72, 0.92, 1.06), 1.12, 0.4, 0.004),
    ((112, -125), 0.3, (1.14, 1.02, 0.86), 0.86, -0.5, 0.006),
)


def make_camera(rng: np.random.Generator, kind: int, height: int) -> Camera:
    """Build a camera.

    Args:
        rng (np.random.Generator): Source of chance.
        kind (int): 0: warm, dim, from the front. 1: cold, bright, from
            behind and farther above.
        height (int): Of the pictures in px.
    """
    yaws, tilt, gain, gamma, slope, blur = _KINDS[kind]
    levels = np.linspace(0, 1, 256)[:, None] ** gamma * 255
    table = np.clip(levels * np.array(gain), 0, 255).round().astype(np.uint8)
    noise = rng.normal(0, 5 if kind else 3.5, (2 * height, 2 * height, 3))
    return Camera(
        _hall(rng, height),
        (np.deg2rad(yaws[0]), np.deg2rad(yaws[1])),
        tilt,
        table[None],
        slope,
        blur * height,
        noise.round().astype(np.int16),
        _bgr(rng.random(), 0.15, rng.uniform(0.25, 0.6)),
    )


def _bgr(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    b, g, r = hsv(hue, saturation, value).tolist()
    return b, g, r


def _hall(rng: np.random.Generator, height: int) -> np.ndarray:
    """A long wall with doors, posters and seats above a tiled floor."""
    length, tall = _LENGTH * height, int(_HEADROOM * height)
    line = int(tall * rng.uniform(0.52, 0.66))
    image = np.empty((tall, length, 3), np.uint8)
    image[:line] = _bgr(rng.random(), 0.12, rng.uniform(0.5, 0.8))
    floor = _bgr(0.1, rng.uniform(0.05, 0.3), rng.uniform(0.35, 0.65))
    image[line:] = floor
    dark = tuple(int(0.8 * v) for v in floor)
    for k in range(1, 5):  # rows of tiles, nearer ones larger
        y = line + (tall - line) * k * k // 20
        cv2.line(image, (0, y), (length, y), dark, 1)
    tile = max(height // 3, 1)
    for x in range(0, length, tile):
        cv2.line(image, (x, line), (x - tile // 2, tall), dark, 1)
    for _ in range(22):
        x = int(rng.integers(length))
        wide = int(rng.uniform(0.15, 0.7) * height)
        high = int(rng.uniform(0.12, 0.6) * height)
        stands = rng.random() < 0.6
        top = line - high if stands else int(rng.uniform(0, 0.5) * line)
        if stands and high < 0.25 * height:  # a bench, in front of the wall
            top += high // 2
        colour = _bgr(rng.random(), rng.uniform(0, 0.6), rng.uniform(0.15, 1))
        edge = tuple(v // 2 for v in colour)
        for shift in (0, -length):  # left and right fit together
            box = (x + shift, top), (x + shift + wide, top + high)
            cv2.rectangle(image, *box, colour, -1)
            cv2.rectangle(image, *box, edge, max(height // 64, 1))
    stains = rng.normal(0, 7, (tall // 8 + 1, length // 8 + 1, 1))
    stains = cv2.resize(stains.astype(np.float32), (length, tall))
    image = np.clip(image + stains[:, :, None], 0, 255).astype(np.uint8)
    return cv2.GaussianBlur(image, (0, 0), 0.006 * height + 0.3)


@dataclass(frozen=True)
class Passage:
    """Something that hides the walker for a while.

    Attributes:
        middle (float): Frame in which it is before the walker.
        speed (float): Relative to the walker, heights of a picture a frame.
        look (Look, optional): Someone who crosses; None: a column.
        yaw (float): Direction of the one who crosses.
        size (float): Of who crosses, relative; or of the column, widths.
    """

    middle: float
    speed: float
    look: Look | None
    yaw: float
    size: float


@dataclass(frozen=True)
class Track:
    """How one person passes one camera.

    Attributes:
        length (int): Frames.
        yaw (float): Direction, see ``View``.
        phase (float): Of the steps in frame 0, radians.
        start (float): Place in the hall, px.
        gain (float): Exposure, about 1.
        waves (np.ndarray): (3, 4): for x, y and size of the box the
            amplitudes, and frequency and phase of their drift.
        passages (list[Passage]): What hides the walker.
    """

    length: int
    yaw: float
    phase: float
    start: float
    gain: float
    waves: np.ndarray
    passages: list[Passage]


def random_track(
    rng: np.random.Generator,
    camera: Camera,
    length: int,
    height: int,
    passers: list[Look],
) -> Track:
    """Draw how a person passes a camera.

    Args:
        rng (np.random.Generator): Source of chance.
        camera (Camera): The camera.
        length (int): Frames.
        height (int): Of the pictures in px.
        passers (list[Look]): Who may cross in front.
    """
    yaw = camera.yaws[rng.integers(2)] + rng.normal(0, 0.2)
    passages = []
    for _ in range(rng.poisson(min(length / 45, 2.5))):
        way = rng.choice([-1, 1])
        crosses = rng.random() < 0.6
        passages.append(
            Passage(
                middle=rng.uniform(0, length),
                speed=float(way * rng.uniform(0.02, 0.045)),
                look=passers[rng.integers(len(passers))] if crosses else None,
                yaw=way * (np.pi / 2 + rng.normal(0, 0.3)),
                size=rng.uniform(1, 1.12)
                if crosses
                else rng.uniform(0.3, 0.5),
            )
        )
    amplitudes = np.array([0.02, 0.012, 0.03]) * rng.uniform(0.5, 1, 3)
    waves = np.stack(
        [
            amplitudes,
            rng.uniform(0.05, 0.25, 3),
            rng.uniform(0, 2 * np.pi, 3),
            amplitudes * rng.normal(0, 0.8, 3),
        ],
        axis=1,
    )
    return Track(
        length,
        float(yaw),
        rng.uniform(0, 2 * np.pi),
        rng.uniform(0, camera.hall.shape[1]),
        float(np.exp(rng.normal(0, 0.09))),
        waves,
        passages,
    )


def film(
    rng: np.random.Generator,
    camera: Camera,
    track: Track,
    look: Look,
    height: int,
    frame: int,
) -> np.ndarray:
    """Take one picture.

    Args:
        rng (np.random.Generator): Source of chance (noise).
        camera (Camera): The camera.
        track (Track): How the person passes it.
        look (Look): The person.
        height (int): Of the picture in px; the width is half of it.
        frame (int): Which frame of the track.

    Returns:
        np.ndarray: (height, height // 2, 3) BGR uint8.
    """
    size = height // 2, height
    amplitude, frequency, phase, shift = track.waves.T
    x, y, grow = shift + amplitude * np.sin(frequency * frame + phase)
    unit = _TALL * height * (1 + grow)
    foot = size[0] / 2 + x * height, height * (_FEET + y)
    # two steps are about 0.85 of the height
    pace = 0.85 * unit * look.height / look.stride * np.sin(track.yaw)
    place = track.start + pace * frame
    picture = _background(camera, place, foot, 1 + grow, size)
    _shadow(picture, foot, unit)
    step = track.phase + 2 * np.pi * frame / look.stride
    view = View(track.yaw, camera.tilt, unit, foot)
    picture = _over(picture, *draw_walker(look, step, view, size), camera)
    for passage in track.passages:
        at = foot[0] + (frame - passage.middle) * passage.speed * height
        picture = _pass(picture, camera, passage, at, view, step)
    # lamps: the light changes along the hall
    pool = 1 + 0.13 * np.sin(place * 8 * np.pi / camera.hall.shape[1])
    picture = cv2.GaussianBlur(
        picture * (track.gain * pool), (0, 0), camera.blur
    )
    picture = cv2.LUT(
        np.clip(picture, 0, 255).astype(np.uint8), camera.response
    )
    top, left = rng.integers(0, (height, size[0] + height))
    noise = camera.noise[top : top + height, left : left + size[0]]
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _background(
    camera: Camera,
    place: float,
    foot: tuple[float, float],
    zoom: float,
    size: tuple[int, int],
) -> np.ndarray:
    """The hall behind someone at ``place``, (h, w, 3) float32."""
    tall, length = camera.hall.shape[:2]
    columns = (np.arange(size[0]) - foot[0]) / zoom + place
    rows = (np.arange(size[1]) - foot[1]) / zoom + 0.94 * tall
    at = np.meshgrid(columns % length, rows.clip(0, tall - 1))
    picture = cv2.remap(
        camera.hall,
        *(coordinates.astype(np.float32) for coordinates in at),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    return picture.astype(np.float32)


def _shadow(
    picture: np.ndarray, foot: tuple[float, float], unit: float
) -> None:
    """Darken the floor under someone."""
    dark = np.zeros(picture.shape[:2], np.uint8)
    axes = max(int(0.2 * unit), 1), max(int(0.045 * unit), 1)
    middle = round(foot[0]), round(foot[1])
    cv2.ellipse(dark, middle, axes, 0, 0, 360, 110, -1)
    picture *= 1 - dark[:, :, None].astype(np.float32) * np.float32(1 / 255)


def _over(
    picture: np.ndarray, figure: np.ndarray, cover: np.ndarray, camera: Camera
) -> np.ndarray:
    """Lay a figure over a picture, lit from one side."""
    across = np.linspace(-0.5, 0.5, picture.shape[1], dtype=np.float32)
    figure = figure * (1 + np.float32(camera.slope) * across)[:, None]
    return picture * (1 - cover[:, :, None]) + figure


def _pass(
    picture: np.ndarray,
    camera: Camera,
    passage: Passage,
    at: float,
    view: View,
    step: float,
) -> np.ndarray:
    """Draw what is before the walker, at x = ``at`` px."""
    height, width = picture.shape[:2]
    reach = 0.3 * height if passage.look else passage.size * width / 2
    if not -reach < at < width + reach:
        return picture
    if passage.look is None:
        left, right = round(at - reach), round(at + reach)
        column = picture[:, max(left, 0) : max(right, 0)]
        column[:] = camera.column
        column[:, : max(width // 24, 1)] *= 0.7
        return picture
    foot = at, view.foot[1] + 0.03 * height
    view = View(passage.yaw, view.tilt, view.scale * passage.size, foot)
    figure = draw_walker(passage.look, 1.1 * step, view, (width, height))
    return _over(picture, *figure, camera)
