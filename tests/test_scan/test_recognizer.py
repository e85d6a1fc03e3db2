# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Losses, predictions and training steps of the whole model."""

import runpy
from pathlib import Path

import pytest
import torch
from mmengine.logging import MessageHub

from mmfashion_ext.errors import UserError
from mmfashion_ext.scan.backbone import TorchvisionResNet
from mmfashion_ext.scan.data_preprocessor import ClipDataPreprocessor
from mmfashion_ext.scan.frame_cnn import FrameCNN
from mmfashion_ext.scan.losses import OIMLoss, PairLoss
from mmfashion_ext.scan.matcher import POOLINGS, SCANMatcher
from mmfashion_ext.scan.optim_wrapper import SCANOptimWrapperConstructor
from mmfashion_ext.scan.recognizer import SCANRecognizer
from mmfashion_ext.scan.structures import ClipDataSample

SCRIPT = Path(__file__).with_name('recognizer_processes.py')
RAW, D, T = 32, 6, 3


def recognizer(pooling='self+collaborative', **kwargs):
    torch.manual_seed(0)
    backbone = dict(type=TorchvisionResNet, depth=10, base_channels=4)
    model = SCANRecognizer(
        dict(type=FrameCNN, backbone=backbone, raw_channels=RAW, channels=D),
        dict(type=SCANMatcher, raw_channels=RAW, channels=D, pooling=pooling),
        dict(type=OIMLoss, num_classes=5, channels=D),
        dict(type=PairLoss),
        data_preprocessor=dict(type=ClipDataPreprocessor),
        **kwargs,
    )
    model.init_weights()
    return model


def batch(labels, seed=0, size=(16, 8)):
    """As a data loader gives it; frames of size (h, w) px."""
    generator = torch.Generator().manual_seed(seed)
    shape = len(labels), T, 3, *size
    inputs = {
        modality: list(
            torch.randint(256, shape, generator=generator, dtype=torch.uint8)
        )
        for modality in ('img', 'flow')
    }
    samples = [ClipDataSample(metainfo={'label': label}) for label in labels]
    return dict(inputs=inputs, data_samples=samples)


def run(model, labels, mode, **kwargs):
    data = model.data_preprocessor(batch(labels, **kwargs), mode == 'loss')
    return model(**data, mode=mode)


def test_loss_is_the_sum_of_its_parts():
    labels, table = [3, 3, 0, 0, 3, 3], torch.randn(5, D)
    model = recognizer().train()
    model.oim_loss.table.copy_(table)
    found = run(model, labels, 'loss')
    assert found.keys() == {'loss_oim', 'oim_acc', 'loss_pair', 'pair_acc'}

    model = recognizer().train()
    model.oim_loss.table.copy_(table)
    data = model.data_preprocessor(batch(labels))
    x, raw = model.frame_cnn(**data['inputs'])
    frame_labels = torch.tensor(labels).repeat_interleave(T)
    oim, _ = model.oim_loss(x.flatten(0, 1), frame_labels)
    same = model.matcher(x, raw).softmax(-1)[..., 1]
    probe = torch.tensor(labels[::2])
    torch.testing.assert_close(found['loss_oim'], oim)
    torch.testing.assert_close(
        found['loss_pair'], 100 * model.pair_loss(same, probe, probe)
    )
    right = (same > 0.5) == (probe[:, None] == probe)
    assert found['pair_acc'] == right.float().mean()


def test_weight_of_the_identities_follows_the_epoch():
    model = recognizer(oim_rate=dict(base=0.5, factor=0.1, step=10)).train()
    hub = MessageHub.get_current_instance()
    before = hub.get_info('epoch')
    found = []
    try:
        for epoch in (0, 9, 10, 20):
            hub.update_info('epoch', epoch)
            found.append(run(model, [0, 0, 1, 1], 'loss')['loss_oim'].item())
    finally:
        hub.update_info('epoch', before or 0)
    unit = torch.tensor(5.0).log().item() / 2
    assert found == pytest.approx([unit, unit, unit / 10, unit / 100])


@pytest.mark.parametrize('pooling', POOLINGS)
def test_every_parameter_learns(pooling):
    model = recognizer(pooling).train()
    model.oim_loss.table.normal_()
    torch.nn.init.normal_(model.matcher.classifier.linear.weight)
    losses = run(model, [0, 0, 1, 1], 'loss')
    model.parse_losses(losses)[0].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_predictions_give_the_networks_distances():
    model = recognizer().eval()
    torch.nn.init.normal_(model.matcher.classifier.linear.weight, std=9)
    samples = run(model, [-1] * 4, 'predict')
    assert samples[0].embeddings.shape == (T, D)
    assert samples[0].attention_keys.shape == (T, D)
    data = model.data_preprocessor(batch([-1] * 4))
    features = model(data['inputs'])
    for n, sample in enumerate(samples):
        torch.testing.assert_close(sample.embeddings, features.embeddings[n])
        torch.testing.assert_close(sample.attention_keys, features.keys[n])
    x, raw = model.frame_cnn(**data['inputs'])
    sides = [type(features)(*(part[i::2] for part in features))
             for i in (0, 1)]  # fmt: skip
    torch.testing.assert_close(
        model.matcher.distances(*sides),
        model.matcher(x, raw).softmax(-1)[..., 0],
        atol=2e-6,
        rtol=0,
    )


def test_one_pair_and_one_identity_have_finite_losses():
    """A last, short batch may consist of them."""
    for labels in ([2, 2], [1, 1, 1, 1]):
        model = recognizer().train()
        losses = run(model, labels, 'loss')
        total, _ = model.parse_losses(losses)
        total.backward()
        assert total.isfinite()
        for parameter in model.parameters():
            assert parameter.grad.isfinite().all()
        for value in model.state_dict().values():
            assert value.isfinite().all()


def test_unfit_batches_are_refused():
    model = recognizer().train()
    with pytest.raises(UserError, match='pairs of clips, got 3 clips'):
        run(model, [0, 0, 1], 'loss')
    with pytest.raises(UserError, match='label 5 is not among the 5'):
        run(model, [5, 5], 'loss')
    with pytest.raises(ValueError, match='mode must be'):
        run(model, [0, 0], 'train')
    inputs = model.data_preprocessor(batch([0, 0]))['inputs']
    with pytest.raises(ValueError, match="mode 'loss' needs data_samples"):
        model(inputs, mode='loss')


@pytest.fixture(scope='module')
def by_processes(run_ranks, tmp_path_factory):
    """What one process with all clips and two with half of them get."""
    folder = tmp_path_factory.mktemp('processes')
    runpy.run_path(str(SCRIPT))['main'](folder / 'one.pth')
    run_ranks(SCRIPT, folder / 'two.pth')
    return [torch.load(folder / f'{n}.pth') for n in ('one', 'two')]


def test_processes_equal_one_process(by_processes):
    """Losses of all pairs, gradients, table, statistics of pairs and keys.

    The CNN is in eval mode: its batch statistics are each process's own.
    """
    (one,), two = by_processes
    for rank, found in enumerate(two):
        assert found.keys() == one.keys()
        for name, value in one.items():
            torch.testing.assert_close(
                found[name], value, atol=1e-9, rtol=0, msg=f'{rank} {name}'
            )
        # the tables do not drift apart, not by a bit
        assert (found['oim_loss.table'] == two[0]['oim_loss.table']).all()


LABELS = [0, 0, 1, 1, 2, 2]


def learn(model, wrapper, steps=8):
    """The losses of some steps on one batch.

    Frames of 32 x 32 px: on maps of one pixel, PyTorch 2.14.1's CPU gives
    bfloat16 convolutions with a stride uninitialised weight gradients.
    """
    losses = []
    for _ in range(steps):
        with wrapper.optim_context(model):
            outputs = run(model, LABELS, 'loss', size=(32, 32))
            loss, _ = model.parse_losses(outputs)
        wrapper.update_params(loss)
        losses.append(loss.item())
    return losses


def optim_wrapper(model, **kwargs):
    optimizer = dict(type='SGD', lr=0.01, momentum=0.9)
    return SCANOptimWrapperConstructor(dict(optimizer=optimizer, **kwargs))(
        model
    )


@pytest.mark.fault(33)
def test_bfloat16_learns_on_the_cpu():
    plain, half = recognizer().train(), recognizer().train()
    expected = learn(plain, optim_wrapper(plain))
    # MMEngine's AmpOptimWrapper wants a GPU; autocast does not
    with torch.autocast('cpu', torch.bfloat16):
        found = learn(half, optim_wrapper(half))
    assert found[0] == pytest.approx(expected[0], rel=0.02)
    assert found[-1] < 0.7 * found[0]
    assert all(p.dtype == torch.float32 for p in half.parameters())
    assert all(v.isfinite().all() for v in half.state_dict().values())


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_mixed_precision_learns_on_the_gpu(dtype):
    plain, half = recognizer().cuda().train(), recognizer().cuda().train()
    expected = learn(plain, optim_wrapper(plain))
    amp = dict(type='AmpOptimWrapper', loss_scale='dynamic', dtype=dtype)
    found = learn(half, optim_wrapper(half, **amp), steps=16)
    assert found[0] == pytest.approx(expected[0], rel=0.02)
    assert found[-1] < 0.7 * found[0]
    assert all(v.isfinite().all() for v in half.state_dict().values())


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('pooling', POOLINGS)
def test_gpu_equals_cpu(pooling):
    results = []
    for device in ('cpu', 'cuda'):
        model = recognizer(pooling).to(device).train()
        losses = run(model, [0, 0, 1, 1, 0, 0], 'loss')
        model.parse_losses(losses)[0].backward()
        results.append([*losses.values(), model.oim_loss.table])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs.cpu(), atol=1e-3, rtol=1e-3)
