# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The exported graph is the model, at every size."""

import shutil
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
    check_onnx,
    export_folder,
    export_onnx,
)
from mmfashion_ext.tryon.inference.onnx_graphs import ClothGraph, TryOnGraph
from mmfashion_ext.utils.exported import read_model
from mmfashion_ext.utils.onnx_export import export_graph

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


@pytest.fixture(scope='module')
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp('onnx') / 'folder'
    export_folder(model, path, 'narrow', (256, 192))
    return path


def test_parts_equal_the_model(model, folder):
    """Person and garment side and the rest, at sizes not traced."""
    sizes = [(64, 64), (96, 160)]
    assert max(check_onnx(model, folder, sizes, 1e-4).values()) < 1e-4


def test_a_part_of_another_model_is_told(model, folder, tmp_path):
    """A folder is right only if all of its parts are."""
    other = tmp_path / 'other'
    shutil.copytree(folder, other)
    part = ClothGraph(build(1)).eval()
    images = torch.rand(1, 3, 64, 96), torch.ones(1, 1, 64, 96)
    content = read_model(folder)['graphs']['cloth']
    export_graph(
        part,
        other / 'cloth.onnx',
        dict(zip(content['inputs'], images, strict=True)),
        content['outputs'],
        {},
    )
    with pytest.raises(UserError, match=r'other: differs from the model by'):
        check_onnx(model, other, [(64, 96)])


def test_folder_says_what_it_holds(folder):
    """Pages and other runtimes read names and sizes from model.json."""
    content = read_model(folder, 'tryon')
    assert content['size'] == [256, 192]
    assert content['name'] == 'narrow'
    assert not content['keeps_photograph']
    files = {path.stem for path in folder.glob('*.onnx')}
    assert (
        files
        == {*content['graphs']}
        == {
            'try_on',
            'person',
            'cloth',
            'dress',
        }
    )
    for name, said in content['graphs'].items():
        graph = onnx.load(folder / f'{name}.onnx').graph
        assert [x.name for x in graph.input] == said['inputs']
        assert [x.name for x in graph.output] == said['outputs']
    shape = graph.input[-1].type.tensor_type.shape
    axes = [axis.dim_param or axis.dim_value for axis in shape.dim]
    assert graph.input[-1].name == 'cloth_map_4'
    assert axes == ['batch', 6, 'h_2', 'w_2']


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
