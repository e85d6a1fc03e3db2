# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""An exported student dresses as PyTorch does, under the contract."""

import inspect
import json

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.lite import TryOnInferencer, build_inferencer


def noise(h, w, seed):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (h // 8 + 1, w // 8 + 1, 3), np.uint8)
    return cv2.resize(small, (w, h))


def mask(h, w):
    on = np.zeros((h, w), np.uint8)
    on[h // 5 : -h // 5, w // 6 : -w // 6] = 255
    return on


@pytest.fixture(scope='module')
def infer(dressing):
    return TryOnInferencer(dressing, threads=1, show_progress=False)


@pytest.fixture(scope='module')
def original(student):
    from mmfashion_ext.tryon import TryOnInferencer

    return TryOnInferencer(student, device='cpu', show_progress=False)


def check(found, expected):
    """The same images: single grey levels may differ by their rounding."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert type(found[name]) is type(value), name
        if isinstance(value, np.ndarray):
            assert found[name].shape == value.shape, name
            assert found[name].dtype == value.dtype, name
            far = np.abs(found[name].astype(int) - value)
            assert (far > 1).mean() < 1e-3, name
            assert (far > 0).mean() < 0.03, name
        else:
            assert found[name] == value, name


def test_equals_pytorch_at_the_size_of_the_photograph(infer, original):
    """Persons and garments of any size; what does not change is kept."""
    persons = [noise(150, 90, 0), noise(70, 160, 1)]
    cloth, on = noise(100, 120, 2), mask(100, 120)
    expected, got = (
        each(persons, cloth, on, draw=True)['predictions']
        for each in (original, infer)
    )
    for person, found, one in zip(persons, got, expected, strict=True):
        check(found, one)
        same = (found['try_on'] == person).all(axis=2)
        assert 0.02 < same.mean() < 0.98


def test_equals_pytorch_where_images_keep_their_size(
    student, dressing, monkeypatch
):
    """Without a size the network pads and its images are cut."""
    from mmfashion_ext.tryon import TryOnInferencer as Original

    infer = TryOnInferencer(
        dressing, threads=1, batch_size=2, show_progress=False
    )
    original = Original(
        student, device='cpu', batch_size=2, show_progress=False
    )
    infer.size = original.size = None
    image, on = noise(70, 50, 3), mask(70, 50)
    images = [image, np.ascontiguousarray(image[:, ::-1])]
    pairs = [
        each(images, image, on)['predictions'] for each in (original, infer)
    ]
    for expected, found in zip(*pairs, strict=True):
        check(found, expected)
        assert found['try_on'].shape == image.shape


def test_a_grid_encodes_each_side_once(infer, tmp_path, monkeypatch):
    runs = []
    run = infer.graphs.run
    monkeypatch.setattr(
        infer.graphs, 'run', lambda g, **x: runs.append(g) or run(g, **x)
    )
    persons = {'a': noise(64, 48, 4), 'b': noise(64, 48, 5)}
    clothes = {'x': noise(64, 48, 6), 'y': noise(64, 48, 7)}
    result = infer(
        persons, clothes, [mask(64, 48)] * 2, grid=True, out_dir=tmp_path
    )
    names = [found['name'] for found in result['predictions']]
    assert names == ['a__x', 'a__y', 'b__x', 'b__y']
    counts = [runs.count(name) for name in ('person', 'cloth', 'dress')]
    assert counts == [2, 2, 4]
    assert (tmp_path / 'grid.jpg').is_file()
    said = json.loads((tmp_path / 'predictions/b__x.json').read_text())
    assert said['try_on_file'] == 'predictions/b__x.png'


def test_contract_and_refusals(infer, dressing):
    """Arguments of a call are those of PyTorch's inferencer."""
    from mmfashion_ext.tryon import TryOnInferencer as Original

    assert inspect.signature(TryOnInferencer.__call__) == inspect.signature(
        Original.__call__
    )
    assert isinstance(build_inferencer(dressing), TryOnInferencer)
    assert infer.size == (128, 96)
    with pytest.raises(UserError, match=r'size must be \(h, w\)'):
        TryOnInferencer(dressing, size=(0, 3))
    with pytest.raises(UserError, match='no such file'):
        infer('none.jpg', noise(40, 40, 0), mask(40, 40))
