# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The exported graph is the model, at every size."""

import sys

import pytest
import torch

pytest.importorskip('mmengine')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
import onnx
import onnxruntime

from mmfashion_ext.errors import UserError
from mmfashion_ext.hub import get_model
from mmfashion_ext.tryon.inference.onnx_export import (
    TryOnGraph,
    check_onnx,
    export_onnx,
)

NARROW = {
    'model.perceptual': None,
    'model.warp_net.widths': (4, 4, 6, 6, 6),
    'model.warp_net.channels': 6,
    'model.warp_net.head_channels': (6, 4, 4),
    'model.generator.widths': (4, 4, 6, 6, 6),
}
NARROW_WARP = {k: v for k, v in NARROW.items() if 'generator' not in k}


def build(seed):
    torch.manual_seed(seed)
    model = get_model('pf-afn_e2e_8xb4-100e_viton-256x192', **NARROW)
    for heads in (model.warp_net.main_heads, model.warp_net.refine_heads):
        for head in heads:
            torch.nn.init.uniform_(head[-1].bias, -1, 1)
    return model


@pytest.fixture(scope='module')
def model():
    return build(0)


@pytest.fixture(scope='module')
def exported(model, tmp_path_factory):
    path = tmp_path_factory.mktemp('onnx') / 'new' / 'model.onnx'
    export_onnx(model, path)
    return path


def test_equals_the_model_at_other_sizes(model, exported):
    """It was traced at 64 x 96."""
    sizes = [(64, 64), (96, 160), (128, 96)]
    differences = check_onnx(model, exported, sizes, tolerance=1e-4)
    assert list(differences) == sizes
    assert max(differences.values()) < 1e-4


def test_takes_any_batch_and_masks_the_cloth(model, exported):
    generator = torch.Generator().manual_seed(0)
    person, cloth = (
        torch.rand(3, 3, 64, 96, generator=generator) for _ in range(2)
    )
    mask = torch.zeros(3, 1, 64, 96)
    mask[:, :, 10:50, 5:60] = 1
    with torch.no_grad():
        expected = TryOnGraph(model)(person, cloth, mask)
        masked, _ = model.try_on(
            {'person': person, 'cloth': cloth * mask, 'cloth_mask': mask}
        )
    assert torch.equal(expected[0], masked.try_on)
    session = onnxruntime.InferenceSession(str(exported))
    given = {'person': person, 'cloth': cloth, 'cloth_mask': mask}
    found = session.run(None, {k: v.numpy() for k, v in given.items()})
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(
            torch.from_numpy(ours), theirs, rtol=0, atol=1e-4
        )


def test_says_what_it_takes(exported):
    content = onnx.load(exported)
    onnx.checker.check_model(content)
    names = [value.name for value in content.graph.input]
    assert names == ['person', 'cloth', 'cloth_mask']
    names = [value.name for value in content.graph.output]
    assert names == ['try_on', 'warped_cloth', 'warped_mask']
    assert 'RGB in [-1, 1]' in content.doc_string
    assert [path.name for path in exported.parent.iterdir()] == ['model.onnx']


def test_another_model_is_told(exported):
    with pytest.raises(UserError, match=r'differs from the model by .* 64 x'):
        check_onnx(build(1), exported, [(64, 64)])


def test_needs_a_generator(tmp_path):
    stage = get_model('pf-afn_warp_8xb4-200e_viton-256x192', **NARROW_WARP)
    with pytest.raises(UserError, match='no generator'):
        export_onnx(stage, tmp_path / 'model.onnx')


def test_a_missing_package_is_named(model, exported, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ImportError, match=r'onnxruntime .* pip install'):
        check_onnx(model, exported)
    monkeypatch.setitem(sys.modules, 'onnx', None)
    with pytest.raises(ImportError, match='pip install'):
        export_onnx(model, exported)
