# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""An exported SCAN ranks as PyTorch does, under the contract."""

import inspect
import json

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.lite import SCANInferencer, build_inferencer


def tracklet(seed, frames=14, size=(64, 32)):
    """Frames of a person of a colour, who moves."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (size[0] // 8, size[1] // 8, 3), np.uint8)
    image = cv2.resize(small, size[::-1])
    return [np.roll(image, shift, axis=1) for shift in range(frames)]


@pytest.fixture(scope='module')
def infer(searching):
    return SCANInferencer(
        searching, threads=1, batch_size=2, show_progress=False
    )


@pytest.fixture(scope='module')
def original(recognizer):
    from mmfashion_ext.scan import SCANInferencer

    return SCANInferencer(recognizer, device=None, show_progress=False)


def test_equals_pytorch(infer, original, tmp_path):
    """Scores, order, files; tracklets shorter and longer than a clip."""
    query = {'a': tracklet(0), 'b': tracklet(1, frames=3)}
    gallery = {str(n): tracklet(n, 5 + 4 * n) for n in range(4)}
    expected, result = (
        each(query, gallery, out_dir=tmp_path / name, draw=True)
        for name, each in (('torch', original), ('lite', infer))
    )
    assert result['skipped'] == []
    for found, one in zip(
        result['predictions'], expected['predictions'], strict=True
    ):
        assert found.keys() == one.keys()
        np.testing.assert_allclose(found['scores'], one['scores'], atol=1e-4)
        assert np.ptp(one['scores']) > 1e-3
        assert found['gallery'] == one['gallery']
        assert found['indices'].tolist() == one['indices'].tolist()
        assert found['scores'].dtype == one['scores'].dtype
        assert found['visualization'].shape == one['visualization'].shape
    said = json.loads((tmp_path / 'lite/predictions/b.json').read_text())
    assert said['gallery'] == found['gallery']


def test_features_and_blocks(infer, original, monkeypatch):
    """Many clips are compared in blocks that bound the memory."""
    sides = [
        [each.extract(tracklet(n, 30)) for n in range(2)]
        for each in (infer, original)
    ]
    for found, expected in zip(*sides, strict=True):
        for ours, theirs in zip(
            found.features, expected.features, strict=True
        ):
            np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-3)
    whole = infer.compare(sides[0], sides[0])
    monkeypatch.setattr('mmfashion_ext.lite.scan._VALUES', 1)
    np.testing.assert_allclose(
        infer.compare(sides[0], sides[0]), whole, atol=1e-6
    )
    assert infer.match(*sides[0]) == whole[0, 1]


def test_contract_and_refusals(infer, searching, tmp_path):
    """Arguments of a call are those of PyTorch's inferencer."""
    from mmfashion_ext.scan import SCANInferencer as Original

    for name in ('__call__', 'match', 'compare', 'extract'):
        assert inspect.signature(
            getattr(SCANInferencer, name)
        ) == inspect.signature(getattr(Original, name))
    assert isinstance(build_inferencer(searching), SCANInferencer)
    with pytest.raises(UserError, match='flow must be one of'):
        SCANInferencer(searching, flow='none')
    with pytest.raises(UserError, match='percentile must be 0 to 100'):
        SCANInferencer(searching, percentile=101)
    with pytest.raises(UserError, match='no such folder'):
        infer(tmp_path / 'none', [tracklet(0)])
