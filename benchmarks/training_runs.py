# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Train and test variants of a config for the benchmarks."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from mmengine.config import Config
from rich.console import Console
from rich.table import Table

from mmfashion_ext.errors import UserError
from mmfashion_ext.hub import root
from mmfashion_ext.utils.files import write_json


def train_and_test(cfg: Config, work_dir: Path) -> dict[str, float]:
    """Train a config with one thread, test its last epoch.

    Finished steps are not repeated.

    Args:
        cfg (Config): Trained by epochs or steps; validated only by the test.
        work_dir (Path): Folder of all outputs.

    Returns:
        dict[str, float]: The test's metrics, and ``seconds``: CPU time of
        the training, data loading included.

    Raises:
        UserError: A step failed; names its log.
    """
    result = work_dir / 'result.json'
    if result.exists():
        return json.loads(result.read_text())
    work_dir.mkdir(parents=True, exist_ok=True)
    config = work_dir / 'variant.py'
    cfg.dump(config)
    # validation would run after the last epoch again
    skip = [f'val_{key}=None' for key in ('dataloader', 'evaluator', 'cfg')]
    common = [str(config), '--work-dir', str(work_dir)]
    trained = work_dir / 'trained.json'
    if not trained.exists():
        seconds = call(
            *('tools/train.py', *common, '--cfg-options', *skip), log=work_dir
        )
        write_json(trained, {'seconds': seconds})
    metrics = work_dir / 'metrics.json'
    checkpoint = str(work_dir / last_checkpoint(cfg))
    options = [*common, '--out', str(metrics)]
    call('tools/test.py', *options[:1], checkpoint, *options[1:], log=work_dir)
    content = json.loads(metrics.read_text()) | json.loads(trained.read_text())
    write_json(result, content)
    return content


def test_again(cfg: Config, work_dir: Path, name: str) -> dict[str, float]:
    """Test what :func:`train_and_test` trained with another test.

    Args:
        cfg (Config): The config that was trained, its test changed.
        work_dir (Path): That of the training.
        name (str): Of the files of this test.

    Returns:
        dict[str, float]: The metrics; a finished test is not repeated.

    Raises:
        UserError: The test failed; names its log.
    """
    result = work_dir / f'{name}.json'
    if not result.exists():
        config = work_dir / f'{name}.py'
        cfg.dump(config)
        checkpoint = work_dir / last_checkpoint(cfg)
        call(
            *('tools/test.py', str(config), str(checkpoint)),
            *('--work-dir', str(work_dir), '--out', str(result)),
            log=work_dir,
        )
    return json.loads(result.read_text())


def last_checkpoint(cfg: Config) -> str:
    """Return the file name of the last checkpoint of a training."""
    if epochs := cfg.train_cfg.get('max_epochs'):
        return f'epoch_{epochs}.pth'
    return f'iter_{cfg.train_cfg.max_iters}.pth'


def call(*command: str, log: Path) -> float:
    """Run a tool with one thread; its output goes to ``log.txt``.

    Returns:
        float: CPU time in s, data loading included; other processes do not
        count.
    """
    with (log / 'log.txt').open('a') as file:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=root(),
            env=os.environ | {'OMP_NUM_THREADS': '1'},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise UserError(f'{command[0]} failed, see {log}/log.txt')
    return usage.ru_utime + usage.ru_stime


def compare(
    variants: Sequence[str],
    seeds: Sequence[int],
    run: Callable[[str, int], dict[str, float]],
    shown: Sequence[str],
    jobs: int,
) -> None:
    """Run every variant with every seed; print means, deviations, values.

    Args:
        variants (Sequence[str]): Rows of the table.
        seeds (Sequence[int]): Seeds of each variant.
        run (callable): Returns the metrics of a variant and a seed.
        shown (Sequence[str]): Metrics shown as columns.
        jobs (int): Number of runs at a time.
    """
    runs = [(variant, seed) for seed in seeds for variant in variants]
    with ThreadPoolExecutor(jobs) as pool:
        done = dict(zip(runs, pool.map(lambda r: run(*r), runs), strict=True))
    table = Table('', *shown, 'training, CPU s')
    for variant in variants:
        cells = []
        for key in (*shown, 'seconds'):
            values = np.array([done[variant, seed][key] for seed in seeds])
            digits = {'seconds': 0, 'EPE': 2}.get(key, 3)
            each = ' '.join(f'{v:.{digits}f}' for v in values)
            mean, std = (
                f'{v:.{digits}f}' for v in (values.mean(), values.std())
            )
            cells.append(f'{mean} ± {std} ({each})')
        table.add_row(variant, *cells)
    Console(width=200).print(table)
