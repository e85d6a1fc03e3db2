# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert imitations of the published files: one number for each weight."""

import runpy
import struct
from pathlib import Path

import pytest
import torch
import torchvision

from mmfashion_ext.errors import UserError
from mmfashion_ext.scan.backbone import TorchvisionResNet
from mmfashion_ext.scan.checkpoint_converter import convert_files
from mmfashion_ext.scan.frame_cnn import FrameCNN
from mmfashion_ext.scan.inferencer import SCANInferencer
from mmfashion_ext.scan.losses import OIMLoss, PairLoss
from mmfashion_ext.scan.matcher import SCANMatcher
from mmfashion_ext.scan.recognizer import SCANRecognizer

TOOL = Path(__file__).parents[2] / 'tools' / 'model_converters' / 'scan.py'


def linear(name, out=128, channels=2048):
    return {f'{name}.weight': (out, channels), f'{name}.bias': (out,)}


def norm(name, channels=128):
    parts = 'weight', 'bias', 'running_mean', 'running_var'
    return {f'{name}.{part}': (channels,) for part in parts} | {
        f'{name}.num_batches_tracked': ()
    }


def shapes():
    """Names and shapes of the three files, as the fact sheet lists them."""
    with torch.device('meta'):
        resnet = torchvision.models.resnet50().state_dict()
    cnn = {f'base.{name}': tuple(v.shape) for name, v in resnet.items()}
    cnn |= {'conv0.weight': (64, 3, 7, 7)} | linear('feat') | norm('feat_bn')
    att = {}
    for block in (
        'feat_fc',
        'selfpooling_model.featQ',
        'crosspooling_model.featK',
    ):
        att |= linear(f'{block}.0') | norm(f'{block}.1')
    cls = norm('classifierBN') | linear('classifierlinear', 2, 128)
    return dict(cnn=cnn, att=att, cls=cls)


def weights(kind):
    """Each weight has another value; a stored tensor is one number."""
    return {
        name: torch.tensor(
            n % 7 if kind == 'att' else n,
            dtype=torch.long if shape == () else torch.float,
        ).expand(shape)
        for n, (name, shape) in enumerate(shapes()[kind].items(), 1)
    }


@pytest.fixture
def published(tmp_path):
    """A function that writes the three files and gives their paths."""

    def write(legacy=True, **changes):
        paths = {}
        for kind in ('cnn', 'att', 'cls'):
            state = weights(kind)
            if legacy:
                state = {
                    name: value
                    for name, value in state.items()
                    if not name.endswith('num_batches_tracked')
                }
            changes.get(kind, lambda state: None)(state)
            if kind == 'cnn':
                state = {f'module.{n}': v for n, v in state.items()}
            content = dict(state_dict=state, epoch=7, best_top1=0.75)
            paths[kind] = tmp_path / f'{kind}model_best.pth.tar'
            torch.save(
                content,
                paths[kind],
                _use_new_zipfile_serialization=not legacy,
            )
        return paths

    return write


def model():
    with torch.device('meta'):
        return SCANRecognizer(
            dict(type=FrameCNN, backbone=dict(type=TorchvisionResNet)),
            dict(type=SCANMatcher),
            dict(type=OIMLoss, num_classes=150),
            dict(type=PairLoss),
        )


def test_counts_are_those_of_the_fact_sheet():
    counts = {kind: len(names) for kind, names in shapes().items()}
    assert counts == dict(cnn=328, att=21, cls=7)


@pytest.mark.parametrize('legacy', [True, False])
def test_every_weight_is_converted(published, legacy):
    found = convert_files(**published(legacy))
    facts = {'epoch': 7, 'best_top1': 0.75}
    assert found['meta']['published'] == dict.fromkeys(
        ('cnn', 'att', 'cls'), facts
    )
    ours = found['state_dict']
    missing, unexpected = model().load_state_dict(
        ours, strict=False, assign=True
    )
    assert missing == [], 'the loss keeps its own table'
    assert 'oim_loss.table' not in ours
    assert not unexpected

    theirs = {kind: weights(kind) for kind in ('cnn', 'att', 'cls')}
    for kind, name, our_name in (
        ('cnn', 'base.conv1.weight', 'frame_cnn.backbone.conv1.weight'),
        ('cnn', 'conv0.weight', 'frame_cnn.backbone.conv1.flow.weight'),
        ('cnn', 'base.bn1.running_var', 'frame_cnn.backbone.bn1.running_var'),
        (
            'cnn',
            'base.layer3.0.downsample.1.bias',
            'frame_cnn.backbone.layer3.0.downsample.1.bias',
        ),
        ('cnn', 'feat.bias', 'frame_cnn.feat.bias'),
        ('cnn', 'feat_bn.weight', 'frame_cnn.feat_bn.weight'),
        ('att', 'feat_fc.0.weight', 'matcher.feat_fc.0.weight'),
        ('att', 'feat_fc.1.running_mean', 'matcher.feat_fc.1.running_mean'),
        ('cls', 'classifierBN.weight', 'matcher.classifier.norm.weight'),
        ('cls', 'classifierlinear.bias', 'matcher.classifier.linear.bias'),
    ):
        assert torch.equal(ours[our_name], theirs[kind][name]), our_name

    # nothing lost, nothing twice: the same numbers on both sides
    def numbers(state):
        return sorted(
            float(v.flatten()[0]) for n, v in state.items()
            if not n.endswith('num_batches_tracked')
        )  # fmt: skip

    cnn = {n: v for n, v in theirs['cnn'].items() if 'base.fc' not in n}
    att = {n: v for n, v in theirs['att'].items() if n.startswith('feat_fc')}
    assert numbers(ours) == numbers(
        {f'{k}{n}': v for k, part in enumerate((cnn, att, theirs['cls']))
         for n, v in part.items()}
    )  # fmt: skip
    tracked = ours['frame_cnn.feat_bn.num_batches_tracked']
    expected = 0 if legacy else theirs['cnn']['feat_bn.num_batches_tracked']
    assert tracked == expected


def test_unused_classes_may_be_gone(published):
    def drop(state):
        del state['base.fc.weight'], state['base.fc.bias']

    assert convert_files(**published(cnn=drop))


def test_files_that_do_not_fit_say_why(published):
    def cut(state):
        del state['feat.weight'], state['base.layer2.1.bn3.running_mean']
        state['conv0.weight'] = torch.zeros(64, 2, 7, 7)
        state['head.bias'] = torch.zeros(1)

    with pytest.raises(UserError) as error:
        convert_files(**published(cnn=cut))
    message = str(error.value)
    assert 'cnnmodel_best.pth.tar is not the cnn file' in message
    assert '2 missing: ' in message
    assert 'base.layer2.1.bn3.running_mean' in message
    assert 'feat.weight' in message
    assert (
        '1 of the wrong shape: conv0.weight [64, 2, 7, 7] instead of '
        '[64, 3, 7, 7]' in message
    )
    assert '1 unknown: head.bias' in message


def test_copies_of_the_attention_must_agree(published):
    def change(state):
        name = 'crosspooling_model.featK.0.bias'
        state[name] = state[name] + 1

    with pytest.raises(UserError, match=r'1 unlike .*: crosspooling_model'):
        convert_files(**published(att=change))


def test_swapped_files_are_refused(published):
    files = published()
    files['att'], files['cls'] = files['cls'], files['att']
    with pytest.raises(UserError, match=r'18 missing: .* and 13 more; 6 unkn'):
        convert_files(**files)


def python2(content: bytes, top1: float) -> bytes:
    """What Python 2 would have written: byte strings, numpy's number."""
    number = content.index(b'G' + struct.pack('>d', 0.75))
    scalar = (
        b'cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n'
        b'(U\x02f8K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xff'
        b'J\xff\xff\xff\xffK\x00tbU\x08' + struct.pack('<d', top1) + b'tR'
    )
    old = content[:number] + scalar + content[number + 9 :]
    new, at = b'', 0
    while at < len(old):
        if old[at : at + 1] == b'X' and old[at + 2 : at + 5] == bytes(3):
            new += b'U' + old[at + 1 : at + 2]  # a short string
            at += 5
        else:
            new += old[at : at + 1]
            at += 1
    return new


def test_files_of_python_2_are_read(published):
    files = published()
    files['cls'].write_bytes(python2(files['cls'].read_bytes(), 0.88))
    found = convert_files(**files)
    assert found['meta']['published']['cls'] == dict(epoch=7, best_top1=0.88)
    assert type(found['meta']['published']['cls']['best_top1']) is float


@pytest.mark.fault(15)
def test_a_converted_checkpoint_is_loaded_by_name(published, tmp_path):
    """The published files do not hold the table of the training loss."""
    path = tmp_path / 'scan.pth'
    torch.save(convert_files(**published()), path)
    name = 'scan_r50_1xb32-30e_ilids-vid-256x128'
    infer = SCANInferencer(name, path, 'cpu')
    assert not infer.model.oim_loss.table.any()
    found = infer.model.frame_cnn.feat.bias
    assert found.eq(weights('cnn')['feat.bias'][0]).all()


@pytest.mark.fault(28)
@pytest.mark.parametrize('value', [[7], {'a': 1}, None, torch.ones(2)])
def test_an_epoch_that_is_not_a_number(published, value):
    paths = published()
    content = torch.load(paths['cls'])
    torch.save({**content, 'epoch': value}, paths['cls'])
    found = convert_files(**paths)['meta']['published']
    assert found['cls']['epoch'] is None
    assert found['cnn']['epoch'] == 7


def test_tool(published, tmp_path, capsys):
    paths = published()
    files = [str(f) for kind, p in paths.items() for f in (f'--{kind}', p)]
    out = tmp_path / 'new' / 'scan.pth'
    main = runpy.run_path(str(TOOL))['main']
    main([*files, '--out', str(out)])
    said = capsys.readouterr()
    assert 'scan.pth: 340 weights' in said.out
    assert not said.err
    found = torch.load(out, weights_only=True)
    assert found['meta']['published']['att']['epoch'] == 7

    content = torch.load(paths['cls'])
    torch.save({**content, 'epoch': 8}, paths['cls'])
    main([*files, '--out', str(out)])
    assert 'of different epochs' in capsys.readouterr().err
    with pytest.raises(UserError, match='is a folder, expected a file name'):
        main([*files, '--out', str(tmp_path)])
