# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""CMC and mAP against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.evaluation.reid import (
    ReIDDistances,
    ReIDError,
    cmc,
    evaluate_reid,
    find_matches,
    mean_average_precision,
    single_shot_cmc,
)


def ranked(data, q, items):
    """Gallery items of a query, nearest first; ties in gallery order."""
    return sorted(items, key=lambda g: (data.distmat[q, g], g))


def compared(data, q, same_camera=True):
    """Gallery items that a query is compared with."""
    return [
        g
        for g in range(len(data.g_pids))
        if data.g_camids[g] != data.q_camids[q]
        or (same_camera and data.g_pids[g] != data.q_pids[q])
    ]


def plain_cmc(data, variant, depth):
    """Query after query, as the facts of the protocol are told."""
    curve, valid = np.zeros(depth), 0
    for q in range(len(data.q_pids)):
        hits = [
            rank
            for rank, g in enumerate(ranked(data, q, compared(data, q)))
            if data.g_pids[g] == data.q_pids[q]
        ]
        if not hits:
            continue
        valid += 1
        for earlier, rank in enumerate(hits):
            if rank - earlier < depth:
                weight = 1 if variant == 'market1501' else 1 / len(hits)
                curve[rank - earlier] += weight
            if variant == 'market1501':
                break
    return curve.cumsum() / valid


def plain_single_shot(data, depth, draws, seed):
    rng = np.random.default_rng(seed)
    curve, valid = np.zeros(depth), 0
    by_camera = sorted(
        range(len(data.q_pids)), key=lambda q: (data.q_camids[q], q)
    )
    for q in by_camera:
        others = compared(data, q, same_camera=False)
        people = sorted({int(data.g_pids[g]) for g in others})
        items = {p: [g for g in others if data.g_pids[g] == p] for p in people}
        if data.q_pids[q] not in items:
            continue
        valid += 1
        once = all(len(of) == 1 for of in items.values())
        for _ in range(1 if once else draws):
            chosen = [
                of[0] if once else of[int(rng.random() * len(of))]
                for of in items.values()
            ]
            persons = [data.g_pids[g] for g in ranked(data, q, chosen)]
            rank = persons.index(data.q_pids[q])
            if rank < depth:
                curve[rank] += 1 if once else 1 / draws
    return curve.cumsum() / valid


def plain_average_precision(truth, score):
    """scikit-learn's: sum over thresholds of recall step x precision."""
    total, found, result = sum(truth), 0, 0.0
    for threshold in sorted(set(score), reverse=True):
        taken = [
            t for t, s in zip(truth, score, strict=True) if s >= threshold
        ]
        result += (sum(taken) - found) / total * (sum(taken) / len(taken))
        found = sum(taken)
    return result


def plain_map(data):
    values = []
    for q in range(len(data.q_pids)):
        items = compared(data, q)
        truth = [bool(data.g_pids[g] == data.q_pids[q]) for g in items]
        if any(truth):
            score = [-float(data.distmat[q, g]) for g in items]
            values.append(plain_average_precision(truth, score))
    return sum(values) / len(values)


@st.composite
def problems(draw):
    """Few people, cameras and, for many ties, few distances."""
    size = draw(st.tuples(st.integers(1, 7), st.integers(1, 14)))
    levels = draw(st.sampled_from([1, 2, 5, 10**6]))
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    people, cameras = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    dtype = draw(st.sampled_from([np.float32, np.float64, np.int64]))
    return ReIDDistances(
        rng.integers(0, levels, size).astype(dtype),
        rng.integers(-1, people, size[0]),
        rng.integers(-1, people, size[1]),
        rng.integers(0, cameras, size[0]),
        rng.integers(0, cameras, size[1]),
    )


@settings(max_examples=100, deadline=None)
@given(problems(), st.integers(1, 20))
def test_equal_to_plain_loops(data, depth):
    try:
        matches = find_matches(data)
    except ReIDError:
        for q in range(len(data.q_pids)):
            same = data.g_pids == data.q_pids[q]
            assert (data.g_camids[same] == data.q_camids[q]).all()
        return
    for variant in ('allshots', 'market1501'):
        np.testing.assert_allclose(
            cmc(matches, variant, depth),
            plain_cmc(data, variant, depth),
            atol=1e-12,
        )
    np.testing.assert_allclose(
        single_shot_cmc(data, matches, depth, draws=3, seed=5),
        plain_single_shot(data, depth, draws=3, seed=5),
        atol=1e-12,
    )
    assert mean_average_precision(matches) == pytest.approx(
        plain_map(data), abs=1e-12
    )


def two_cameras(distmat, **changes):
    """Every person once in either camera, as iLIDS-VID and PRID2011."""
    q, g = np.shape(distmat)
    fields = dict(
        distmat=distmat,
        q_pids=np.arange(q),
        g_pids=np.arange(g),
        q_camids=np.zeros(q, int),
        g_camids=np.ones(g, int),
    )
    return ReIDDistances(**fields | changes)


def test_by_hand():
    # ranks of the right item: 1, 2, 3
    data = two_cameras([[0.1, 0.5, 0.9], [0.1, 0.5, 0.9], [0.1, 0.5, 0.9]])
    metrics = evaluate_reid(data, topk=(1, 2, 3, 5))
    for variant in ('allshots', 'cuhk03', 'market1501'):
        found = [metrics[f'{variant}/CMC-{k}'] for k in (1, 2, 3, 5)]
        assert found == pytest.approx([1 / 3, 2 / 3, 1, 1])
    assert metrics['mAP'] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert metrics['query_num'] == 3
    assert metrics['miss_num'] == 0
    assert len(metrics) == 15


def test_the_own_camera_counts_for_wrong_items_only():
    data = ReIDDistances(
        # the query's own image, a stranger beside it, the match
        np.array([[0.0, 0.1, 0.2]]),
        np.array([7]),
        np.array([7, 8, 7]),
        np.array([1]),
        np.array([1, 1, 2]),
    )
    metrics = evaluate_reid(data, topk=(1, 2))
    assert metrics['allshots/CMC-1'] == metrics['market1501/CMC-1'] == 0
    assert metrics['allshots/CMC-2'] == 1
    assert metrics['mAP'] == 0.5
    assert metrics['cuhk03/CMC-1'] == 1  # the stranger is left out too


def test_ties_follow_the_gallery():
    """All equal: the n-th person is found at rank n, whatever sorts."""
    for size in (3, 40, 3000):
        data = two_cameras(np.zeros((3, size), np.float32))
        curve = cmc(find_matches(data), 'allshots', 4)
        np.testing.assert_allclose(curve, [1 / 3, 2 / 3, 1, 1])


def test_one_gallery_item_and_a_long_curve():
    data = two_cameras(
        np.array([[0.3], [0.4]]), g_pids=np.array([1]), q_pids=np.array([1, 2])
    )
    curve = cmc(find_matches(data), 'allshots', 100)
    assert curve.shape == (100,)
    assert (curve == 1).all()  # the query without a match does not count


@pytest.mark.fault(13)
def test_metrics_say_over_how_many_queries_they_are():
    data = two_cameras(
        np.array([[0.3], [0.4]]), g_pids=np.array([1]), q_pids=np.array([1, 2])
    )
    metrics = evaluate_reid(data)
    assert metrics['query_num'] == 1
    assert metrics['miss_num'] == 1


def test_draws_are_repeatable_and_average_out():
    rng = np.random.default_rng(0)
    data = ReIDDistances(
        rng.random((30, 60)),
        np.arange(30) % 15,
        np.arange(60) % 15,
        np.zeros(30, int),
        rng.integers(1, 3, 60),
    )
    matches = find_matches(data)
    first = single_shot_cmc(data, matches, 10, draws=4, seed=1)
    np.testing.assert_array_equal(
        first, single_shot_cmc(data, matches, 10, draws=4, seed=1)
    )
    assert (first != single_shot_cmc(data, matches, 10, draws=4, seed=2)).any()
    many = single_shot_cmc(data, matches, 15, draws=400)
    # random distances: 1 of 15 is right
    np.testing.assert_allclose(many, np.arange(1, 16) / 15, atol=0.1)


def test_blocks_of_draws_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    data = ReIDDistances(
        rng.random((20, 50)),
        np.arange(20) % 9,
        np.arange(50) % 9,
        rng.integers(0, 3, 20),
        rng.integers(0, 3, 50),
    )
    matches = find_matches(data)
    whole = single_shot_cmc(data, matches, 10)
    monkeypatch.setattr('mmfashion_ext.evaluation.reid._BLOCK', 1)
    np.testing.assert_array_equal(whole, single_shot_cmc(data, matches, 10))


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'q_pids': [0.5, 1]}, 'q_pids must be integers'),
        ({'distmat': np.array([['a']])}, 'must be a matrix of numbers'),
        ({'q_pids': np.arange(3)}, r'q_pids must have one entry .* row'),
        ({'g_camids': np.zeros((3, 1), int)}, 'g_camids must .* column'),
        ({'g_pids': np.arange(3.0)}, 'g_pids must be integers, got float64'),
    ],
)
def test_bad_shapes_are_refused(changes, message):
    with pytest.raises(ReIDError, match=message):
        two_cameras(**{'distmat': np.zeros((2, 3))} | changes)


def test_a_vector_is_not_a_matrix():
    with pytest.raises(ReIDError, match=r'\(queries, gallery\), got float64'):
        ReIDDistances(np.zeros(3), *[np.arange(3)] * 4)


def test_numbers_that_are_not_finite_are_named():
    distmat = np.zeros((2, 3))
    distmat[1, 2] = np.nan
    with pytest.raises(ReIDError, match='query 1, gallery item 2: nan'):
        two_cameras(distmat)


@pytest.mark.parametrize('shape', [(2, 3), (0, 3), (2, 0), (0, 0)])
def test_nothing_to_find_is_an_error(shape):
    camera = np.zeros(shape[1], int)
    with pytest.raises(ReIDError, match=f'none of the {shape[0]} queries'):
        evaluate_reid(two_cameras(np.zeros(shape), g_camids=camera))
