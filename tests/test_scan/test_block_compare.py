# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Comparison in blocks: the numbers of a comparison of all at once."""

import numpy as np
import pytest
import torch

from mmfashion_ext.hub import get_model
from mmfashion_ext.scan import SCANInferencer, TrackletFeatures
from mmfashion_ext.scan.block_compare import compare_blocks, split_tracklets
from mmfashion_ext.scan.clip_features import ClipFeatures

MODEL = 'scan_r10-small_1xb32-12e_synthetic-64x32'


@pytest.mark.parametrize(
    ('counts', 'expected'),
    [
        ([], []),
        ([9], [(0, 1)]),
        ([1, 1, 1, 1], [(0, 3), (3, 4)]),
        ([2, 2, 9, 1, 1], [(0, 1), (1, 2), (2, 3), (3, 5)]),
    ],
)
def test_tracklets_are_never_divided(counts, expected):
    found = [(s.start, s.stop) for s in split_tracklets(counts, 3)]
    assert found == expected


def test_every_pair_is_in_its_place():
    rng = np.random.default_rng(0)
    query, gallery = [2, 1, 3], [1, 4, 1, 2]
    clips = rng.random((6, 8))
    starts = np.cumsum([0, *query]), np.cumsum([0, *gallery])

    def distances(rows, cols):
        first, second = (
            slice(start[part.start], start[part.stop])
            for part, start in zip((rows, cols), starts, strict=True)
        )
        return clips[first, second]

    out = np.full((3, 4), np.nan)
    found = compare_blocks(
        query, gallery, distances, percentile=100, limit=3, out=out
    )
    assert found is out
    for i in range(3):
        for j in range(4):
            pair = clips[
                starts[0][i] : starts[0][i + 1],
                starts[1][j] : starts[1][j + 1],
            ]
            assert found[i, j] == pytest.approx(1 - pair.mean(), abs=1e-12)


@pytest.fixture(
    scope='module', params=['self+collaborative', 'collaborative', 'self']
)
def infer(request):
    torch.manual_seed(0)
    model = get_model(MODEL, **{'model.matcher.pooling': request.param})
    with torch.no_grad():
        model.matcher.classifier.linear.weight.normal_()
    return SCANInferencer(model, show_progress=False)


def tracklets(infer, number, seed):
    """Features as the network gives them, of 1 to 9 clips."""
    draw = torch.Generator().manual_seed(seed)
    channels = infer.model.matcher.channels
    found = []
    for index in range(number):
        count = int(torch.randint(1, 10, (), generator=draw))
        x = torch.randn(1, 1, channels, generator=draw)
        x = x + torch.randn(count, 10, channels, generator=draw)
        h = torch.randn(count, 10, channels, generator=draw)
        x = x / x.norm(dim=-1, keepdim=True)
        found.append(TrackletFeatures(str(index), ClipFeatures(x, h), []))
    return found


def test_blocks_equal_the_whole_to_the_bit(infer, monkeypatch):
    """However small, down to one tracklet with one other."""
    query, gallery = tracklets(infer, 40, 1), tracklets(infer, 50, 2)
    whole = infer._compare(infer._join(query), infer._join(gallery))
    assert np.ptp(whole) > 0.1
    for limit in (10**9, 64, 30):
        monkeypatch.setattr(infer, 'block_clips', limit)
        assert (infer.compare(query, gallery) == whole).all()
    monkeypatch.setattr(infer, 'block_clips', 1)
    few = query[:6], gallery[:6]
    whole = infer._compare(*map(infer._join, few))
    assert (infer.compare(*few) == whole).all()


def test_the_result_may_be_a_file(infer, tmp_path):
    sides = tracklets(infer, 3, 1), tracklets(infer, 4, 2)
    out = np.lib.format.open_memmap(
        tmp_path / 'a.npy', 'w+', np.float64, (3, 4)
    )
    assert infer.compare(*sides, out=out) is out
    assert (np.load(tmp_path / 'a.npy') == infer.compare(*sides)).all()
