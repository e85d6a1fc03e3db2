# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Optical flow of a video as images, one map a frame.

A map is (h, w, 3) uint8: the displacement of every pixel from this frame to
the next, x and y in px, and its length::

    channel 0 = 128 + 127 x / BOUND      right is > 128
    channel 1 = 128 + 127 y / BOUND      down is > 128
    channel 2 = 255 length / BOUND

rounded and cut off at 1 (channel 2: 0) and 255. The last frame has no next
one and repeats the map before it; a single frame has no motion.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np

from ...errors import UserError

FlowMethod = Literal['farneback', 'dis']
METHODS: tuple[FlowMethod, ...] = ('farneback', 'dis')
#: Largest displacement that a map holds, px of the frame.
BOUND = 16.0
#: OpenCV's DIS refuses some smaller frames, so they are padded to this, px.
_MIN_SIDE = 16


def encode_flow(flow: np.ndarray, bound: float = BOUND) -> np.ndarray:
    """Encode displacements as an image.

    Args:
        flow (np.ndarray): (h, w, 2) x, y in px.
        bound (float): Largest displacement that the map holds, px.

    Returns:
        np.ndarray: (h, w, 3) uint8, see the module.
    """
    length = np.hypot(flow[..., 0], flow[..., 1])
    map_ = np.dstack([128 + flow * (127 / bound), length * (255 / bound)])
    return np.clip(np.rint(map_), (1, 1, 0), 255).astype(np.uint8)


def decode_flow(map_: np.ndarray, bound: float = BOUND) -> np.ndarray:
    """Decode the displacements of a map, to half a step of ``bound / 127``.

    Args:
        map_ (np.ndarray): (h, w, 3) uint8, see the module.
        bound (float): That of ``encode_flow``.

    Returns:
        np.ndarray: (h, w, 2) float32 x, y in px.
    """
    return (map_[..., :2].astype(np.float32) - 128) * (bound / 127)


def flow_between(
    first: np.ndarray, second: np.ndarray, method: FlowMethod
) -> np.ndarray:
    """Compute where each pixel of a frame goes in the next one.

    Args:
        first (np.ndarray): (h, w) uint8 grey.
        second (np.ndarray): (h, w) uint8 grey.
        method (str): ``'farneback'`` or ``'dis'``.

    Returns:
        np.ndarray: (h, w, 2) float32 x, y in px.

    Raises:
        UserError: There is no such method.
    """
    if method == 'farneback':
        return cv2.calcOpticalFlowFarneback(
            first,
            second,
            None,
            pyr_scale=0.5,
            levels=3,
            winsize=9,
            iterations=3,
            poly_n=5,
            poly_sigma=1.1,
            flags=0,
        )
    if method != 'dis':
        raise UserError(f'method must be one of {METHODS}, got {method!r}')
    preset = cv2.DISOPTICAL_FLOW_PRESET_MEDIUM
    dis = cv2.DISOpticalFlow_create(preset)  # type: ignore[attr-defined]
    height, width = first.shape
    more = max(0, _MIN_SIDE - height), max(0, _MIN_SIDE - width)
    if any(more):
        first, second = (
            cv2.copyMakeBorder(
                grey, 0, more[0], 0, more[1], cv2.BORDER_REPLICATE
            )
            for grey in (first, second)
        )
    return dis.calc(first, second, None)[:height, :width]


def flow_maps(
    frames: Sequence[np.ndarray],
    method: FlowMethod = 'farneback',
    bound: float = BOUND,
) -> Iterator[np.ndarray]:
    """Yield the maps of :func:`compute_flow` one at a time.

    Args:
        frames (Sequence[np.ndarray]): (h, w, 3) uint8 RGB, all of one size.
        method (str): ``'farneback'`` or ``'dis'`` (faster).
        bound (float): Largest displacement that a map holds, px.

    Yields:
        np.ndarray: (h, w, 3) uint8 for each frame, see the module.

    Raises:
        UserError: The frames differ in size, or there is no such method.
    """
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    if len({grey.shape for grey in greys}) > 1:
        (h, w), (h2, w2) = sorted({grey.shape for grey in greys})[:2]
        raise UserError(
            f'frames have different sizes, {w} x {h} and {w2} x {h2} px; '
            'flow needs frames of one size'
        )
    map_ = None
    for first, second in pairwise(greys):
        map_ = encode_flow(flow_between(first, second, method), bound)
        yield map_
    if greys:
        still = np.zeros((*greys[0].shape, 2), np.float32)
        yield encode_flow(still, bound) if map_ is None else map_


def compute_flow(
    frames: Sequence[np.ndarray],
    method: FlowMethod = 'farneback',
    bound: float = BOUND,
) -> list[np.ndarray]:
    """Compute the flow maps of a video.

    Args:
        frames (Sequence[np.ndarray]): (h, w, 3) uint8 RGB, all of one size.
        method (str): ``'farneback'`` or ``'dis'`` (faster).
        bound (float): Largest displacement that a map holds, px.

    Returns:
        list[np.ndarray]: (h, w, 3) uint8 for each frame, see the module.

    Raises:
        UserError: The frames differ in size, or there is no such method.
    """
    return list(flow_maps(frames, method, bound))
