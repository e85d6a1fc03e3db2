# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""FID and KID against NumPy and SciPy, with a tiny network."""

import multiprocessing

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import nn

from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.fidelity_metric import (
    FidelityMetric,
    InceptionFeatures,
    frechet_distance,
    kernel_distance,
    to_grey_levels,
)

DIM = 6


class TinyFeatures(nn.Module):
    """A random network."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv2d(3, DIM, 4, stride=4)

    def forward(self, images):
        assert images.dtype == torch.uint8
        return self.layer(images / 255).mean(dim=(2, 3))


def make_samples(count=20):
    draw = torch.Generator().manual_seed(0)
    samples = []
    for _ in range(count):
        person = torch.rand(3, 12, 8, generator=draw) * 2 - 1
        person *= torch.rand(3, 1, 1, generator=draw)
        noise = torch.randn(person.shape, generator=draw) * 0.5
        try_on = (person + noise + 0.2).clamp(-1, 1)
        samples.append(dict(person=person, try_on=try_on))
    return samples


def evaluate(samples, batch=3, **settings):
    # a class: a type's name makes the registry import every host
    metric = FidelityMetric(features=dict(type=TinyFeatures), **settings)
    for i in range(0, len(samples), batch):
        metric.process(None, samples[i : i + batch])
    return metric.evaluate(len(samples))


def features_of(samples, name):
    network = TinyFeatures()
    with torch.no_grad():
        images = [to_grey_levels(s[name])[None] for s in samples]
        return np.concatenate([network(p).numpy() for p in images])


def plain_fid(real, made):
    c1, c2 = (np.cov(x.astype(float), rowvar=False) for x in (real, made))
    mean = real.mean(0, dtype=float) - made.mean(0, dtype=float)
    return mean @ mean + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)


def plain_kid(real, made):
    """Unbiased within the sets: the diagonals do not count."""

    def kernel(x, y):
        return (x.astype(float) @ y.T / x.shape[1] + 1) ** 3

    n = len(real)
    off = ~np.eye(n, dtype=bool)
    within = kernel(real, real)[off].mean() + kernel(made, made)[off].mean()
    return within - 2 * kernel(real, made).mean()


def test_equal_to_plain_ones():
    samples = make_samples()
    real, made = (features_of(samples, k) for k in ('person', 'try_on'))
    metrics = evaluate(samples)
    assert metrics['FID'] == pytest.approx(plain_fid(real, made), rel=1e-6)
    # fewer than a subset: each holds all of them
    assert metrics['KID'] == pytest.approx(plain_kid(real, made), rel=1e-5)
    assert metrics['KID_std'] == pytest.approx(0, abs=1e-9)
    assert metrics['FID'] > 1e-3


def test_each_class_beside_the_total():
    samples = make_samples(9)
    for index, sample in enumerate(samples):
        sample['cloth_class'] = 'lower_body' if index > 3 else 'upper_body'
    samples[0]['cloth_class'] = 'dresses'  # one alone is not a set
    metrics = evaluate(samples, kid=False)
    assert [*metrics] == ['FID', 'upper_body/FID', 'lower_body/FID']
    assert metrics['lower_body/FID'] == pytest.approx(
        evaluate(samples[4:], kid=False)['FID']
    )


def test_sets_of_other_sizes():
    draw = np.random.default_rng(0)
    real = draw.normal(size=(50, 4))
    made = draw.normal(1, 2, size=(30, 4))
    fid = frechet_distance(torch.from_numpy(real), torch.from_numpy(made))
    assert fid == pytest.approx(plain_fid(real, made), rel=1e-9)


def test_fewer_images_than_features():
    """Covariances of low rank, whose product has eigenvalues around 0."""
    draw = np.random.default_rng(0)
    real, made = draw.normal(size=(2, 5, 16))
    made += 0.5
    fid = frechet_distance(torch.from_numpy(real), torch.from_numpy(made))
    assert fid == pytest.approx(plain_fid(real, made), rel=1e-5)


def test_equal_sets():
    samples = [s | {'try_on': s['person']} for s in make_samples()]
    metrics = evaluate(samples)
    assert metrics['FID'] == pytest.approx(0, abs=1e-6)
    assert metrics['KID'] < 0  # unbiased, so below 0 as often as above


def test_subsets_depend_on_the_seed_only():
    draw = torch.Generator().manual_seed(0)
    real, made = torch.rand(2, 40, 4, generator=draw)
    torch.manual_seed(5)
    first = kernel_distance(real, made, 10, 20, seed=1)
    state = torch.get_rng_state()
    assert kernel_distance(real, made, 10, 20, seed=1) == first
    assert torch.equal(torch.get_rng_state(), state)
    assert kernel_distance(real, made, 10, 20, seed=2) != first
    mean, std = first
    assert std > 0
    expected = plain_kid(real.numpy(), made.numpy())
    assert mean == pytest.approx(expected, abs=3 * std)


def test_batches_do_not_matter_and_features_are_written(tmp_path):
    samples = make_samples(7)
    prefix = str(tmp_path / 'test')
    expected = evaluate(samples, batch=1, outfile_prefix=prefix)
    assert evaluate(samples, batch=7) == pytest.approx(expected, rel=1e-4)
    written = np.load(f'{prefix}.fidelity.npz')
    for name in ('person', 'try_on'):
        expected = features_of(samples, name)
        np.testing.assert_allclose(written[name], expected, rtol=1e-5)


def test_only_what_is_asked_for():
    samples = make_samples(4)
    assert set(evaluate(samples, kid=False)) == {'FID'}
    assert set(evaluate(samples, fid=False)) == {'KID', 'KID_std'}
    with pytest.raises(UserError, match='at least 2, got 1'):
        evaluate(samples[:1])


def test_photographs_are_as_they_were():
    levels = torch.arange(256).float()
    images = levels.div(255).sub(0.5).div(0.5)
    assert torch.equal(to_grey_levels(images), levels.byte())


def test_two_processes(tmp_path):
    """Each has half of the samples and one twice; rank 0 alone computes."""
    expected = evaluate(make_samples(5), batch=1)
    context = multiprocessing.get_context('fork')  # no second import of torch
    processes = [
        context.Process(target=_process, args=(tmp_path, rank), daemon=True)
        for rank in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    for rank in range(2):
        found = torch.load(tmp_path / f'metrics{rank}')
        assert found == pytest.approx(expected, rel=1e-9)


def _process(folder, rank):
    torch.set_num_threads(1)  # the parent's threads are not there
    torch.distributed.init_process_group(
        'gloo', f'file://{folder}/meeting', rank=rank, world_size=2
    )
    samples = make_samples(5)
    metric = FidelityMetric(
        features=TinyFeatures(), collect_dir=f'{folder}/parts'
    )
    for sample in (samples + samples[:1])[rank::2]:
        metric.process(None, [sample])
    torch.save(metric.evaluate(len(samples)), f'{folder}/metrics{rank}')


class TestInception:
    def test_reads_its_file(self, tmp_path, monkeypatch):
        """Random weights, written as the published ones are."""
        path = tmp_path / 'inception.pth'
        torch.save({}, path)
        with monkeypatch.context() as patch:
            patch.setattr(nn.Module, 'load_state_dict', lambda *a: None)
            random = InceptionFeatures(str(path))
        torch.save(random.network.state_dict(), path)
        read = InceptionFeatures(str(path)).eval()
        images = torch.randint(256, (1, 3, 32, 24), dtype=torch.uint8)
        with torch.no_grad():
            features = read(images)
            expected = random.network(images)[0]
        assert features.shape == (1, 2048)
        assert torch.equal(features, expected)
        assert not any(p.requires_grad for p in read.parameters())

    def test_missing_file(self, tmp_path):
        path = str(tmp_path / 'none.pth')
        message = r'none\.pth.* nothing is downloaded .*curl -L .*2015-12-05'
        with pytest.raises(UserError, match=message):
            FidelityMetric(path)

    def test_one_network(self):
        with pytest.raises(ValueError, match='not both'):
            FidelityMetric()
        with pytest.raises(ValueError, match='not both'):
            FidelityMetric('inception.pth', features=TinyFeatures())

    def test_other_files(self, tmp_path):
        path = tmp_path / 'other.pth'
        torch.save({'weight': torch.zeros(1)}, path)
        message = 'not the Inception weights for FID and KID'
        with pytest.raises(UserError, match=message):
            InceptionFeatures(str(path))
        torch.save({'weight': nn.Linear(1, 1)}, path)
        with pytest.raises(UserError, match='refused, because reading it'):
            InceptionFeatures(str(path))
