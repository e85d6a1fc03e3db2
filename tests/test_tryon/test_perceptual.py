# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import copy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from torchvision.models.vgg import cfgs, make_layers

from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.losses import TryOnLoss, WarpLoss
from mmfashion_ext.tryon.perceptual import VGG19_URL, PerceptualLoss, l1
from mmfashion_ext.utils.checkpoint import CheckpointError

#: What a VGG19 is: output channels of the convolutions, 0 a pooling.
LAYERS = (
    *(64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0),
    *(512, 512, 512, 512, 0, 512),
)
WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1)


def images(*size, seed=0, dtype=torch.double):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*size, generator=generator, dtype=dtype) * 2 - 1


@pytest.fixture(scope='module')
def perceptual():
    return PerceptualLoss(seed=0).double()


def plain_features(weights, x):
    """relu1_1 ... relu5_1; a side of one is padded by -inf to be pooled."""
    number, first, maps = 0, True, []
    for channels in LAYERS:
        if not channels:
            right, bottom = (
                int(side == 1) for side in (x.shape[3:] + x.shape[2:3])
            )
            x = F.pad(x, (0, right, 0, bottom), value=-float('inf'))
            x, first = F.max_pool2d(x, 2), True
            number += 1
            continue
        x = F.conv2d(
            x,
            weights[f'features.{number}.weight'],
            weights[f'features.{number}.bias'],
            padding=1,
        ).relu()
        number += 2
        if first:
            maps.append(x)
        first = False
    return maps


def plain_loss(weights, x, y):
    pairs = zip(
        plain_features(weights, x), plain_features(weights, y), strict=True
    )
    return sum(
        w * (a - b).abs().mean()
        for w, (a, b) in zip(WEIGHTS, pairs, strict=True)
    )


def biased(module):
    """Biases of 0 would hide a forgotten one."""
    for name, weight in module.vgg.module.named_parameters():
        if name.endswith('bias'):
            weight.data.uniform_(-0.1, 0.1)
    return module


@pytest.mark.parametrize('size', [(16, 12), (4, 3), (24, 12)])
def test_loss_is_the_published_one(perceptual, size):
    module = biased(copy.deepcopy(perceptual))
    weights = module.vgg.module.state_dict()
    x = images(1, 3, *size).requires_grad_()
    y = images(1, 3, *size, seed=1)
    found, expected = module(x, y), plain_loss(weights, x, y)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
    for ours, theirs in zip(
        *(torch.autograd.grad(loss, x) for loss in (found, expected)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-14, rtol=1e-9)


@pytest.mark.parametrize(
    ('size', 'sizes'),
    [
        ((16, 12), [(16, 12), (8, 6), (4, 3), (2, 1), (1, 1)]),
        # three pixels become one here as everywhere
        ((32, 24), [(32, 24), (16, 12), (8, 6), (4, 3), (2, 1)]),
        ((24, 12), [(24, 12), (12, 6), (6, 3), (3, 1), (1, 1)]),
        ((1, 5), [(1, 5), (1, 2), (1, 1), (1, 1), (1, 1)]),
    ],
)
def test_sizes_at_the_coarsest_scale(perceptual, size, sizes):
    maps = perceptual.features(images(1, 3, *size))
    assert [tuple(m.shape[2:]) for m in maps] == sizes
    assert [m.shape[1] for m in maps] == [64, 128, 256, 512, 512]


def test_side_of_one_is_pooled_as_with_ceil_mode(perceptual):
    """The other way to say it, at 256x192's coarsest scale."""
    *_, before, found = perceptual.features(images(2, 3, 16, 12))
    layers = perceptual.vgg.module.features
    x = before
    for layer in layers[21:27]:
        x = layer(x)
    assert x.shape[2:] == (2, 1)
    x = F.max_pool2d(x, 2, ceil_mode=True)
    assert torch.equal(found, layers[29](layers[28](x)))


def test_target_features_can_be_used_again(perceptual):
    x, y = images(1, 3, 16, 12), images(1, 3, 16, 12, seed=1)
    features = perceptual.target_features(y.requires_grad_())
    assert not any(f.requires_grad for f in features)
    assert torch.equal(
        perceptual(x, y), perceptual(x, target_features=features)
    )


def test_only_the_first_image_gets_a_gradient(perceptual):
    x, y = (images(1, 3, 16, 12, seed=s).requires_grad_() for s in (0, 1))
    perceptual(x, y).backward()
    assert x.grad.abs().sum() > 0
    assert y.grad is None
    perceptual(x, target_features=perceptual.features(y)).backward()
    assert y.grad is None
    for weight in perceptual.vgg.module.parameters():
        assert weight.grad is None


def test_equal_images(perceptual):
    x = images(1, 3, 16, 12).requires_grad_()
    loss = perceptual(x, x.detach())
    loss.backward()
    assert loss == 0
    assert not x.grad.any()


def test_gradcheck(perceptual):
    x, y = images(1, 3, 8, 4).requires_grad_(), images(1, 3, 8, 4, seed=1)
    assert torch.autograd.gradcheck(
        lambda x: perceptual(x, y), x, fast_mode=True, eps=1e-8
    )


def test_autocast_reaches_vgg_and_not_the_comparison():
    module = PerceptualLoss(seed=0)
    x = images(1, 3, 16, 12, dtype=torch.float32).requires_grad_()
    y = images(1, 3, 16, 12, seed=1, dtype=torch.float32)
    expected = module(x, y)
    with torch.autocast('cpu', torch.bfloat16):
        found = module(x, y)
        assert module.features(x)[0].dtype == torch.bfloat16
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0.01, atol=0)
    found.backward()
    assert x.grad.dtype == torch.float32
    assert x.grad.isfinite().all()


def test_no_checkpoint_carries_vgg(perceptual):
    loss = WarpLoss(perceptual)
    assert not loss.state_dict()
    assert not list(loss.parameters())
    loss.load_state_dict({}, strict=True)


def test_same_seed_same_weights(perceptual):
    x, y = images(1, 3, 8, 8), images(1, 3, 8, 8, seed=1)
    torch.manual_seed(5)
    assert PerceptualLoss(seed=0).double()(x, y) == perceptual(x, y)
    assert PerceptualLoss(seed=1).double()(x, y) != perceptual(x, y)


def test_building_draws_no_random_numbers():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    PerceptualLoss(seed=0)
    PerceptualLoss('vgg19.pth')
    assert torch.rand(1) == expected


def torchvision_file(path, change=lambda weights: weights):
    """As vgg19-dcbb9e9d.pth, but each weight is one number, to be quick."""
    weights = {
        f'features.{name}': torch.full((1,), 0.01 * k).expand(value.shape)
        for k, (name, value) in enumerate(
            make_layers(cfgs['E']).state_dict().items()
        )
    }
    weights['classifier.0.weight'] = torch.zeros(1).expand(4096, 25088)
    torch.save(change(weights), path)
    return str(path)


@pytest.mark.parametrize('wrapped', [False, True])
def test_file_of_torchvision(tmp_path, wrapped):
    path = torchvision_file(
        tmp_path / 'vgg19.pth',
        lambda weights: {'state_dict': weights} if wrapped else weights,
    )
    module = PerceptualLoss(path)
    module.init_weights()
    for k, weight in enumerate(module.vgg.module.parameters()):
        assert (weight == torch.tensor(0.01 * k)).all()
    assert k == 25
    assert not weight.requires_grad
    Path(path).unlink()
    module.init_weights()  # not read again


def test_random_weights_need_no_file(perceptual):
    weight = perceptual.vgg.module.features[0].weight.clone()
    perceptual.init_weights()
    assert torch.equal(perceptual.vgg.module.features[0].weight, weight)


def test_l1_of_half_precision_is_float32():
    x = torch.full((1, 3, 40, 40), 1 / 3).bfloat16()
    found = l1(x, torch.zeros_like(x))
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(x[0, 0, 0, 0].item())


class Model(BaseModel):
    def __init__(self, path, shared):
        super().__init__()
        cfg = dict(type=PerceptualLoss, checkpoint=path)
        if shared:
            cfg = self.perceptual = PerceptualLoss(path)
        self.warp_loss = WarpLoss(cfg)
        self.try_on_loss = TryOnLoss(cfg)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        pass


@pytest.mark.parametrize('shared', [True, False])
def test_model_initialises_its_losses(tmp_path, shared, caplog):
    path = torchvision_file(tmp_path / 'vgg19.pth')
    model = Model(path, shared)
    model.init_weights()
    for loss in (model.warp_loss, model.try_on_loss):
        assert loss.perceptual.vgg.module.features[0].bias[0] == 0.01
    assert 'more than once' not in caplog.text
    assert not model.state_dict()
    (tmp_path / 'vgg19.pth').unlink()
    copy.deepcopy(model).init_weights()  # not read again


def test_losses_before_the_file_is_read_are_refused(tmp_path):
    module = PerceptualLoss(str(tmp_path / 'vgg19.pth'))
    with pytest.raises(RuntimeError, match=r'call init_weights\(\)'):
        module(images(1, 3, 8, 8), images(1, 3, 8, 8))


@pytest.mark.parametrize('checkpoint', ['no/vgg19.pth', VGG19_URL, None])
def test_missing_file_is_said_in_one_line(checkpoint, monkeypatch):
    monkeypatch.setattr(torch.hub, 'download_url_to_file', None)
    module = PerceptualLoss(checkpoint)
    with pytest.raises(UserError) as caught:
        module.init_weights()
    message = str(caught.value)
    assert message.startswith(f'model.perceptual.checkpoint: {checkpoint!r} ')
    assert VGG19_URL in message
    assert '\n' not in message


def without(*names):
    return lambda weights: {k: v for k, v in weights.items() if k not in names}


@pytest.mark.parametrize(
    ('change', 'named'),
    [
        (without('features.0.bias'), ' 1 of 26 weights: features.0.bias. '),
        (
            lambda weights: (
                weights | {'features.5.weight': torch.zeros(128, 64, 1, 1)}
            ),
            ' 1 of 26 weights: features.5.weight (128, 64, 1, 1). ',
        ),
        (
            lambda weights: {'conv1.weight': torch.zeros(1)},
            ' 26 of 26 weights: features.0.weight, features.0.bias, ',
        ),
        (lambda weights: {'epoch': 3}, 'no weights in the checkpoint'),
    ],
)
def test_file_that_does_not_fit(tmp_path, change, named):
    path = torchvision_file(tmp_path / 'vgg.pth', change)
    with pytest.raises(CheckpointError) as caught:
        PerceptualLoss(path).init_weights()
    message = str(caught.value)
    assert named in message
    assert path in message
    assert '\n' not in message


def test_vgg16_is_refused(tmp_path):
    path = tmp_path / 'vgg16.pth'
    with torch.device('meta'):
        names = make_layers(cfgs['D']).state_dict()
    torch.save(
        {
            f'features.{name}': torch.zeros(1).expand(value.shape)
            for name, value in names.items()
        },
        path,
    )
    with pytest.raises(
        CheckpointError, match=r' \d+ of 26 weights: features\.16\.weight'
    ):
        PerceptualLoss(str(path)).init_weights()


def test_five_weights():
    with pytest.raises(ValueError, match='expected 5 numbers'):
        PerceptualLoss(weights=(1, 1))


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA')
def test_cuda(perceptual):
    x, y = images(2, 3, 64, 48), images(2, 3, 64, 48, seed=1)
    other = copy.deepcopy(perceptual).cuda()
    torch.testing.assert_close(
        other(x.cuda(), y.cuda()).cpu(), perceptual(x, y)
    )
