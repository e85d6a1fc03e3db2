# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Train and test variants of a config, as benchmarks compare them."""

import json
import os
import subprocess
import sys
from pathlib import Path

from mmengine.config import Config

from mmfashion_ext.common.cli import UserError, write_json
from mmfashion_ext.hub import root


def train_and_test(cfg: Config, work_dir: Path) -> dict[str, float]:
    """Train a config with one thread, test its last epoch.

    What is done already is not repeated.

    Args:
        cfg (Config): Epoch-based; validated by the test only.
        work_dir (Path): Where everything goes.

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
    epochs = cfg.train_cfg.max_epochs
    cfg.train_cfg.val_interval = epochs + 1
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
    checkpoint = str(work_dir / f'epoch_{epochs}.pth')
    options = [*common, '--out', str(metrics)]
    call('tools/test.py', *options[:1], checkpoint, *options[1:], log=work_dir)
    content = json.loads(metrics.read_text()) | json.loads(trained.read_text())
    write_json(result, content)
    return content


def call(*command: str, log: Path) -> float:
    """Run a tool with one thread; its output goes to ``log.txt``.

    Returns:
        float: CPU time in s, data loading included: other work beside it
        does not count.
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
