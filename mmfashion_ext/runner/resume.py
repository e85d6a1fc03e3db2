# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Where a training starts or continues: checks before a model is built."""

import re
from pathlib import Path

from mmengine.config import Config

from ..errors import UserError

_SAVED = re.compile(r'(?:epoch|iter)_(\d+)\.pth')


def resume_from(cfg: Config, resume: str | None) -> None:
    """Set where a training continues: ``None``, ``'auto'`` or a checkpoint.

    MMEngine looks for the latest checkpoint only if the config names no
    ``load_from``, and forgets a ``load_from`` otherwise: a training that is
    to start from other weights would start, or go on, from the wrong ones.

    Args:
        cfg (Config): Changed in place.
        resume (str, optional): Of the command line.

    Raises:
        UserError: ``last_checkpoint`` of the work dir is empty or torn, or is
            missing beside checkpoints.
    """
    if resume and resume != 'auto':
        cfg.resume, cfg.load_from = True, resume
    elif resume or cfg.get('resume'):
        latest = latest_checkpoint(cfg.work_dir)
        cfg.resume = latest is not None
        cfg.load_from = latest or cfg.get('load_from')


def latest_checkpoint(work_dir: str | Path) -> str | None:
    """Return the checkpoint that ``last_checkpoint`` of a work dir names.

    Args:
        work_dir (str | Path): Folder of a training; it may have been moved.

    Returns:
        str | None: An existing file, None if there is not a checkpoint yet.

    Raises:
        UserError: See :func:`resume_from`; the newest whole checkpoint is
            named.
    """
    record = Path(work_dir, 'last_checkpoint')
    try:
        text = record.read_text(encoding='utf-8', errors='replace').strip()
    except (FileNotFoundError, NotADirectoryError):
        if not _saved(work_dir):
            return None
        problem = f'{record} is missing'
    except OSError as error:
        problem = f'{record} cannot be read ({error.strerror})'
    else:
        name = text.splitlines()[0].replace('\0', '') if text else ''
        for path in (Path(name), Path(work_dir, Path(name).name)):
            if name and path.is_file():
                return str(path)
        problem = f'{record} is empty'
        if name:
            problem = f'{record} names {name[:200]!r}, which is not a file'
    raise UserError(f'{problem}. {_advice(work_dir)}')


def newest_whole_checkpoint(work_dir: str | Path) -> Path | None:
    """Return the newest checkpoint from which a training can continue.

    Args:
        work_dir (str | Path): Folder of the training.
    """
    for path in _saved(work_dir):
        try:
            check_resumable(path)
        except (UserError, OSError):
            continue
        return path
    return None


def check_start(cfg: Config, *, auto: bool = False) -> None:
    """Check the checkpoint that a training starts or continues from.

    Args:
        cfg (Config): ``load_from`` is replaced by the local file.
        auto (bool): The checkpoint was found in the work dir.

    Raises:
        UserError: It is missing, not whole, or not one of a training that is
            to continue.
        UnsafeCheckpointError: It holds more than weights and plain values.
    """
    if not cfg.get('load_from'):
        return
    from ..utils.checkpoint import (
        CheckpointError,
        UnsafeCheckpointError,
        check_weights,
    )

    try:
        cfg.load_from = check_weights(cfg.load_from)
        if cfg.get('resume'):
            check_resumable(cfg.load_from)
    except FileNotFoundError as error:
        if cfg.get('resume'):
            raise UserError(
                f'--resume: {error}. {_advice(cfg.work_dir)}'
            ) from None
        raise UserError(
            f'{error}. The training starts from it: train the model that it '
            'is of first, or give its file by --cfg-options load_from=PATH'
        ) from None
    except UnsafeCheckpointError:
        raise
    except CheckpointError as error:
        if not auto or not cfg.get('resume'):
            raise
        raise UserError(f'{error}. {_advice(cfg.work_dir)}') from None


def check_resumable(path: str | Path) -> None:
    """Check that a file is a whole checkpoint of a training.

    Args:
        path (str | Path): A local file.

    Raises:
        FileNotFoundError: No such file.
        CheckpointError: It cannot be read, or has weights alone.
    """
    from ..utils.checkpoint import (
        CheckpointError,
        checkpoint_meta,
        extract_state_dict,
        load_checkpoint_file,
    )

    content = load_checkpoint_file(path, mmap=True)
    extract_state_dict(content, path)
    meta = checkpoint_meta(content, path) if 'state_dict' in content else {}
    lacking = [
        f'meta.{key}'
        for key in ('epoch', 'iter')
        if not isinstance(meta.get(key), int)
    ]
    if not isinstance(content.get('message_hub'), dict):
        lacking.append('message_hub')
    if lacking:
        raise CheckpointError(
            f'{path}: a training cannot continue from it, because it has '
            f'weights but not {", ".join(lacking)}. Start a new training '
            f'from it: --cfg-options load_from={path}'
        )


def _saved(work_dir: str | Path) -> list[Path]:
    """Return the checkpoints of epochs or iterations, newest first."""
    folder = Path(work_dir)
    paths = folder.iterdir() if folder.is_dir() else ()
    named = [(p, _SAVED.fullmatch(p.name)) for p in paths if p.is_file()]
    numbered = [(p.stat().st_mtime, int(m[1]), p) for p, m in named if m]
    return [path for *_, path in sorted(numbered, reverse=True)]


def _advice(work_dir: str | Path) -> str:
    """Name the newest whole checkpoint, to continue from."""
    newest = newest_whole_checkpoint(work_dir)
    if newest is None:
        return (
            f'There is not a whole checkpoint in {work_dir}: start again '
            'without --resume'
        )
    return (
        f'The newest whole checkpoint is {newest}: continue with --resume '
        f'{newest}'
    )
