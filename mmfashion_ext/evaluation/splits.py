# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Test a model of each split, and keep the metrics of every split in a file.

Each split has a checkpoint of its own, trained on that split; the path of
all of them is one pattern with ``{split}`` for the number.
"""

import subprocess
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import UserError
from .metafile import read_metrics


def find_checkpoints(pattern: str, splits: Sequence[int]) -> dict[int, Path]:
    """Return the checkpoint of each split.

    Warns if one checkpoint is tested on several splits.

    Args:
        pattern (str): Path; ``{split}`` stands for the number.
        splits (Sequence[int]): Numbers of the splits.

    Returns:
        dict[int, Path]: Split -> existing file.

    Raises:
        FileNotFoundError: A file is missing; names all splits without one.
    """
    files = {n: Path(pattern.replace('{split}', str(n))) for n in splits}
    missing = [str(n) for n, file in files.items() if not file.is_file()]
    if missing:
        raise FileNotFoundError(
            f'no checkpoint {pattern} for split {", ".join(missing)}: train '
            'it, or name the splits that exist with --splits'
        )
    if '{split}' not in pattern and len(files) > 1:
        warnings.warn(
            f'{pattern} is tested on {len(files)} splits; persons it was '
            'trained on are among those it is tested on. Write {split} where '
            'the paths of your checkpoints have its number'
        )
    return files


def run_split(
    test: Sequence[str | Path],
    split: int,
    checkpoint: Path,
    out: Path,
    *,
    options: Iterable[str] = (),
    resume: bool = False,
) -> dict[str, float]:
    """Test one split in a process of its own.

    Args:
        test (Sequence[str | Path]): Start of the command: the script that
            tests (``tools/test.py``) and the config.
        split (int): Number of the split.
        checkpoint (Path): Its model.
        out (Path): JSON file that gets its metrics.
        options (Iterable[str]): ``KEY=VALUE`` that change the config.
        resume (bool): Read ``out`` instead if it is newer than the
            checkpoint.

    Returns:
        dict[str, float]: The metrics.

    Raises:
        UserError: The test failed, or ``out`` does not hold metrics.
    """
    newer = out.is_file() and out.stat().st_mtime > checkpoint.stat().st_mtime
    if not (resume and newer):
        command = [sys.executable, *test, checkpoint]
        command += ['--out', out, '--work-dir', out.with_suffix('')]
        command += ['--cfg-options', *options]
        command += [f'test_dataloader.dataset.split={split}']
        done = subprocess.run([str(part) for part in command], check=False)
        if done.returncode:
            raise UserError(
                f'split {split}: {test[0]} failed, see above; fix '
                'the cause and continue with --resume'
            )
    return read_metrics(out)
