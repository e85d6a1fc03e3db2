# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pytest
import torch

pytest.importorskip('mmengine')
from mmfashion_ext.tryon import TryOnDataPreprocessor
from mmfashion_ext.tryon.tryon_model import crop_grid


def batch(h=32, w=64, num=2):
    generator = torch.Generator().manual_seed(0)

    def draw(channels, high):
        shape = (channels, h, w)
        return [
            torch.randint(high, shape, generator=generator, dtype=torch.uint8)
            for _ in range(num)
        ]

    return {
        'person': draw(3, 256),
        'cloth': draw(3, 256),
        'cloth_mask': draw(1, 256),
        'unpaired_cloth': draw(3, 256),
        'unpaired_cloth_mask': draw(1, 256),
        'parse': draw(1, 14),
        'densepose': draw(1, 25),
        'pose_map': [torch.ones(18, h, w, dtype=torch.int8)] * num,
        'flow': [torch.rand(2, h, w)] * num,
    }


def run(inputs):
    preprocessor = TryOnDataPreprocessor()
    return preprocessor({'inputs': inputs, 'data_samples': 'passed on'})[
        'inputs'
    ]


@pytest.mark.fault(16)
def test_tensors_of_the_caller_stay_as_they_are():
    """Stacked tensors of the right type are not copied by a cast."""
    inputs = {kind: torch.stack(values) for kind, values in batch().items()}
    inputs['person'] = inputs['person'].float()
    inputs['cloth'] = inputs['cloth'].float()
    inputs['parse'] = inputs['parse'].long()
    before = {kind: values.clone() for kind, values in inputs.items()}
    made = run(dict(inputs))
    for kind, values in inputs.items():
        assert torch.equal(values, before[kind]), kind
    assert torch.equal(made['person'], run(batch())['person'])
    assert torch.equal(made['parse'], run(batch())['parse'])


def test_values():
    given, made = batch(), run(batch())
    person = torch.stack(given['person'])
    assert torch.equal(made['person'], (person / 255 - 0.5) / 0.5)
    assert made['person'].aminmax() == (-1, 1)
    mask = torch.stack(given['cloth_mask'])
    assert torch.equal(made['cloth_mask'], (mask > 127).float())
    for kind in ('cloth', 'unpaired_cloth'):
        cloth = (torch.stack(given[kind]) / 255 - 0.5) / 0.5
        on = torch.stack(given[f'{kind}_mask']) > 127
        assert torch.equal(made[kind], cloth * on)
    parse = torch.stack(given['parse']).long()
    assert torch.equal(made['parse'], torch.where(parse == 7, 4, parse))
    assert (parse == 7).any()
    assert made['densepose'].dtype == torch.long
    assert made['pose_map'].dtype == made['flow'].dtype == torch.float32


def test_128_is_on():
    mask = torch.tensor([127, 128], dtype=torch.uint8).repeat(16)
    inputs = {'cloth_mask': [mask.expand(1, 32, 32).clone()]}
    inputs['cloth'] = [torch.full((3, 32, 32), 255, dtype=torch.uint8)]
    made = run(inputs)
    assert made['cloth'][0, 0, 0].tolist() == [0.0, 1.0] * 16


@pytest.mark.parametrize('size', [(33, 20), (31, 64), (1, 1), (64, 32)])
def test_padding(size):
    h, w = size
    given, made = batch(h, w), run(batch(h, w))
    padded = (h + -h % 32, w + -w % 32)
    for kind, value in made.items():
        assert tuple(value.shape[-2:]) == padded, kind
    outside = torch.ones(padded, dtype=torch.bool)
    outside[:h, :w] = False
    for kind in ('cloth', 'unpaired_cloth', 'cloth_mask', 'parse'):
        assert not made[kind][..., outside].any()
    assert (made['pose_map'][..., outside] == -1).all()
    assert made['flow'][..., outside].isnan().all()
    # the border of the photograph goes on
    person = (torch.stack(given['person']) / 255 - 0.5) / 0.5
    assert torch.equal(made['person'][..., :h, :w], person)
    assert torch.equal(made['person'][..., -1, -1], person[..., -1, -1])


def test_images_of_several_sizes_are_refused():
    inputs = batch()
    inputs['cloth'][1] = inputs['cloth'][1][:, :16]
    with pytest.raises(ValueError, match=r'cloth of a batch.*ResizeTryOn'):
        run(inputs)


def test_a_cropped_grid_points_to_the_same_pixels():
    grid = torch.rand(2, 64, 32) * 2 - 1
    cropped = crop_grid(grid, (50, 20))
    assert cropped.shape == (2, 50, 20)
    px = (grid[:, :50, :20] + 1) / 2 * torch.tensor([31, 63]).view(2, 1, 1)
    position = (cropped + 1) / 2 * torch.tensor([19, 49]).view(2, 1, 1)
    torch.testing.assert_close(position, px, atol=1e-4, rtol=0)
    assert torch.equal(crop_grid(grid, (64, 32)), grid)


def test_maps_of_the_truth():
    """0 or 1; beside the image nothing counts, and all of it is kept."""
    inputs = {'person': [torch.zeros(3, 30, 60, dtype=torch.uint8)]}
    for kind in ('garment_region', 'loss_mask', 'kept'):
        inputs[kind] = [torch.full((1, 30, 60), 255, dtype=torch.uint8)]
        inputs[kind][0][:, :, 10] = 127
    made = run(inputs)
    for kind, beside in (('garment_region', 0), ('loss_mask', 0), ('kept', 1)):
        found = made[kind]
        assert found.dtype == torch.float32
        assert found.shape == (1, 1, 32, 64)
        assert found[0, 0, 0, 9:12].tolist() == [1.0, 0.0, 1.0], kind
        assert (found[:, :, 30:] == beside).all()
        assert (found[..., 60:] == beside).all()
