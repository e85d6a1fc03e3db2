# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np

from mmfashion_ext.synthetic.video_reid.generate import person_appearance
from mmfashion_ext.synthetic.video_reid.walker import CameraView, draw_walker


def test_projection():
    points = np.array([(0.0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)])
    front = CameraView(0.0, 0.0, 50, (20, 60))
    pixels, near = front(points)
    np.testing.assert_allclose(
        pixels, [(20, 60), (20, 10), (70, 60), (20, 60)], atol=1e-9
    )
    np.testing.assert_allclose(near, [0, 0, 0, 1])  # walks to the camera
    right = CameraView(np.pi / 2, 0.0, 50, (20, 60))
    pixels, near = right(points)
    np.testing.assert_allclose(pixels[3], (70, 60))  # walks to the right
    np.testing.assert_allclose(near, [0, 0, -1, 0], atol=1e-9)
    tilted = CameraView(0.0, 0.3, 50, (20, 60))
    assert tilted(points)[0][1, 1] > front(points)[0][1, 1]  # foreshortened


def test_half_width_of_an_ellipse():
    for yaw, expected in ((0.0, 0.2), (np.pi / 2, 0.1), (np.pi, 0.2)):
        view = CameraView(yaw, 0.0, 50, (0, 0))
        np.testing.assert_allclose(view.half_width(0.2, 0.1), 50 * expected)


def test_walkers_differ_by_person_and_side():
    images = []
    for person, yaw in ((0, 0.0), (0, np.pi), (1, 0.0)):
        view = CameraView(yaw, 0.2, 55, (16, 60))
        appearance = person_appearance(0, person)
        figure, cover = draw_walker(appearance, 1.0, view, (32, 64))
        assert figure.shape == (64, 32, 3)
        assert figure.dtype == cover.dtype == np.float32
        assert 0 <= cover.min() <= cover.max() <= 1
        assert 0.08 < cover.mean() < 0.6
        assert (figure[cover == 0] == 0).all()
        assert (figure <= 255 * cover[:, :, None] + 1e-3).all()
        images.append(figure)
    first, behind, other = images
    assert np.abs(first - behind).mean() > 2
    assert np.abs(first - other).mean() > 2


def test_walker_outside_the_image():
    view = CameraView(0.3, 0.2, 55, (-300, 900))
    _, cover = draw_walker(person_appearance(0, 0), 0.0, view, (16, 32))
    assert not cover.any()
