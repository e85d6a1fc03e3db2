# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.move_person import RandomMovePerson

H, W = 40, 30


def item(sample_idx=0):
    """A person with a bright square whose flow is its own position."""
    person = np.zeros((H, W, 3), np.uint8)
    person[14:26, 9:21] = 200
    square = np.where(person[..., 0] > 0, 255, 0).astype(np.uint8)
    flow = np.full((H, W, 2), np.nan, np.float32)
    y, x = np.mgrid[14:26, 9:21]
    flow[14:26, 9:21] = np.stack([x, y], axis=-1)
    pose = np.zeros((18, 3), np.float32)
    pose[3] = 9, 14, 0.8
    return {
        'person': person,
        'truth': person.copy(),
        'parse': square // 255,
        'kept': square.copy(),
        'flow': flow,
        'pose': pose,
        'cloth': np.arange(H * W, dtype=np.uint8).reshape(H, W),
        'sample_idx': sample_idx,
    }


def centre(mask):
    y, x = np.nonzero(mask)
    return np.array([x.mean(), y.mean()])


def test_everything_of_the_person_moves_together():
    # else the truth, the flow and the maps belong to other pixels
    moved = RandomMovePerson((0.15, 0.1), (0.8, 1.0), seed=3)(item())
    square = centre(moved['person'][..., 0] > 100)
    assert np.abs(square - centre(item()['person'][..., 0] > 100)).max() > 1
    np.testing.assert_array_equal(moved['person'], moved['truth'])
    for key in ('parse', 'kept'):
        assert np.abs(centre(moved[key]) - square).max() < 0.6, key
    visible = np.isfinite(moved['flow'][..., 0])
    assert np.abs(centre(visible) - square).max() < 1
    corner = np.argwhere(moved['parse'])[0][::-1]
    assert np.abs(moved['pose'][3, :2] - corner).max() < 1.5
    np.testing.assert_array_equal(moved['cloth'], item()['cloth'])


def test_flow_still_says_where_on_the_cloth():
    # positions move, values do not: the middle of the square still shows the
    # middle of the cloth
    moved = RandomMovePerson((0.2, 0.2), (0.7, 0.7), seed=1)(item())
    seen = np.isfinite(moved['flow'][..., 0])
    y, x = np.nonzero(seen)
    middle = round(y.mean()), round(x.mean())
    np.testing.assert_allclose(moved['flow'][middle], [14.5, 19.5], atol=1)
    assert np.nanmin(moved['flow'][..., 0]) >= 9
    assert np.nanmax(moved['flow'][..., 0]) <= 20


def test_seed_draws_each_item_alike_and_items_apart():
    # a test set must not change between runs, nor be one shift for all
    move = RandomMovePerson(seed=5)
    first, again = move(item(0))['person'], move(item(0))['person']
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, move(item(1))['person'])
    other = RandomMovePerson(seed=6)(item(0))['person']
    assert not np.array_equal(first, other)


@pytest.mark.parametrize('axis', [0, 1])
def test_shift_is_bounded_along_each_axis(axis):
    # (x, y), not (y, x): the bound of the other axis is 0
    shift = [0.0, 0.0]
    shift[axis] = 0.2
    start = centre(item()['parse'])
    moves = [
        centre(RandomMovePerson(shift, (1, 1), seed=s)(item())['parse'])
        - start
        for s in range(12)
    ]
    assert np.abs(moves)[:, 1 - axis].max() < 1e-6
    assert 2 < np.abs(moves)[:, axis].max() <= 0.2 * (W, H)[axis] + 0.5


def test_scale_is_bounded():
    areas = [
        RandomMovePerson((0, 0), (0.5, 0.8), seed=s)(item())['parse'].sum()
        for s in range(12)
    ]
    whole = item()['parse'].sum()
    assert 0.2 * whole < min(areas) < 0.4 * whole
    assert 0.5 * whole < max(areas) < 0.75 * whole


def test_joint_that_leaves_the_image_is_not_found():
    moved = RandomMovePerson((0, 0), (3, 3), seed=0)(item())
    np.testing.assert_array_equal(moved['pose'], 0)


def test_training_draws_by_numpy():
    np.random.seed(0)  # noqa: NPY002
    first = RandomMovePerson()(item())['person']
    second = RandomMovePerson()(item())['person']
    assert not np.array_equal(first, second)
    np.random.seed(0)  # noqa: NPY002
    np.testing.assert_array_equal(first, RandomMovePerson()(item())['person'])


@pytest.mark.parametrize(
    'arguments', [{'shift': (2, 0)}, {'scale': (0, 1)}, {'scale': (2, 1)}]
)
def test_wrong_argument(arguments):
    name = next(iter(arguments))
    with pytest.raises(UserError, match=f'{name} of RandomMovePerson'):
        RandomMovePerson(**arguments)
