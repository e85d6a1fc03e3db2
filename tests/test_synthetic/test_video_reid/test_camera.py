# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import time

import cv2
import numpy as np
import pytest

from mmfashion_ext.synthetic.video_reid.camera import (
    Occluder,
    Track,
    make_camera,
    random_track,
    render_frame,
)
from mmfashion_ext.synthetic.video_reid.generate import person_appearance


def test_hall_has_no_seam():
    """Its ends fit together: a walker may pass them."""
    hall = make_camera(np.random.default_rng(0), 0, 64).hall.astype(float)
    assert hall.shape == (80, 384, 3)
    steps = np.abs(np.diff(hall, axis=1)).mean((0, 2))
    seam = np.abs(hall[:, 0] - hall[:, -1]).mean()
    assert seam < steps.max()


def still(camera, occluders):
    waves = np.zeros((3, 4))
    return Track(40, np.pi / 2, 0.0, 0.0, 1.0, waves, occluders)


@pytest.mark.parametrize('crosses', [True, False])
def test_someone_or_something_comes_between(crosses):
    rng = np.random.default_rng(0)
    camera = make_camera(rng, 0, 64)
    appearance, other = person_appearance(0, 0), person_appearance(0, 5)
    occluder = Occluder(20.0, 0.05, other if crosses else None, 1.5, 1.0)
    plain, hidden = still(camera, []), still(camera, [occluder])
    changed = [
        np.abs(
            render_frame(
                np.random.default_rng(1), camera, plain, appearance, 64, k
            )
            - render_frame(
                np.random.default_rng(1), camera, hidden, appearance, 64, k
            ).astype(float)
        ).mean()
        for k in (0, 20, 39)
    ]
    assert changed[0] == changed[2] == 0
    assert changed[1] > 5


def test_two_cameras_see_differently():
    appearances = [person_appearance(0, k) for k in range(3)]
    means = []
    for number in (0, 1):
        camera = make_camera(np.random.default_rng(number), number, 64)
        rng = np.random.default_rng(5)
        track = random_track(rng, camera, 30, 64, appearances)
        image = render_frame(rng, camera, track, appearances[0], 64, 3)
        assert image.shape == (64, 32, 3)
        assert image.dtype == np.uint8
        blue, _, red = image.reshape(-1, 3).mean(0)
        means.append(blue / red)
    assert means[1] > 1.3 * means[0]  # cold against warm light


def test_light_varies():
    """Varied cameras do not all have the light of their number."""
    cameras = [
        make_camera(np.random.default_rng(k), 0, 32, varied=True)
        for k in range(8)
    ]
    for values in (
        [camera.response[0, 128].mean() for camera in cameras],
        [camera.response[0, 128, 0].astype(float) for camera in cameras],
        [np.rad2deg(camera.yaws[0]) for camera in cameras],
    ):
        assert np.std(values) > 5
    assert len({camera.tilt for camera in cameras}) == 8
    assert len({camera.slope for camera in cameras}) == 8


def test_fast_enough():
    """60 frames a second of one core; time that others need is not counted."""
    camera = make_camera(np.random.default_rng(0), 0, 128)
    appearance, rng = person_appearance(0, 0), np.random.default_rng(0)
    track = random_track(rng, camera, 60, 128, [appearance])
    render_frame(rng, camera, track, appearance, 128, 0)
    start = time.process_time()
    for frame in range(60):
        image = render_frame(rng, camera, track, appearance, 128, frame)
        cv2.imencode('.png', image)
    assert time.process_time() - start < 2  # twice as long as it may take
