# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Backgrounds (studio, table, room, street) and a simulated phone camera.

Images are (h, w, 3) BGR uint8.
"""

import cv2
import numpy as np

from .textures import hsv_to_bgr


def _vertical_gradient(
    h: int, w: int, top: np.ndarray, bottom: np.ndarray
) -> np.ndarray:
    """Return an (h, w, 3) float32 gradient between two (3,) colours."""
    t = np.linspace(0, 1, h, dtype=np.float32)[:, None, None]
    rows = top.astype(np.float32) * (1 - t) + bottom.astype(np.float32) * t
    return np.repeat(rows, w, axis=1)


def _add_noise(
    rng: np.random.Generator, image: np.ndarray, cell: float, strength: float
) -> np.ndarray:
    """Add smooth noise with blobs of about ``cell`` px to an image."""
    h, w = image.shape[:2]
    size = max(2, int(w / cell)), max(2, int(h / cell))
    noise = rng.normal(0, strength, size[::-1]).astype(np.float32)
    noise = cv2.resize(noise, (w, h), interpolation=cv2.INTER_CUBIC)
    return np.clip(image + noise[:, :, None], 0, 255).astype(np.uint8)


def studio(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Draw the even, bright backdrop of a shop image.

    Args:
        rng (np.random.Generator): Source of randomness.
        h (int): Height of the image, px.
        w (int): Width of the image, px.

    Returns:
        np.ndarray: (h, w, 3) BGR uint8.
    """
    tone = hsv_to_bgr(
        rng.random(), rng.uniform(0, 0.15), rng.uniform(0.75, 1.0)
    )
    low = (tone * rng.uniform(0.75, 0.98)).astype(np.uint8)
    return _add_noise(rng, _vertical_gradient(h, w, tone, low), w / 3, 2)


def surface(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Draw a table, bed or floor seen from above, for clothes laid flat.

    Args:
        rng (np.random.Generator): Source of randomness.
        h (int): Height of the image, px.
        w (int): Width of the image, px.

    Returns:
        np.ndarray: (h, w, 3) BGR uint8.
    """
    tone = hsv_to_bgr(
        rng.choice([0.07, 0.1, rng.random()]),
        rng.uniform(0.0, 0.35),
        rng.uniform(0.5, 1.0),
    )
    image = _vertical_gradient(h, w, tone, tone * rng.uniform(0.85, 1.0))
    if rng.random() < 0.4:
        plank = int(rng.uniform(0.08, 0.2) * h)
        for y in range(int(rng.integers(plank)), h, plank):
            image[y : y + plank] *= rng.uniform(0.88, 1.05)
            image[y : y + max(1, h // 250)] *= 0.6
    return _add_noise(rng, image, w / 12, 5)


def _fill_rectangle(
    image: np.ndarray, box: np.ndarray, colour: np.ndarray
) -> None:
    """Fill a box x1, y1, x2, y2, given as shares of width and height."""
    h, w = image.shape[:2]
    x0, y0, x1, y1 = (int(v) for v in box * (w, h, w, h))
    cv2.rectangle(image, (x0, y0), (x1, y1), colour.tolist(), -1)


def room(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Draw a furnished room, out of focus.

    Args:
        rng (np.random.Generator): Source of randomness.
        h (int): Height of the image, px.
        w (int): Width of the image, px.

    Returns:
        np.ndarray: (h, w, 3) BGR uint8.
    """
    wall = hsv_to_bgr(
        rng.random(), rng.uniform(0.02, 0.25), rng.uniform(0.4, 0.95)
    )
    floor = hsv_to_bgr(0.08, rng.uniform(0.1, 0.5), rng.uniform(0.25, 0.7))
    image = _vertical_gradient(h, w, wall, wall * 0.85)
    line = rng.uniform(0.6, 0.9)
    _fill_rectangle(image, np.array([0, line, 1, 1]), floor)
    for _ in range(rng.integers(3, 9)):
        width, height = rng.uniform(0.08, 0.4), rng.uniform(0.1, 0.6)
        x = rng.uniform(-0.1, 1)
        y = rng.choice([line - height, rng.uniform(0, 0.5)])
        colour = hsv_to_bgr(
            rng.random(), rng.uniform(0, 0.45), rng.uniform(0.1, 0.9)
        )
        _fill_rectangle(image, np.array([x, y, x + width, y + height]), colour)
        shelves = int(rng.integers(0, 5))
        for k in range(shelves):
            at = y + height * (k + 0.5) / shelves
            edge = np.array([x, at, x + width, at + 0.01])
            _fill_rectangle(image, edge, colour // 2)
    return _defocus(rng, image)


def street(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Draw sky, houses, trees and a road, out of focus.

    Args:
        rng (np.random.Generator): Source of randomness.
        h (int): Height of the image, px.
        w (int): Width of the image, px.

    Returns:
        np.ndarray: (h, w, 3) BGR uint8.
    """
    sky = hsv_to_bgr(0.57, rng.uniform(0.05, 0.4), rng.uniform(0.7, 1))
    image = _vertical_gradient(h, w, sky, np.minimum(sky * 1.1, 255))
    line, x = rng.uniform(0.6, 0.85), -0.1
    while x < 1:
        width, top = rng.uniform(0.15, 0.45), rng.uniform(-0.1, 0.4)
        colour = hsv_to_bgr(
            rng.random(), rng.uniform(0, 0.35), rng.uniform(0.3, 0.9)
        )
        _fill_rectangle(image, np.array([x, top, x + width, line]), colour)
        rows, columns = rng.integers(3, 7), rng.integers(2, 5)
        glass = hsv_to_bgr(0.6, 0.2, rng.uniform(0.2, 0.9))
        for row in range(rows):
            for column in range(columns):
                a = x + width * (column + 0.25) / columns
                b = top + (line - top) * (row + 0.2) / rows
                size = np.array([width / columns, (line - top) / rows]) * 0.5
                _fill_rectangle(
                    image, np.array([a, b, a + size[0], b + size[1]]), glass
                )
        x += width
    road = hsv_to_bgr(rng.random(), 0.06, rng.uniform(0.3, 0.7))
    _fill_rectangle(image, np.array([0, line, 1, 1]), road)
    for _ in range(rng.integers(0, 4)):
        at = int(rng.uniform(0, w)), int(rng.uniform(0.25, line) * h)
        leaf = hsv_to_bgr(rng.uniform(0.22, 0.4), 0.6, rng.uniform(0.2, 0.7))
        radius = int(rng.uniform(0.05, 0.16) * w)
        cv2.circle(image, at, radius, leaf.tolist(), -1)
    return _defocus(rng, image)


def _defocus(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Blur an image as if out of focus, and add noise."""
    image = np.clip(image, 0, 255).astype(np.uint8)
    sigma = image.shape[1] * rng.uniform(0.002, 0.014)
    image = cv2.GaussianBlur(image, (0, 0), sigma)
    return _add_noise(rng, image.astype(np.float32), image.shape[1] / 8, 7)


def simulate_phone_photo(
    rng: np.random.Generator, image: np.ndarray
) -> np.ndarray:
    """Degrade an image like a phone in poor light.

    Colour cast, gamma, blur, noise and JPEG compression.

    Args:
        rng (np.random.Generator): Source of randomness.
        image (np.ndarray): (h, w, 3) BGR uint8.

    Returns:
        np.ndarray: (h, w, 3) BGR uint8.
    """
    levels = np.linspace(0, 1, 256)[:, None]
    gamma = np.exp(rng.normal(0, 0.28))
    gain = np.exp(rng.normal(0, 0.09, 3)) * rng.uniform(0.75, 1.08)
    table = np.clip(levels**gamma * gain * 255, 0, 255).astype(np.uint8)
    image = cv2.LUT(image, table[None])
    if rng.random() < 0.6:
        sigma = image.shape[1] / 512 * rng.uniform(0.3, 1.6)
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    noise = rng.integers(-128, 128, image.shape, dtype=np.int8)
    image = cv2.addWeighted(
        image, 1, noise, rng.uniform(0, 0.09), 0, dtype=cv2.CV_8U
    )
    quality = int(rng.integers(35, 90))
    _, packed = cv2.imencode(
        '.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    decoded = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    assert decoded is not None  # it was just encoded
    return decoded
