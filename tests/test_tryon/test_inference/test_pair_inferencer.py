# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Options that do not fit; test_inferencer.py runs pairs of all kinds."""

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.inference.pair_inferencer import PairInferencer
from mmfashion_ext.tryon.inference.pair_session import PairSession
from mmfashion_ext.tryon.inference.results import TryOnImages


class Session(PairSession):
    def cloth_bytes(self, size):
        return 1

    def _dress(self, batch):
        return [loaded.inputs['person'] for loaded in batch]

    def to_images(self, output):
        strip = np.hstack([output] * 3)
        return TryOnImages(output, output, output[..., 0], strip)


class Infer(PairInferencer):
    def __init__(self):
        self.batch_size, self.show_progress = 1, False

    def _new_session(self):
        return Session(None, 1, keeps_photograph=False)


IMAGE = np.full((20, 16, 3), 9, np.uint8)
MASK = np.full((20, 16), 255, np.uint8)


def test_runs_any_session(tmp_path):
    result = Infer()(IMAGE, IMAGE, MASK, out_dir=tmp_path, keep_arrays=False)
    (found,) = result['predictions']
    assert 'try_on' not in found
    assert (tmp_path / f'predictions/{found["name"]}.png').is_file()
    (found,) = Infer()(IMAGE, IMAGE, MASK, draw=True)['predictions']
    assert found['visualization'].shape == (20, 48, 3)


def test_options_that_need_a_folder():
    with pytest.raises(UserError, match='resume=True needs the out_dir'):
        Infer()(IMAGE, IMAGE, MASK, resume=True)
    with pytest.raises(UserError, match='would return and write no image'):
        Infer()(IMAGE, IMAGE, MASK, keep_arrays=False)
