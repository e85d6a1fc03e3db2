# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Published files of PF-AFN, imitated: names and shapes, one number each."""

from itertools import pairwise

import pytest
import torch
from mmengine.config import Config

from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.registry import MODELS
from mmfashion_ext.tryon.checkpoint_converter import (
    convert_files,
    published_name,
    published_part,
)

TOOL = 'tools/model_converters/pf_afn.py'
WIDTHS = 64, 128, 256, 256, 256
GENERATOR_WIDTHS = 64, 128, 256, 512, 512
FIRST = 'cond_features.encoders.0.0.block.2.weight'


def norm(name, channels):
    parts = 'weight', 'bias', 'running_mean', 'running_var'
    return {f'{name}.{part}': (channels,) for part in parts} | {
        f'{name}.num_batches_tracked': ()
    }


def conv(name, before, after, size=3, bias=True):
    return {f'{name}.weight': (after, before, size, size)} | (
        {f'{name}.bias': (after,)} if bias else {}
    )


def warp_shapes(condition=3):
    """Names and shapes of a warp network as the fact sheet lists them."""
    shapes = {}
    for side, first in (('image', 3), ('cond', condition)):
        for s, (before, after) in enumerate(pairwise((first, *WIDTHS))):
            stage = f'{side}_features.encoders.{s}'
            shapes |= norm(f'{stage}.0.block.0', before)
            shapes |= conv(f'{stage}.0.block.2', before, after, bias=False)
            for block in f'{stage}.1.block', f'{stage}.2.block':
                for n in 0, 3:
                    shapes |= norm(f'{block}.{n}', after)
                    shapes |= conv(f'{block}.{n + 2}', after, after, 3, False)
        for j, width in enumerate(reversed(WIDTHS)):
            shapes |= conv(f'{side}_FPN.adaptive.{j}', width, 256, 1)
            shapes |= conv(f'{side}_FPN.smooth.{j}', 256, 256)
    for head, first in (('netMain', 49), ('netRefine', 512)):
        for i in range(5):
            for n, (before, after) in enumerate(
                pairwise((first, 128, 64, 32, 2))
            ):
                name = f'aflow_net.{head}.{i}.{2 * n}'
                shapes |= conv(name, before, after)
    return shapes


def generator_shapes(channels=7):
    """The same for a generator."""

    def residual(name, width):
        return (
            conv(f'{name}.block.0', width, width, bias=False)
            | norm(f'{name}.block.1', width)
            | conv(f'{name}.block.3', width, width, bias=False)
            | norm(f'{name}.block.4', width)
        )

    shapes = {}
    home = 'model.model'
    for k, (before, width) in enumerate(
        pairwise((channels, *GENERATOR_WIDTHS))
    ):
        shapes |= conv(f'{home}.0', before, width, bias=False)
        if 0 < k < 4:
            shapes |= norm(f'{home}.1', width)
        for n in (3, 4) if 0 < k < 4 else (2, 3):
            shapes |= residual(f'{home}.{n}', width)
        if k == 0:
            shapes |= conv(f'{home}.6', 2 * width, 4, bias=False)
        else:
            up = 7 if k < 4 else 5
            bottom = 2 * width if k < 4 else width
            shapes |= conv(f'{home}.{up}', bottom, before, bias=False)
            shapes |= norm(f'{home}.{up + 1}', before)
            for n in up + 3, up + 4:
                shapes |= residual(f'{home}.{n}', before)
        home += '.5.model' if k else '.4.model'
    return shapes


def weights(shapes):
    """Each weight has a value of its own; a stored tensor is one number."""
    return {
        name: torch.tensor(
            n, dtype=torch.long if shape == () else torch.float
        ).expand(shape)
        for n, (name, shape) in enumerate(shapes.items(), 1)
    }


@pytest.fixture(scope='module')
def write(tmp_path_factory):
    """Write one published file, changed or not."""
    folder = tmp_path_factory.mktemp('published')

    def write(name, state, change=None, prefix=''):
        if change:
            change(state)
        path = folder / f'{name}.pth'
        torch.save(
            {f'{prefix}{n}': v for n, v in state.items()},
            path,
            _use_new_zipfile_serialization=False,
        )
        return path

    return write


@pytest.fixture(scope='module')
def files(write):
    """The four files of a tutor and a student."""
    return {
        'PF_warp': write('PF_warp', weights(warp_shapes(3))),
        'PF_gen': write('PF_gen', weights(generator_shapes(7))),
        'PB_warp': write('PB_warp', weights(warp_shapes(45))),
        'PB_gen': write('PB_gen', weights(generator_shapes(8))),
    }


def test_counts_are_those_of_the_fact_sheet():
    assert len(warp_shapes()) == 420
    assert len(generator_shapes()) == 261


@pytest.mark.parametrize('owner', ['PF', 'PB'])
@pytest.mark.parametrize('stage', ['warp', 'e2e'])
def test_every_weight_finds_its_place(files, owner, stage):
    gen = files[f'{owner}_gen'] if stage == 'e2e' else None
    found = convert_files(files[f'{owner}_warp'], gen)
    ours = found['state_dict']
    name = found['meta']['config']
    assert name.startswith(f'{owner.lower()}-afn_{stage}_8xb4-')
    cfg = Config.fromfile(hub.config_path(name)).model
    cfg.perceptual = None
    with torch.device('meta'):
        model = MODELS.build(cfg)
    model.load_state_dict(ours, assign=True)

    # nothing lost, nothing twice: the same numbers on both sides
    def numbers(state):
        return sorted(int(v.flatten()[0]) for v in state.values())

    students = owner == 'PF'
    theirs = weights(warp_shapes(3 if students else 45))
    parts = {n: v for n, v in ours.items() if n.startswith('warp_net.')}
    assert numbers(parts) == numbers(theirs)
    if gen:
        theirs = weights(generator_shapes(7 if students else 8))
        parts = {n: v for n, v in ours.items() if n.startswith('generator.')}
        assert numbers(parts) == numbers(theirs)


def test_files_of_a_training_are_read(files, write):
    """With the extra key, of data parallel, of a PyTorch before 0.4.1."""

    def change(state):
        state['aflow_net.weight'] = torch.zeros(4, 1, 3, 3)
        for name in [n for n in state if n.endswith('num_batches_tracked')]:
            del state[name]

    path = write('old', weights(warp_shapes()), change, 'module.')
    ours = convert_files(path)['state_dict']
    expected = convert_files(files['PF_warp'])['state_dict']
    assert ours.keys() == expected.keys()
    tracked = ours['warp_net.cloth_encoder.0.0.bn.num_batches_tracked']
    assert tracked == 0
    assert tracked.dtype == torch.long


def test_files_that_do_not_fit_say_why(write):
    def cut(state):
        del state['image_FPN.smooth.4.bias']
        del state['aflow_net.netMain.0.6.weight']
        state[FIRST] = torch.zeros(1).expand(64, 12, 3, 3)
        state['aflow_net.more'] = torch.zeros(1)

    path = write('cut', weights(warp_shapes()), cut)
    with pytest.raises(UserError) as error:
        convert_files(path)
    message = str(error.value)
    assert 'cut.pth is not the warp network of a published PF-AFN' in message
    assert '2 missing: ' in message
    assert 'image_FPN.smooth.4.bias' in message
    assert 'aflow_net.netMain.0.6.weight' in message
    assert (
        f'1 of the wrong shape: {FIRST} [64, 12, 3, 3] instead of '
        '[64, 3, 3, 3]' in message
    )
    assert '1 unknown: aflow_net.more' in message
    assert 'layer has 3 (student) or 45 (tutor) input channels' in message
    assert '\n' not in message


def test_another_models_file_is_refused(write):
    path = write('other', {'fc.weight': torch.zeros(1)})
    with pytest.raises(
        UserError, match=r'370 missing: .* and 365 more; 1 unk'
    ):
        convert_files(path)


def test_a_file_without_weights_is_named(files, write):
    path = write('epoch', {'epoch': 3})
    with pytest.raises(UserError, match=r'epoch\.pth: no weights in the'):
        convert_files(files['PF_warp'], path)


def test_tool(files, run_python, tmp_path):
    out = tmp_path / 'new' / 'pf-afn.pth'
    done = run_python(
        *(TOOL, '--warp', files['PF_warp'], '--gen', files['PF_gen']),
        *('--out', out),
    )
    assert 'pf-afn.pth: 681 weights' in done.stdout
    assert 'configs/tryon/pf-afn_e2e_8xb4-100e_viton-256x192.py' in done.stdout
    assert not done.stderr
    found = torch.load(out, weights_only=True)
    assert found['meta']['published'] == {
        'warp_net': 'PF_warp.pth',
        'generator': 'PF_gen.pth',
    }


@pytest.mark.parametrize(
    ('warp', 'gen', 'message'),
    [
        ('PF_gen', 'PF_warp', 'PF_gen.pth is the generator of a PF-AFN, exp'),
        ('PF_warp', 'PF_warp', 'PF_warp.pth is the warp network of a PF-AFN'),
        ('PF_warp', 'PB_gen', "PB_gen.pth is the tutor's generator"),
        ('PB_warp', 'PF_gen', "PB_warp.pth is the tutor's warp network"),
    ],
)
def test_files_that_do_not_belong_together(
    files, run_tool, tmp_path, warp, gen, message
):
    out = tmp_path / 'out.pth'
    done = run_tool(
        *(TOOL, '--warp', files[warp], '--gen', files[gen], '--out', out),
        status=2,
    )
    assert done.stderr.startswith('error: ')
    assert done.stderr.count('\n') == 1
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be(files, run_tool, tmp_path):
    command = TOOL, '--warp', files['PF_warp'], '--out', tmp_path
    done = run_tool(*command, status=2)
    assert 'is a folder, expected a file name' in done.stderr
    command = TOOL, '--warp', tmp_path / 'no.pth', '--out', tmp_path / 'o.pth'
    done = run_tool(*command, status=2)
    assert 'checkpoint not found' in done.stderr


def test_shapes_are_those_of_our_networks():
    for part, channels, shapes in (
        ('warp_net', 3, warp_shapes(3)),
        ('warp_net', 45, warp_shapes(45)),
        ('generator', 7, generator_shapes(7)),
        ('generator', 8, generator_shapes(8)),
    ):
        ours = {
            published_name(part, name): tuple(value.shape)
            for name, value in published_part(part, channels).items()
        }
        assert ours == shapes
