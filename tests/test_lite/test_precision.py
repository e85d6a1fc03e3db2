# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Smaller variants compute about the same, from smaller files."""

import shutil

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.lite import SCANInferencer
from mmfashion_ext.lite.precision import reduce_precision
from mmfashion_ext.utils.exported import read_model


def frames(seed):
    rng = np.random.default_rng(seed)
    return list(rng.integers(0, 255, (10, 64, 32, 3), np.uint8))


def embeddings(folder):
    infer = SCANInferencer(folder, threads=1, show_progress=False)
    return infer.extract(frames(0)).features.embeddings


@pytest.fixture
def copied(searching, tmp_path):
    folder = tmp_path / 'model'
    shutil.copytree(searching, folder)
    return folder


@pytest.mark.parametrize(
    ('precision', 'share', 'tolerance'),
    [('float16', 0.51, 5e-3), ('int8', 0.4, 0.2)],
)
def test_reduced(precision, share, tolerance, copied):
    expected = embeddings(copied)
    file = copied / 'clips.onnx'
    before = file.stat().st_size
    reduce_precision(copied, precision, lambda infer: infer.extract(frames(1)))
    assert file.stat().st_size < share * before
    found = embeddings(copied)
    far = np.linalg.norm(found - expected, axis=-1).max()
    assert 0 < far < tolerance
    assert read_model(copied, 'scan')['precision'] == precision
    with pytest.raises(UserError, match=f'is in {precision} already'):
        reduce_precision(copied, 'float16')


def test_refused(copied):
    reduce_precision(copied, 'float32')
    with pytest.raises(UserError, match="got 'int4'"):
        reduce_precision(copied, 'int4')
    with pytest.raises(UserError, match='needs inputs to calibrate on'):
        reduce_precision(copied, 'int8')
    with pytest.raises(UserError, match='do not reach this graph'):
        reduce_precision(copied, 'int8', lambda infer: None)
    assert 'precision' not in read_model(copied)
