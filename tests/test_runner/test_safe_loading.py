# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A runner reads weights as data, and only those of its model."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook
from mmengine.model import BaseModel, BaseTTAModel
from mmengine.registry import MODELS
from mmengine.runner import FlexibleRunner, Runner
from torch import nn

from mmfashion_ext.errors import UserError
from mmfashion_ext.runner.safe_loading import loading_safely
from mmfashion_ext.utils.checkpoint import (
    CheckpointError,
    UnsafeCheckpointError,
)
from mmfashion_ext.utils.config_checkpoints import check_initializers
from mmfashion_ext.utils.tensor_file import write_tensor_file

DATA = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))


class Net(BaseModel):
    """An old part and a new one."""

    def __init__(self, init_cfg=None, width=1):
        super().__init__(init_cfg=init_cfg)
        self.old = nn.Linear(3, 3)
        self.new = nn.Linear(3, width)

    def forward(self, inputs, mode='tensor'):
        loss = self.new(self.old(inputs)).square().mean()
        return {'loss': loss}


def build(work_dir, model=None, epochs=1, **kwargs):
    loader = torch.utils.data.DataLoader(
        [{'inputs': row} for row in DATA], batch_size=4
    )
    torch.manual_seed(0)
    return loading_safely(Runner)(
        model or Net(),
        str(work_dir),
        train_dataloader=loader,
        train_cfg={'by_epoch': True, 'max_epochs': epochs},
        optim_wrapper={'optimizer': {'type': 'Adam', 'lr': 0.01}},
        default_hooks={
            'logger': None,
            'checkpoint': {'type': 'CheckpointHook'},
        },
        default_scope='mmengine',
        experiment_name='_'.join(work_dir.parts[-2:]),
        log_level='WARNING',
        **kwargs,
    )


@pytest.fixture
def trained(tmp_path):
    """Checkpoint of a training of one epoch."""
    build(tmp_path / 'trained').train()
    return tmp_path / 'trained' / 'epoch_1.pth'


@pytest.mark.fault(1)
@pytest.mark.parametrize('resume', [False, True])
def test_load_from_and_resume_run_no_code(tmp_path, evil, resume):
    runner = build(tmp_path / 'w', load_from=str(evil), resume=resume)
    with pytest.raises(UnsafeCheckpointError, match=r'evil\.pth: refused'):
        runner.train()
    for read in (runner.load_checkpoint, runner.resume):
        with pytest.raises(UnsafeCheckpointError):
            read(str(evil))


@pytest.mark.fault(1)
def test_the_config_in_a_checkpoint_is_not_run(tmp_path, trained):
    """MMEngine runs its text when a training is resumed."""
    content = torch.load(trained, weights_only=False)
    marker = tmp_path / 'executed'
    content['meta']['config'] = f'import os\nos.mkdir({str(marker)!r})\n'
    torch.save(content, trained)
    build(
        tmp_path / 'w', epochs=2, load_from=str(trained), resume=True
    ).train()
    assert not marker.exists()
    assert (tmp_path / 'w' / 'epoch_2.pth').is_file()


@pytest.mark.fault(1)
@pytest.mark.parametrize('place', ['top', 'list', 'override'])
def test_initialisers_run_no_code(tmp_path, evil, place):
    pretrained = {'type': 'Pretrained', 'checkpoint': str(evil)}
    init_cfg = {
        'top': pretrained,
        'list': [{'type': 'Normal', 'layer': 'Linear'}, pretrained],
        'override': {
            'type': 'Normal',
            'layer': 'Linear',
            'override': {'name': 'old', **pretrained},
        },
    }[place]
    runner = build(tmp_path / 'w', Net(init_cfg))
    with pytest.raises(UnsafeCheckpointError, match='refused'):
        runner.train()


class Distilled(Net):
    """A model that reads its teacher's weights when it is built."""

    def __init__(self, teacher_ckpt):
        super().__init__()
        torch.load(teacher_ckpt, weights_only=False)


@pytest.mark.fault(1)
def test_weights_that_a_class_reads_when_it_is_built(tmp_path, evil):
    MODELS.register_module(module=Distilled, force=True)
    model = {'type': 'Distilled', 'teacher_ckpt': str(evil)}
    with pytest.raises(UnsafeCheckpointError, match='refused'):
        build(tmp_path / 'w', model)
    MODELS._module_dict.pop('Distilled')


@pytest.mark.fault(5)
def test_weights_of_another_model_are_refused_before_data_are_read(tmp_path):
    other = tmp_path / 'other.pth'
    torch.save({'state_dict': nn.Linear(3, 3).state_dict()}, other)
    runner = build(tmp_path / 'w', load_from=str(other))
    runner._train_dataloader = {'dataset': 'is not built'}
    message = (
        r'other\.pth: weights of another model than the config: 4 missing: '
        r'old\.weight.*2 unknown: bias, weight \(0% of the model loaded\).*'
        r"--cfg-options load_from_partial\.new=\['PART\.'\]"
    )
    with pytest.raises(CheckpointError, match=message):
        runner.train()


@pytest.mark.fault(5)
def test_a_new_part_that_the_config_names(tmp_path, trained):
    first = torch.load(trained, weights_only=False)['state_dict']
    options = {'cfg': Config({'load_from_partial': {'new': ['new.']}})}
    model = Net(width=2)
    start = copy.deepcopy(model.state_dict())
    runner = build(tmp_path / 'w', model, load_from=str(trained), **options)
    runner.load_or_resume()
    assert torch.equal(model.old.weight, first['old.weight'])
    assert torch.equal(model.new.weight, start['new.weight'])
    # a training that is resumed is whole
    model = Net(width=2)
    runner = build(
        tmp_path / 'x', model, load_from=str(trained), resume=True, **options
    )
    with pytest.raises(CheckpointError, match='2 of the wrong shape: new'):
        runner.train()


def test_resumes_as_mmengine_does(tmp_path, trained):
    build(tmp_path / 'whole', epochs=2).train()
    whole = torch.load(tmp_path / 'whole' / 'epoch_2.pth', weights_only=False)[
        'state_dict'
    ]
    build(
        tmp_path / 'rest', epochs=2, load_from=str(trained), resume=True
    ).train()
    rest = torch.load(tmp_path / 'rest' / 'epoch_2.pth', weights_only=False)
    for name, value in whole.items():
        assert torch.equal(value, rest['state_dict'][name]), name


@pytest.mark.fault(5)
def test_averaged_weights_are_resumed_and_started_from(tmp_path):
    """The file has the average as its weights, the raw ones beside it."""

    def ema():
        return {'custom_hooks': [EMAHook(momentum=0.2)]}

    build(tmp_path / 'whole', epochs=2, **ema()).train()
    build(tmp_path / 'part', **ema()).train()
    part = tmp_path / 'part' / 'epoch_1.pth'
    build(
        tmp_path / 'rest', epochs=2, load_from=str(part), resume=True, **ema()
    ).train()
    whole, rest = (
        torch.load(tmp_path / name / 'epoch_2.pth', weights_only=False)
        for name in ('whole', 'rest')
    )
    for key in ('state_dict', 'ema_state_dict'):
        for name, value in whole[key].items():
            assert torch.equal(value, rest[key][name]), name
    # bare weights have no ema_state_dict, nor meta
    bare = tmp_path / 'bare.pth'
    average = torch.load(part, weights_only=False)['state_dict']
    torch.save(average, bare)
    runner = build(tmp_path / 'bare', load_from=str(bare), **ema())
    runner.call_hook('before_run')
    runner.load_or_resume()
    for name, value in runner.model.state_dict().items():
        assert torch.equal(value, average[name])


@pytest.mark.fault(28)
@pytest.mark.parametrize('meta', [None, ['epoch'], {'dataset_meta': 1}])
def test_meta_of_another_form(tmp_path, trained, meta):
    content = torch.load(trained, weights_only=False)
    torch.save({**content, 'meta': meta}, trained)
    runner = build(tmp_path / 'w', load_from=str(trained), resume=True)
    message = r'epoch_1\.pth: (a training cannot continue|meta.* must be)'
    with pytest.raises(CheckpointError, match=message):
        runner.train()
    if meta is None:
        runner = build(tmp_path / 'x', load_from=str(trained))
        runner.load_or_resume()


@pytest.mark.fault(28)
@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('optimizer', {'state': {}, 'param_groups': []}),
        ('optimizer', ['state']),
        ('optimizer', {}),
        ('message_hub', {'log_scalars': 3}),
    ],
)
def test_a_state_of_another_optimizer(tmp_path, trained, key, value):
    content = torch.load(trained, weights_only=False)
    torch.save({**content, key: value}, trained)
    runner = build(tmp_path / 'w', load_from=str(trained), resume=True)
    message = r'epoch_1\.pth: the training cannot continue from it \(.*load_fr'
    with pytest.raises(CheckpointError, match=message) as raised:
        runner.train()
    assert '\n' not in str(raised.value)


class Views(BaseTTAModel):
    """Merges nothing."""

    def merge_preds(self, data_samples_list):
        return data_samples_list


def test_a_model_that_wraps_another_for_test_time_views(tmp_path, trained):
    runner = build(tmp_path / 'w', Views(Net()), load_from=str(trained))
    runner.load_or_resume()
    first = torch.load(trained, weights_only=False)['state_dict']
    assert torch.equal(runner.model.module.old.weight, first['old.weight'])


@pytest.mark.fault(1)
def test_a_runner_whose_loading_cannot_be_replaced():
    with pytest.raises(UserError, match='runner_type FlexibleRunner: exp'):
        loading_safely(FlexibleRunner)

    class Mine(Runner):
        pass

    assert issubclass(loading_safely(Mine), Mine)


@pytest.fixture
def published(tmp_path):
    """A file of the zoo: the weights of a Net as float16."""
    net = Net()
    with torch.no_grad():
        net.old.weight.fill_(0.1)
    path = tmp_path / 'net.safetensors'
    write_tensor_file(path, net.state_dict(), {'epoch': 3}, half=True)
    return path


def test_a_training_starts_from_published_weights(tmp_path, published):
    runner = build(tmp_path / 'w', epochs=0, load_from=str(published))
    runner.train()
    expected = torch.full((3, 3), 0.1).half().float()
    assert torch.equal(runner.model.old.weight, expected)
    assert runner.model.old.weight.dtype == torch.float32
    runner = build(tmp_path / 'x', load_from=str(published), resume=True)
    with pytest.raises(CheckpointError, match=r'weights (alone|but not)'):
        runner.train()


def test_a_part_starts_from_published_weights(tmp_path, published):
    """By an initialiser, which MMEngine's own loader would read."""
    net = Net()
    net.old.init_cfg = {
        'type': 'Pretrained',
        'checkpoint': str(published),
        'prefix': 'old',
    }
    part = nn.Linear(3, 3)
    check_initializers(net)
    from mmengine.model import initialize

    initialize(part, net.old.init_cfg)
    assert torch.equal(part.weight, torch.full((3, 3), 0.1).half().float())
