# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Where a training starts or continues, told before a model is built."""

import os

import pytest
import torch
from mmengine.config import Config

from mmfashion_ext.errors import UserError
from mmfashion_ext.runner.resume import (
    check_resumable,
    check_start,
    latest_checkpoint,
    newest_whole_checkpoint,
    resume_from,
)
from mmfashion_ext.utils.checkpoint import (
    CheckpointError,
    UnsafeCheckpointError,
)

pytestmark = pytest.mark.fault(28)


def save(path, epoch=1, **changes):
    """Write a checkpoint of a training; its time is that of the epoch."""
    content = {
        'meta': {'epoch': epoch, 'iter': 10 * epoch},
        'state_dict': {'w': torch.ones(100)},
        'message_hub': {},
        'optimizer': {},
    }
    torch.save(content | changes, path)
    os.utime(path, (epoch, epoch))
    return path


@pytest.fixture
def work_dir(tmp_path):
    """A work dir with checkpoints of three epochs."""
    for epoch in (1, 2, 3):
        save(tmp_path / f'epoch_{epoch}.pth', epoch)
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_3.pth'))
    return tmp_path


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        ('', 'is empty'),
        ('  \n', 'is empty'),
        ('/work_dirs/x/epo', "names '/work_dirs/x/epo', which is not a file"),
        ('\0' * 20, 'is empty'),
        (None, 'is missing'),
    ],
)
def test_a_torn_record_names_the_newest_whole_checkpoint(
    work_dir, text, problem
):
    record = work_dir / 'last_checkpoint'
    record.unlink()
    if text is not None:
        record.write_text(text)
    third = work_dir / 'epoch_3.pth'
    third.write_bytes(third.read_bytes()[:500])  # torn as well
    with pytest.raises(UserError) as raised:
        resume_from(Config({'work_dir': str(work_dir)}), 'auto')
    message = str(raised.value)
    assert '\n' not in message
    assert message.startswith(f'{record} {problem}. The newest whole')
    assert message.endswith(f'continue with --resume {work_dir}/epoch_2.pth')


def test_a_work_dir_may_have_been_moved(work_dir, tmp_path, monkeypatch):
    (work_dir / 'last_checkpoint').write_text('work_dirs/old/epoch_3.pth\n')
    assert latest_checkpoint(work_dir) == str(work_dir / 'epoch_3.pth')
    assert latest_checkpoint(tmp_path / 'none') is None
    (tmp_path / 'new').mkdir()
    assert latest_checkpoint(tmp_path / 'new') is None


def test_nothing_is_whole(work_dir):
    for path in work_dir.glob('epoch_*.pth'):
        path.write_bytes(b'')
    (work_dir / 'last_checkpoint').write_text('')
    with pytest.raises(UserError, match=r'There is not a whole .* without -'):
        latest_checkpoint(work_dir)
    assert newest_whole_checkpoint(work_dir) is None


def test_the_latest_checkpoint_is_torn(work_dir):
    cfg = Config({'work_dir': str(work_dir)})
    resume_from(cfg, 'auto')
    check_start(cfg, auto=True)
    assert cfg.load_from == str(work_dir / 'epoch_3.pth')
    third = work_dir / 'epoch_3.pth'
    third.write_bytes(third.read_bytes()[:500])
    with pytest.raises(UserError, match=r'epoch_3\.pth: cannot.*epoch_2\.pth'):
        check_start(cfg, auto=True)


@pytest.mark.parametrize(
    'changes',
    [
        {'meta': None},
        {'meta': {'epoch': 'one', 'iter': 3}},
        {'message_hub': None},
        {'message_hub': [1]},
    ],
)
def test_what_a_training_cannot_continue_from(tmp_path, changes):
    path = save(tmp_path / 'a.pth', **changes)
    with pytest.raises(CheckpointError, match=r'a\.pth: a training cannot'):
        check_resumable(path)


def test_bare_weights_say_what_to_do(tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save({'w': torch.ones(3)}, path)
    cfg = Config({'work_dir': str(tmp_path)})
    resume_from(cfg, str(path))
    message = (
        r'weights\.pth: a training cannot continue from it, because it has '
        r'weights but not meta\.epoch, meta\.iter, message_hub\. Start a new '
        r'training from it: --cfg-options load_from='
    )
    with pytest.raises(CheckpointError, match=message):
        check_start(cfg)


def test_missing_and_unsafe_files(work_dir, evil):
    cfg = Config({'work_dir': str(work_dir), 'load_from': 'gone.pth'})
    with pytest.raises(UserError, match=r'gone\.pth\. The training starts'):
        check_start(cfg)
    resume_from(cfg, 'gone.pth')
    with pytest.raises(UserError, match=r'--resume: .*gone\.pth.*epoch_3'):
        check_start(cfg)
    for resume in (True, False):
        cfg = Config(
            {'work_dir': 'x', 'load_from': str(evil), 'resume': resume}
        )
        with pytest.raises(UnsafeCheckpointError, match='refused'):
            check_start(cfg, auto=True)
    check_start(Config({'load_from': None}))
