# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Less work, the same try-on."""

import copy

import pytest
import torch

pytest.importorskip('mmengine')
from mmfashion_ext.hub import get_model
from mmfashion_ext.tryon.inference.fast_try_on import FastTryOn, join, split

H, W = 64, 96
NARROW = {
    'model.perceptual': None,
    'model.warp_net.widths': (4, 4, 6, 6, 6),
    'model.warp_net.channels': 16,  # enough to fuse a level of the pyramid
    'model.warp_net.head_channels': (6, 4, 4),
    'model.generator.widths': (4, 4, 6, 6, 6),
}
cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason='needs a CUDA GPU'
)


@pytest.fixture(scope='module')
def model():
    """A narrow student whose normalisations and flows do something."""
    torch.manual_seed(0)
    model = get_model('pf-afn_e2e_8xb4-100e_viton-256x192', **NARROW)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.1)
    for heads in (model.warp_net.main_heads, model.warp_net.refine_heads):
        for head in heads:
            torch.nn.init.uniform_(head[-1].bias, -1, 1)
            torch.nn.init.normal_(head[-1].weight, 0, 0.3)
    return model


@pytest.fixture(scope='module')
def inputs():
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(3, 7, H // 8, W // 8, generator=generator)
    noise = torch.nn.functional.interpolate(
        noise, size=(H, W), mode='bilinear'
    )
    mask = (noise[:, 6:] > 0.4).float()
    return {
        'person': noise[:, :3] * 2 - 1,
        'cloth': (noise[:, 3:6] * 2 - 1) * mask,
        'cloth_mask': mask,
    }


def same(found, expected, atol=1e-4):
    (ours, our_warp), (theirs, their_warp) = found, expected
    for name in ('try_on', 'rendered', 'mask'):
        torch.testing.assert_close(
            getattr(ours, name), getattr(theirs, name), rtol=0, atol=atol
        )
    for name in ('grid', 'warped_cloth', 'warped_mask'):
        torch.testing.assert_close(
            getattr(our_warp, name),
            getattr(their_warp, name),
            rtol=0,
            atol=atol,
        )


def psnr(found, expected):
    """In dB, of images in [-1, 1]."""
    return -10 * ((found - expected) / 2).square().mean().log10().item()


def test_equals_the_model(model, inputs):
    before = copy.deepcopy(model.state_dict())
    fast = FastTryOn(model)
    with torch.no_grad():
        expected = model.try_on(inputs)
    found = fast.try_on(inputs)
    same(found, expected)
    warp, their_warp = found[1], expected[1]
    # the flows bend: an identity would be too easy
    lying = torch.linspace(-1, 1, W).expand(3, H, W)
    assert (warp.grid[:, 0] - lying).abs().mean() > 0.02
    assert len(warp.offsets) == len(their_warp.offsets) == 10
    for name in ('grids', 'offsets', 'condition_features'):
        for ours, theirs in zip(
            getattr(warp, name), getattr(their_warp, name), strict=True
        ):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    after = model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_warp_stage_has_no_try_on(model, inputs):
    stage = copy.deepcopy(model)
    stage.generator = None
    composition, result = FastTryOn(stage).try_on(inputs)
    with torch.no_grad():
        _, expected = model.try_on(inputs)
    assert composition is None
    torch.testing.assert_close(
        result.warped_cloth, expected.warped_cloth, rtol=0, atol=1e-4
    )


def test_one_for_all(model, inputs):
    """A person in three garments, a garment on three persons."""
    fast = FastTryOn(model)
    persons = fast.encode_person(inputs['person'])
    clothes = fast.encode_cloth(inputs['cloth'], inputs['cloth_mask'])
    person, cloth = split(persons)[1], split(clothes)[2]
    for kinds, found in (
        (('person',), fast.dress(person, clothes)),
        (('cloth', 'cloth_mask'), fast.dress(persons, cloth)),
    ):
        row = {'person': 1}.get(kinds[0], 2)
        repeated = inputs | {
            kind: inputs[kind][row].expand(3, -1, -1, -1) for kind in kinds
        }
        with torch.no_grad():
            same(found, model.try_on(repeated))


def test_features_split_and_join(model, inputs):
    fast = FastTryOn(model)
    clothes = fast.encode_cloth(inputs['cloth'], inputs['cloth_mask'])
    again = join(split(clothes)[::-1])
    assert torch.equal(again.image, clothes.image.flip(0))
    assert torch.equal(again.maps[3], clothes.maps[3].flip(0))
    (alone,) = split(split(clothes)[1])
    assert alone.mask.data_ptr() == clothes.mask[1].data_ptr()


def test_bfloat16(model, inputs):
    """Flows stay exact; only networks are coarser."""
    expected, _ = FastTryOn(model).try_on(inputs)
    found, result = FastTryOn(model, torch.bfloat16).try_on(inputs)
    assert result.grid.dtype == found.try_on.dtype == torch.float32
    assert result.offsets[0].dtype == torch.bfloat16
    assert psnr(found.try_on, expected.try_on) > 35


def test_refuses_sizes(model, inputs):
    fast = FastTryOn(model)
    with pytest.raises(ValueError, match=r'60 x 96 px .* divisible by 32'):
        fast.encode_person(inputs['person'][:, :, :60])
    with pytest.raises(ValueError, match='divisible by 32'):
        fast.encode_cloth(
            inputs['cloth'][..., :90], inputs['cloth_mask'][..., :90]
        )
    person = fast.encode_person(inputs['person'][:, :, :32])
    cloth = fast.encode_cloth(inputs['cloth'], inputs['cloth_mask'])
    with pytest.raises(ValueError, match='must have one height and width'):
        fast.dress(person, cloth)


@cuda
@pytest.mark.parametrize('compile', [False, True])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_on_a_gpu(model, inputs, dtype, compile):
    expected, _ = FastTryOn(model).try_on(inputs)
    fast = FastTryOn(copy.deepcopy(model).cuda(), dtype, compile)
    found, _ = fast.try_on({k: v.cuda() for k, v in inputs.items()})
    limit = 60 if dtype == torch.float32 else 45
    assert psnr(found.try_on.cpu(), expected.try_on) > limit
