# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The base without a network; test_inferencer.py has one with PyTorch."""

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.scan.clip_features import ClipFeatures
from mmfashion_ext.scan.inputs import check_options
from mmfashion_ext.scan.tracklet_inferencer import TrackletInferencer


class Infer(TrackletInferencer):
    """The colour of a tracklet is its person."""

    clip_length, stride, last = 4, 2, 'include'
    flow, percentile, crop_size = None, 10, (8, 4)

    def __init__(self):
        self.batch_size, self.show_progress = 2, False

    def _encode(self, clips):
        values = [np.mean([np.asarray(x) for x in c['img']]) for c in clips]
        part = np.array(values, np.float32).reshape(-1, 1, 1)
        return ClipFeatures(part, part)

    def _distances(self, query, gallery):
        far = query.keys[:, None, 0, 0] - gallery.keys[None, :, 0, 0]
        return np.abs(far) / 255

    def _concatenate(self, features):
        return ClipFeatures(*map(np.concatenate, zip(*features, strict=True)))

    def _to_json(self, prediction):
        return prediction


def frames(colour, count=9):
    return [np.full((8, 4, 3), colour, np.uint8)] * count


def test_ranks():
    infer = Infer()
    features = infer.extract(frames(50))
    assert features.features.keys.shape == (4, 1, 1), 'clips of 9 frames'
    result = infer(frames(50), [frames(200), frames(60), frames(45, 2)])
    (found,) = result['predictions']
    assert found['indices'].tolist() == [2, 1, 0]
    assert infer.match(frames(0), frames(255)) == pytest.approx(0)
    with pytest.raises(UserError, match='the gallery is empty'):
        infer(frames(50), [])


def test_options():
    check_options('dis', 100)
    with pytest.raises(UserError, match="got 'nothing'"):
        check_options('nothing', 10)
