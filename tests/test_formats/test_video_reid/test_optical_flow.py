# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmfashion_ext.formats.video_reid.optical_flow import (
    BOUND,
    METHODS,
    compute_flow,
    decode_flow,
    encode_flow,
)

STEP = BOUND / 127


@pytest.fixture(scope='module')
def image():
    noise = np.random.default_rng(0).integers(0, 256, (64, 48, 3))
    smooth = cv2.GaussianBlur(noise.astype(np.float32), (0, 0), 2)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(
        np.uint8
    )


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize(('x', 'y'), [(3, 2), (-4, 1), (0, 0)])
def test_finds_a_shift(image, method, x, y):
    moved = np.roll(image, (y, x), (0, 1))
    maps = compute_flow([image, moved], method)
    inner = decode_flow(maps[0])[12:-12, 12:-12]
    assert np.abs(np.median(inner, (0, 1)) - (x, y)).max() < 0.1
    assert len(maps) == 2
    assert (maps[1] == maps[0]).all()  # the last frame has no next one
    assert maps[0].shape == image.shape
    assert maps[0].dtype == np.uint8


@settings(max_examples=60)
@given(
    arrays(np.float64, (2, 3, 2), elements=st.floats(-BOUND, BOUND, width=32))
)
def test_decodes_what_was_encoded(flow):
    map_ = encode_flow(flow)
    assert np.abs(decode_flow(map_) - flow).max() <= STEP / 2 + 1e-5
    length = np.minimum(np.hypot(*flow.transpose(2, 0, 1)), BOUND)
    assert np.abs(map_[..., 2] * BOUND / 255 - length).max() <= STEP / 2


def test_large_motion_is_cut_off():
    far = np.full((1, 1, 2), (1e6, -1e6))
    assert encode_flow(far).tolist() == [[[255, 1, 255]]]
    assert encode_flow(np.full((1, 1, 2), (8, 0)), 8)[0, 0, 0] == 255


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('size', [(1, 1), (5, 9), (16, 8), (8, 40)])
def test_tiny_frames(method, size):
    frame = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    first, second = compute_flow([frame, frame[::-1].copy()], method)
    assert first.shape == second.shape == (*size, 3)


def test_single_frame_stands_still(image):
    (map_,) = compute_flow([image])
    assert (map_ == (128, 128, 0)).all()
    assert compute_flow([]) == []


def test_wrong_input(image):
    with pytest.raises(ValueError, match='47 x 64 and 48 x 64 px'):
        compute_flow([image, image[:, 1:]])
    with pytest.raises(ValueError, match='method must be one of'):
        compute_flow([image, image], 'tvl1')
