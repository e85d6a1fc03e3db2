# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Two simulated surveillance cameras that film walkers in a hall.

Images are (h, w, 3) BGR uint8, their width is half of their height.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from ..drawing.textures import hsv_to_bgr
from .appearance import Appearance
from .walker import CameraView, draw_walker

# in heights of an image
_HALL_LENGTH = 6
_HALL_HEIGHT = 1.25
#: y of the feet in the box around a walker, and the height of a walker.
FEET_Y = 0.945
PERSON_HEIGHT = 0.86


@dataclass(frozen=True)
class Camera:
    """Background, direction, light and noise of a camera.

    Attributes:
        hall (np.ndarray): (H, L, 3) BGR uint8; its left and right ends fit
            together.
        yaws (tuple[float, float]): Directions in which people walk, radians,
            see :class:`~.walker.CameraView`.
        tilt (float): How far the camera looks down, radians.
        response (np.ndarray): (1, 256, 3) uint8 lookup table: exposure,
            colour of the light, contrast.
        slope (float): Change of brightness across a person, < 0 if the light
            comes from the left.
        blur (float): Standard deviation of the blur, px.
        noise (np.ndarray): (2h, 2h, 3) int16, of which each frame shows a
            part.
        column (tuple[int, int, int]): Colour of columns in the foreground,
            BGR.
    """

    hall: np.ndarray
    yaws: tuple[float, float]
    tilt: float
    response: np.ndarray
    slope: float
    blur: float
    noise: np.ndarray
    column: tuple[int, int, int]


#: Of each camera: directions (degrees), tilt (radians), gain (B, G, R), gamma,
#: slope, and blur (heights of an image).
_Setting = tuple[
    tuple[float, float],
    float,
    tuple[float, float, float],
    float,
    float,
    float,
]
_SETTINGS: tuple[_Setting, ...] = (
    ((28, -40), 0.16, (0.72, 0.92, 1.06), 1.12, 0.4, 0.004),
    ((112, -125), 0.3, (1.14, 1.02, 0.86), 0.86, -0.5, 0.006),
)


def make_camera(
    rng: np.random.Generator, number: int, height: int, varied: bool = False
) -> Camera:
    """Build one of the two cameras.

    Args:
        rng (np.random.Generator): Source of randomness.
        number (int): 0: warm, dim light, people seen from the front. 1: cold,
            bright light, people seen from behind and from farther above.
        height (int): Height of the images, px.
        varied (bool): Sample light, contrast, blur and directions too; only
            the side from which people are seen still depends on ``number``.

    Returns:
        Camera: With a random hall, (H, L, 3) BGR uint8.
    """
    yaws, tilt, gain, gamma, slope, blur = _SETTINGS[number]
    if varied:
        yaws = (yaws[0] + rng.normal(0, 12), yaws[1] + rng.normal(0, 12))
        tilt = rng.uniform(0.05, 0.4)
        warmth = rng.normal(0, 0.09)  # red and blue change the other way
        light = np.exp(rng.normal(0, 0.12))
        tint = np.exp(np.array([-warmth, 0, warmth]))
        gain = tuple((light * tint).tolist())
        gamma = float(np.exp(rng.normal(0, 0.14)))
        slope = rng.uniform(-0.6, 0.6)
        blur = rng.uniform(0.002, 0.008)
    levels = np.linspace(0, 1, 256)[:, None] ** gamma * 255
    table = np.clip(levels * np.array(gain), 0, 255).round().astype(np.uint8)
    noise = rng.normal(0, 5 if number else 3.5, (2 * height, 2 * height, 3))
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
    """Return a BGR colour of hue in turns, saturation and value 0-1."""
    b, g, r = hsv_to_bgr(hue, saturation, value).tolist()
    return b, g, r


def _hall(rng: np.random.Generator, height: int) -> np.ndarray:
    """Draw a wall with doors, posters and seats, (H, L, 3) BGR uint8."""
    length, tall = _HALL_LENGTH * height, int(_HALL_HEIGHT * height)
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
class Occluder:
    """A column or another person that hides the walker for a while.

    Attributes:
        middle (float): Frame in which it is right before the walker.
        speed (float): Speed relative to the walker, heights of an image per
            frame.
        appearance (Appearance, optional): The person; None: a column.
        yaw (float): Walking direction of the person, radians.
        size (float): Of a person: height relative to the walker. Of a column:
            its width, in widths of an image.
    """

    middle: float
    speed: float
    appearance: Appearance | None
    yaw: float
    size: float


@dataclass(frozen=True)
class Track:
    """How one person walks past one camera.

    Attributes:
        length (int): Number of frames.
        yaw (float): Walking direction, radians, see
            :class:`~.walker.CameraView`.
        phase (float): Phase of the steps in frame 0, radians.
        start (float): Position in the hall in frame 0, px.
        gain (float): Exposure, about 1.
        waves (np.ndarray): (3, 4) drift of x, y and size of the box around
            the walker: amplitude and offset (columns 0 and 3, relative to
            the image), frequency (radians per frame) and phase (radians).
        occluders (list[Occluder]): What hides the walker.
    """

    length: int
    yaw: float
    phase: float
    start: float
    gain: float
    waves: np.ndarray
    occluders: list[Occluder]


def random_track(
    rng: np.random.Generator,
    camera: Camera,
    length: int,
    height: int,
    passers_by: list[Appearance],
) -> Track:
    """Sample how a person walks past a camera.

    Args:
        rng (np.random.Generator): Source of randomness.
        camera (Camera): The camera.
        length (int): Number of frames.
        height (int): Height of the images, px.
        passers_by (list[Appearance]): Persons who may cross in front.

    Returns:
        Track: With (3, 4) waves; longer ones have more occluders.
    """
    yaw = camera.yaws[rng.integers(2)] + rng.normal(0, 0.2)
    occluders = []
    for _ in range(rng.poisson(min(length / 45, 2.5))):
        direction = rng.choice([-1, 1])
        crosses = rng.random() < 0.6
        occluders.append(
            Occluder(
                middle=rng.uniform(0, length),
                speed=float(direction * rng.uniform(0.02, 0.045)),
                appearance=passers_by[rng.integers(len(passers_by))]
                if crosses
                else None,
                yaw=direction * (np.pi / 2 + rng.normal(0, 0.3)),
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
        occluders,
    )


def render_frame(
    rng: np.random.Generator,
    camera: Camera,
    track: Track,
    appearance: Appearance,
    height: int,
    frame: int,
) -> np.ndarray:
    """Render one frame of a track.

    Args:
        rng (np.random.Generator): Source of randomness of the noise.
        camera (Camera): The camera.
        track (Track): How the person walks past it.
        appearance (Appearance): The person.
        height (int): Height of the image, px; the width is half of it.
        frame (int): Number of the frame, from 0.

    Returns:
        np.ndarray: (h, h // 2, 3) BGR uint8 with h = ``height``.
    """
    size = height // 2, height
    amplitude, frequency, phase, shift = track.waves.T
    x, y, grow = shift + amplitude * np.sin(frequency * frame + phase)
    unit = PERSON_HEIGHT * height * (1 + grow)
    foot = size[0] / 2 + x * height, height * (FEET_Y + y)
    # Two steps are about 0.85 of the height.
    pace = (
        0.85 * unit * appearance.height / appearance.stride * np.sin(track.yaw)
    )
    position = track.start + pace * frame
    image = background(camera, position, foot, 1 + grow, size)
    shadow(image, foot, unit)
    step = track.phase + 2 * np.pi * frame / appearance.stride
    view = CameraView(track.yaw, camera.tilt, unit, foot)
    image = over(image, *draw_walker(appearance, step, view, size), camera)
    for occluder in track.occluders:
        at = foot[0] + (frame - occluder.middle) * occluder.speed * height
        image = _draw_occluder(image, camera, occluder, at, view, step)
    # The light changes along the hall, from lamp to lamp.
    lamps = 1 + 0.13 * np.sin(position * 8 * np.pi / camera.hall.shape[1])
    image = cv2.GaussianBlur(image * (track.gain * lamps), (0, 0), camera.blur)
    image = cv2.LUT(np.clip(image, 0, 255).astype(np.uint8), camera.response)
    top, left = rng.integers(0, (height, size[0] + height))
    noise = camera.noise[top : top + height, left : left + size[0]]
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def background(
    camera: Camera,
    position: float,
    foot: tuple[float, float],
    zoom: float,
    size: tuple[int, int],
) -> np.ndarray:
    """Return the hall behind a walker at ``position``, (h, w, 3) float32.

    Args:
        camera (Camera): The camera.
        position (float): Place in the hall, px.
        foot (tuple[float, float]): (x, y) px of the walker in the image.
        zoom (float): Size of the walker, about 1.
        size (tuple[int, int]): (w, h) px of the image.
    """
    tall, length = camera.hall.shape[:2]
    columns = (np.arange(size[0]) - foot[0]) / zoom + position
    rows = (np.arange(size[1]) - foot[1]) / zoom + 0.94 * tall
    x, y = np.meshgrid(columns % length, rows.clip(0, tall - 1))
    image = cv2.remap(
        camera.hall,
        x.astype(np.float32),
        y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    return image.astype(np.float32)


def shadow(image: np.ndarray, foot: tuple[float, float], unit: float) -> None:
    """Darken the floor under a walker in an image (h, w, 3), in place."""
    dark = np.zeros(image.shape[:2], np.uint8)
    axes = max(int(0.2 * unit), 1), max(int(0.045 * unit), 1)
    middle = round(foot[0]), round(foot[1])
    cv2.ellipse(dark, middle, axes, 0, 0, 360, 110, -1)
    image *= 1 - dark[:, :, None].astype(np.float32) * np.float32(1 / 255)


def over(
    image: np.ndarray, figure: np.ndarray, cover: np.ndarray, camera: Camera
) -> np.ndarray:
    """Blend a walker, lit from one side, over an image (h, w, 3) float32."""
    across = np.linspace(-0.5, 0.5, image.shape[1], dtype=np.float32)
    figure = figure * (1 + np.float32(camera.slope) * across)[:, None]
    return image * (1 - cover[:, :, None]) + figure


def _draw_occluder(
    image: np.ndarray,
    camera: Camera,
    occluder: Occluder,
    at: float,
    view: CameraView,
    step: float,
) -> np.ndarray:
    """Draw what hides the walker, at x = ``at`` px."""
    height, width = image.shape[:2]
    reach = 0.3 * height if occluder.appearance else occluder.size * width / 2
    if not -reach < at < width + reach:
        return image
    if occluder.appearance is None:
        left, right = round(at - reach), round(at + reach)
        column = image[:, max(left, 0) : max(right, 0)]
        column[:] = camera.column
        column[:, : max(width // 24, 1)] *= 0.7
        return image
    foot = at, view.foot[1] + 0.03 * height
    view = CameraView(
        occluder.yaw, view.tilt, view.scale * occluder.size, foot
    )
    figure = draw_walker(
        occluder.appearance, 1.1 * step, view, (width, height)
    )
    return over(image, *figure, camera)
