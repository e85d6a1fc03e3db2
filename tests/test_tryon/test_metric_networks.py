# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""LPIPS against one written out, and files that do not fit."""

import numpy as np
import pytest
import torch
from torchvision.models import alexnet, squeezenet1_1

from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.metric import TryOnMetric
from mmfashion_ext.tryon.metric_networks import build_lpips
from mmfashion_ext.tryon.structures import TryOnDataSample

NAMES = dict(person_name='a_0.jpg', cloth_name='b_1.jpg')


def evaluate(metric, samples):
    dicts = [
        TryOnDataSample(metainfo=NAMES, **sample).to_dict()
        for sample in samples
    ]
    metric.process(None, dicts)
    return metric.evaluate(len(samples))


def images(count=3, size=(32, 24), dtype=torch.float32):
    """Two smooth images with noise that are alike, in [-1, 1]."""
    draw = torch.Generator().manual_seed(0)
    for i in range(count):
        person = torch.rand(3, *size, generator=draw) * 2 - 1
        person[:, : size[0] // 2] = 0.3  # flat
        noise = torch.randn(person.shape, generator=draw)
        made = (person + 0.1 * (i + 1) * noise).clamp(-1, 1)
        yield dict(person=person.to(dtype), try_on=made.to(dtype))


def save_weights(network, path):
    torch.manual_seed(0)
    torch.save(network(weights=None).state_dict(), path)
    return str(path)


def plain_lpips(weights, linear, a, b):
    """LPIPS of AlexNet as its paper has it, from the weights by name."""
    mean = torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)
    std = torch.tensor([0.458, 0.448, 0.450]).view(3, 1, 1)
    functional, total = torch.nn.functional, 0
    a, b = ((x - mean) / std for x in (a, b))
    settings = [(0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)]
    for i, (layer, stride, padding) in enumerate(settings):
        if layer in (3, 6):
            a, b = (functional.max_pool2d(x, 3, 2) for x in (a, b))
        kernel, bias = (
            weights[f'features.{layer}.{k}'] for k in ('weight', 'bias')
        )
        a, b = (
            functional.conv2d(x, kernel, bias, stride, padding).relu()
            for x in (a, b)
        )
        unit = [x / (x.square().sum(1, keepdim=True).sqrt()) for x in (a, b)]
        scale = linear[f'lin{i}.model.1.weight']
        difference = (unit[0] - unit[1]).square() * scale
        total = total + difference.sum(1).mean()
    return float(total)


class TestLPIPS:
    def test_equal_to_a_plain_one(self, tmp_path):
        path = save_weights(alexnet, tmp_path / 'alexnet.pth')
        samples = list(images(2, size=(64, 64)))
        metric = TryOnMetric(ssim=False, l1=False, lpips=dict(checkpoint=path))
        linear = metric.lpips.state_dict()
        assert all(
            (linear[f'lin{i}.model.1.weight'] >= 0).all() for i in range(5)
        )  # the published ones, not random
        metrics = evaluate(metric, samples)
        weights = torch.load(path)
        expected = np.mean(
            [
                plain_lpips(
                    weights, linear, s['try_on'][None], s['person'][None]
                )
                for s in samples
            ]
        )
        assert metrics == {'LPIPS': pytest.approx(expected, rel=1e-4)}
        assert metrics['LPIPS'] > 0

    def test_other_network(self, tmp_path):
        path = save_weights(squeezenet1_1, tmp_path / 'squeeze.pth')
        lpips = build_lpips(path, 'squeeze')
        weights = torch.load(path)
        loaded = lpips.net.state_dict()
        torch.testing.assert_close(
            loaded['slices.1.3.squeeze.weight'],
            weights['features.3.squeeze.weight'],
        )

    def test_refused(self, tmp_path):
        missing = str(tmp_path / 'none.pth')
        message = r'LPIPS: the weights .*none\.pth.* curl -L .*alexnet'
        with pytest.raises(UserError, match=message):
            TryOnMetric(lpips=dict(checkpoint=missing))
        path = save_weights(squeezenet1_1, tmp_path / 'squeeze.pth')
        with pytest.raises(UserError, match='not the weights of alex'):
            build_lpips(path)
        with pytest.raises(ValueError, match='must be among alex, vgg'):
            build_lpips(path, 'resnet')
