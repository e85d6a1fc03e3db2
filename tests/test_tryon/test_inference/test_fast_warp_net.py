# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A new warp network is trained, accelerated and exported as it is."""

import copy

import pytest
import torch
from torch import nn

pytest.importorskip('mmengine')
from mmfashion_ext.hub import get_model
from mmfashion_ext.registry import MODELS
from mmfashion_ext.tryon.flow import offset_to_grid, upsample
from mmfashion_ext.tryon.inference.fast_try_on import FastTryOn
from mmfashion_ext.tryon.inference.fast_warp_net import accelerate
from mmfashion_ext.tryon.inference.onnx_export import check_onnx, export_onnx
from mmfashion_ext.tryon.warp_net import AppearanceFlowWarp

H, W = 64, 96
SIZES = {
    'widths': (4, 4, 6, 6, 6),
    'channels': 16,
    'head_channels': (6, 4, 4),
}


class CoarseEstimate(AppearanceFlowWarp):
    """Reads both features side by side to estimate, too."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.compare = nn.ModuleList(
            nn.Conv2d(2 * self.channels, 2, 3, padding=1)
            for _ in range(self.num_scales)
        )

    def estimate(self, scale, aligned, condition):
        both = torch.cat([aligned, condition], dim=1)
        offset = super().estimate(scale, aligned, condition)
        return offset + self.compare[scale](both)


class GatedRefinement(AppearanceFlowWarp):
    """Refines by the difference of the features; aligns by half."""

    def align(self, cloth, flow):
        return cloth if flow is None else (super().align(cloth, flow) + cloth)

    def refine(self, scale, warped, condition):
        both = torch.cat([warped - condition, condition], dim=1)
        return self.refine_heads[scale](both)


class NoRefinement(AppearanceFlowWarp):
    """Another loop: the flow of the last scale alone counts."""

    def flows(self, cloth_features, condition_features):
        grids, offsets = [], []
        pairs = zip(cloth_features, condition_features, strict=True)
        for scale, (cloth, condition) in enumerate(pairs):
            offsets.append(self.estimate(scale, cloth, condition))
            grids.append(upsample(offset_to_grid(offsets[-1])))
        return grids, offsets

    def encode_condition(self, condition):
        return [x.tanh() for x in super().encode_condition(condition)]


class OtherHeads(AppearanceFlowWarp):
    """Normalises before it refines."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.refine_heads = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(2 * self.channels), *head)
            for head in self.refine_heads
        )


VARIANTS = CoarseEstimate, GatedRefinement, NoRefinement, OtherHeads


@pytest.fixture(autouse=True, scope='module')
def registered():
    for variant in VARIANTS:
        MODELS.register_module(module=variant)
    yield
    for variant in VARIANTS:
        MODELS.module_dict.pop(variant.__name__)


@pytest.fixture(params=[AppearanceFlowWarp, *VARIANTS], scope='module')
def model(request):
    """A student with that network, whose normalisations and flows count."""
    torch.manual_seed(0)
    model = get_model(
        'pf-afn_e2e_8xb4-100e_viton-256x192',
        **{
            'model.perceptual': None,
            'model.warp_net.type': f'mmfashion_ext.{request.param.__name__}',
            'model.generator.widths': (4, 4, 6, 6, 6),
            **{f'model.warp_net.{k}': v for k, v in SIZES.items()},
        },
    )
    assert type(model.warp_net) is request.param
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    for heads in (model.warp_net.main_heads, model.warp_net.refine_heads):
        for head in heads:
            nn.init.uniform_(head[-1].bias, -1, 1)
            nn.init.normal_(head[-1].weight, 0, 0.3)
    return model


@pytest.fixture(scope='module')
def inputs():
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(3, 7, H // 8, W // 8, generator=generator)
    noise = nn.functional.interpolate(noise, size=(H, W), mode='bilinear')
    mask = (noise[:, 6:] > 0.4).float()
    return {
        'person': noise[:, :3] * 2 - 1,
        'cloth': (noise[:, 3:6] * 2 - 1) * mask,
        'cloth_mask': mask,
    }


def test_it_is_trained_without_another_line(model, inputs):
    result = model.warp_net(
        inputs['person'], inputs['cloth'], inputs['cloth_mask']
    )
    mask = inputs['cloth_mask']
    losses = model.warp_loss(result, inputs['person'] * mask, mask)
    sum(losses.values()).backward()
    for name, parameter in model.warp_net.main_heads.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_accelerated_it_gives_the_same(model, inputs):
    fast = FastTryOn(model)
    with torch.no_grad():
        expected, their_warp = model.eval().try_on(inputs)
    found, warp = fast.try_on(inputs)
    for ours, theirs in (
        (found.try_on, expected.try_on),
        *zip(warp.grids, their_warp.grids, strict=True),
    ):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)
    lying = torch.linspace(-1, 1, W).expand(3, H, W)
    assert (warp.grid[:, 0] - lying).abs().mean() > 0.02, 'an identity'


def test_one_person_in_all_cloths_and_one_cloth_on_all(model, inputs):
    fast = FastTryOn(model)
    for kinds in (('person',), ('cloth', 'cloth_mask')):
        one = {k: v[1:2] if k in kinds else v for k, v in inputs.items()}
        found, _ = fast.try_on(one)
        with torch.no_grad():
            expected, _ = model.eval().try_on(
                {k: v.expand(3, -1, -1, -1) for k, v in one.items()}
            )
        torch.testing.assert_close(
            found.try_on, expected.try_on, rtol=0, atol=1e-4
        )


def test_exported_it_gives_the_same(model, tmp_path):
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    path = tmp_path / 'model.onnx'
    export_onnx(model.eval(), path)
    difference = check_onnx(model, path, [(64, 64)], tolerance=1e-4)
    assert difference[64, 64] < 1e-4


def test_the_network_itself_is_not_changed(model):
    before = copy.deepcopy(model.warp_net.state_dict())
    fast = accelerate(model.warp_net)
    assert isinstance(fast, type(model.warp_net))
    assert type(fast).__name__ == f'Fast{type(model.warp_net).__name__}'
    assert not fast.training
    assert not any(x.requires_grad for x in fast.parameters())
    after = model.warp_net.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_only_published_refinements_are_split():
    """Half of the first convolution is a feature of the person."""
    split = accelerate(AppearanceFlowWarp(**SIZES))
    assert len(split.refine_condition) == len(split.refine_cloth) == 5
    assert split.refine_cloth[0].bias is None
    assert split.refine_cloth[0].in_channels == SIZES['channels']
    assert len(accelerate(CoarseEstimate(**SIZES)).refine_condition) == 5
    for variant in (GatedRefinement, NoRefinement, OtherHeads):
        whole = accelerate(variant(**SIZES))
        assert not len(whole.refine_condition)
        assert whole.refine_features([torch.zeros(1)] * 5) == []


def test_a_network_of_another_kind_is_refused():
    with pytest.raises(TypeError, match='AppearanceFlowWarp, got Conv2d'):
        accelerate(nn.Conv2d(3, 3, 1))
