# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""tools/train.py and tools/test.py as a user runs them, on 4 images."""

import json
import os
import pickle
from pathlib import Path

import cv2
import pytest
import torch
from mmengine.config import Config

from mmfashion_ext.hub import config_path, get_model
from mmfashion_ext.runner import resume_from

MODEL = 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160'
MATCH = 'match-rcnn-retrieval-class_r18-small_fpn_2xb8-1e_synthetic-160x160'


@pytest.fixture(scope='module')
def training(tiny_deepfashion2, run_python, tmp_path_factory):
    """Return one epoch of two steps in a process: folder, options, output."""
    work_dir = tmp_path_factory.mktemp('work')
    _, options = tiny_deepfashion2
    options = [*options, 'model.test_cfg.rcnn.score_thr=0.0']
    done = run_python(
        *('tools/train.py', MODEL, '--work-dir', work_dir),
        *('--cfg-options', *options),
    )
    return work_dir, options, done


@pytest.fixture(scope='module')
def trained(training):
    """The work dir of that training, and its options."""
    return training[:2]


@pytest.mark.fault(31)
def test_a_training_says_what_matters(training):
    """It printed 570 lines before its first loss; they are in the log."""
    work_dir, _, done = training
    assert done.stderr == ''
    lines = done.stdout.splitlines()
    first = next(i for i, line in enumerate(lines) if 'Epoch(train)' in line)
    assert [line.split()[1] for line in lines[:first]] == [
        'model:',
        'device:',
        'data:',
        'plan:',
        'results:',
    ]
    assert 'train 4 items' in lines[2]
    assert 'val 2 items' in lines[2]
    assert lines[-1].endswith(f'last checkpoint: {work_dir / "epoch_1.pth"}')
    # later trainings into this folder have logs of their own
    log = min(work_dir.glob('*/*.log'))
    for dump in ('Config:', 'System environment:', 'Hooks will be executed'):
        assert dump in log.read_text()
        assert dump not in done.stdout


@pytest.mark.fault(9)
def test_a_training_of_no_step_is_an_error(trained, run_tool, tmp_path):
    options = [*trained[1], 'train_dataloader.batch_size=8']
    done = run_tool(
        *('tools/train.py', MODEL, '--work-dir', tmp_path / 'work'),
        *('--cfg-options', *options, 'train_dataloader.drop_last=True'),
        status=2,
    )
    (line,) = done.stderr.splitlines()
    assert line.startswith('error: train_dataloader: an epoch has no step')
    assert '4 items, fewer than a batch of 8' in line
    assert list(tmp_path.rglob('*.pth')) == []


def test_trains_and_goes_on(trained, run_tool):
    work_dir, options = trained
    weights = torch.load(work_dir / 'epoch_1.pth', weights_only=False)
    assert weights['meta']['iter'] == 2
    done = run_tool(
        *('tools/train.py', config_path(MODEL), '--work-dir', work_dir),
        *('--resume', '--cfg-options', *options, 'train_cfg.max_epochs=2'),
    )
    assert 'resumed epoch: 1, iter: 2' in done.stdout + done.stderr
    weights = torch.load(work_dir / 'epoch_2.pth', weights_only=False)
    assert weights['meta']['iter'] == 4


def test_metrics_drawings_and_result_files(
    trained, tiny_deepfashion2, run_python, run_tool, tmp_path
):
    work_dir, options = trained
    out, drawn = tmp_path / 'a' / 'metrics.json', tmp_path / 'drawn'
    done = run_python(
        *('tools/test.py', MODEL, work_dir / 'epoch_1.pth'),
        *('--work-dir', tmp_path, '--out', out, '--show-dir', drawn),
        *('--show-thr', '0', '--dump', tmp_path / 'pred.pkl'),
        *('--cfg-options', *options),
    )
    assert done.stderr == ''
    lines = done.stdout.splitlines()
    # a table of 16 lines, the numbers of the log, four files written
    assert len(lines) < 35, done.stdout
    assert sum('metrics are computed next' in line for line in lines) == 1
    metrics = json.loads(out.read_text())
    assert {'bbox/AP', 'segm/AP50', 'keypoints/AP', 'keypoints_vis/AR'} <= set(
        metrics
    )
    images = sorted(drawn.glob('*.jpg'))
    assert len(images) == 2
    assert cv2.imread(str(images[0])) is not None
    predictions = pickle.loads((tmp_path / 'pred.pkl').read_bytes())
    assert predictions[0]['pred_instances']['keypoints'].shape[1:] == (294, 2)
    # the official result files give the same numbers offline
    truth = tiny_deepfashion2[0] / 'annotations' / 'validation.json'
    for task in ('bbox', 'segm', 'keypoints'):
        run_tool(
            *('tools/analysis/eval_deepfashion2.py', task, '--gt', truth),
            *('--results', tmp_path / f'pred.{task}.json'),
            *('--out', tmp_path / f'{task}.json'),
        )
        offline = json.loads((tmp_path / f'{task}.json').read_text())
        for name, value in offline.items():
            assert metrics[f'{task}/{name}'] == value, (task, name)


def test_test_time_augmentation(trained, run_tool, tmp_path):
    work_dir, options = trained
    run_tool(
        *('tools/test.py', MODEL, work_dir / 'epoch_1.pth', '--tta'),
        *('--work-dir', tmp_path, '--out', tmp_path / 'metrics.json'),
        *('--cfg-options', *options),
    )
    assert 'keypoints/AP' in json.loads(
        (tmp_path / 'metrics.json').read_text()
    )


@pytest.mark.parametrize(
    ('command', 'message'),
    [
        (['train.py', 'match-rcnn_r51'], "no config 'match-rcnn_r51'"),
        (['train.py', MODEL, '--resume', 'gone.pth'], 'gone.pth'),
        (['train.py', MODEL, '--amp'], 'needs a CUDA device'),
        (
            ['train.py', 'pb-afn_e2e-small_1xb4-8e_synthetic-128x96'],
            'epoch_8.pth. The training starts from it: train the model',
        ),
        (['test.py', MODEL, 'gone.pth'], 'gone.pth'),
        (
            ['test.py', MODEL, '{weights}', '--dump', 'a.json'],
            'must end with .pkl',
        ),
    ],
)
def test_what_a_user_gets_wrong(command, message, trained, run_tool, tmp_path):
    if '--amp' in command and torch.cuda.is_available():
        pytest.skip('there is a CUDA device')
    weights = str(trained[0] / 'epoch_1.pth')
    script, *arguments = (part.format(weights=weights) for part in command)
    done = run_tool(
        Path('tools') / script, *arguments, *('--work-dir', tmp_path), status=2
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith('error: ')
    assert message in last
    assert 'Traceback' not in done.stderr


class Payload:
    """Creates a folder when an ordinary unpickler reads it."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.mark.fault(1)
def test_an_initialiser_with_code_in_it(run_tool, tmp_path):
    marker, evil = tmp_path / 'executed', tmp_path / 'evil.pth'
    torch.save({'state_dict': {'w': Payload(marker)}}, evil)
    config = tmp_path / 'mine.py'
    config.write_text(
        f'_base_ = {config_path(MODEL)!r}\n'
        "model = dict(neck=dict(init_cfg=dict(type='Pretrained', "
        f'checkpoint={str(evil)!r})))\n'
    )
    done = run_tool(
        *('tools/train.py', config, '--work-dir', tmp_path / 'w'), status=2
    )
    assert 'evil.pth: refused' in done.stderr.splitlines()[-1]
    assert not marker.exists()


@pytest.mark.parametrize(
    'command',
    [
        pytest.param(['test.py', MODEL], marks=pytest.mark.fault(5)),
        pytest.param(
            ['train.py', MODEL, '--cfg-options', 'load_from={}'],
            marks=pytest.mark.fault(5),
        ),
        pytest.param(
            ['train.py', MODEL, '--resume'], marks=pytest.mark.fault(28)
        ),
    ],
    ids=['test', 'load_from', 'resume'],
)
def test_weights_of_another_model(command, run_tool, tmp_path):
    path = tmp_path / 'other.pth'
    torch.save({'backbone.conv1.weight': torch.ones(1)}, path)
    script, *arguments = (part.format(path) for part in command)
    if 'load_from' not in command[-1]:
        arguments.append(path)
    done = run_tool(
        Path('tools') / script, *arguments, '--work-dir', tmp_path, status=2
    )
    message = done.stderr.splitlines()[-1]
    assert message.startswith(f'error: {path}: ')
    if '--resume' in command:
        assert f'--cfg-options load_from={path}' in message
    else:
        assert f'weights of another model than {MODEL}: ' in message
        assert 'loaded)' in message


@pytest.mark.fault(5)
@pytest.mark.parametrize('named', [False, True])
def test_a_test_of_a_part_that_is_not_trained(named, run_tool, tmp_path):
    """The command line must say so; the config's setting is for training."""
    path = tmp_path / 'detector.pth'
    torch.save(get_model(MODEL).state_dict(), path)
    options = ['test_dataloader.dataset.ann_file=gone.json']
    if named:
        options.append("load_from_partial.new=['roi_head.match_head.']")
    done = run_tool(
        *('tools/test.py', MATCH, path, '--work-dir', tmp_path),
        *('--cfg-options', *options),
        status=2,
    )
    message = done.stderr.splitlines()[-1]
    assert ('weights of another model' in message) != named
    assert ('gone.json' in message) == named


@pytest.mark.parametrize('began', [True, False])
@pytest.mark.parametrize('load_from', ['detector.pth', None])
@pytest.mark.parametrize('resume', [None, 'auto', 'mine.pth'])
def test_where_a_training_goes_on_from(tmp_path, began, load_from, resume):
    """A stage that starts from a detector's weights can be resumed too."""
    latest = tmp_path / 'epoch_1.pth'
    if began:
        latest.touch()
        (tmp_path / 'last_checkpoint').write_text(str(latest))
    cfg = Config(dict(work_dir=str(tmp_path), load_from=load_from))
    resume_from(cfg, resume)
    if resume == 'mine.pth':
        expected = (True, 'mine.pth')
    elif resume == 'auto' and began:
        expected = (True, str(latest))
    else:
        expected = (False, load_from)
    assert (bool(cfg.get('resume')), cfg.load_from) == expected
