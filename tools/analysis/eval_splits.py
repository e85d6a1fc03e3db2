# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Test SCAN on one split or all ten; mean and standard deviation.

Every split has a model of its own, trained on that split: write {split} where
the number stands in the checkpoints' paths. tools/test.py runs for one split
after another; each writes WORK_DIR/split{split}.json.

Examples:
    python tools/analysis/eval_splits.py CONFIG \
        'work_dirs/split{split}/epoch_30.pth' --out metrics.json
    python tools/analysis/eval_splits.py CONFIG epoch_30.pth --splits 0 \
        --out metrics.json
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from mmfashion_ext.errors import UserError
from mmfashion_ext.evaluation.reid_files import format_metrics, summarize
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json

TEST = Path(__file__).parents[1] / 'test.py'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config file, or the name of a model')
    parser.add_argument(
        'checkpoint', help='checkpoint file; {split} stands for the number'
    )
    parser.add_argument(
        '--splits',
        type=int,
        nargs='+',
        default=list(range(10)),
        metavar='N',
        help='numbers of the splits, from 0; default: all ten',
    )
    parser.add_argument(
        '--out',
        required=True,
        metavar='JSON',
        help='write {metric: mean, metric_std: deviation} to this file, 0-1',
    )
    parser.add_argument(
        '--work-dir',
        default='work_dirs/splits',
        help='where the results of each split go; default: %(default)s',
    )
    parser.add_argument(
        '--resume',
        action='store_true',
        help='keep the results that are in WORK_DIR and newer than their '
        'checkpoints',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='change settings of the config, as in tools/test.py',
    )
    return parser.parse_args()


def find_checkpoints(pattern: str, splits: list[int]) -> dict[int, Path]:
    """The file of each split.

    Raises:
        FileNotFoundError: One is missing; before any test is run.
    """
    files = {n: Path(pattern.replace('{split}', str(n))) for n in splits}
    missing = [str(n) for n, file in files.items() if not file.is_file()]
    if missing:
        raise FileNotFoundError(
            f'no checkpoint {pattern} for split {", ".join(missing)}: train '
            'it, or name the splits there are with --splits'
        )
    if '{split}' not in pattern and len(files) > 1:
        print(
            f'note: {pattern} is tested on {len(files)} splits; persons it '
            'was trained on are among those it is tested on. Write {split} '
            'where the paths of your checkpoints have its number',
            file=sys.stderr,
        )
    return files


def test_split(args: argparse.Namespace, split: int, checkpoint: Path) -> dict:
    """Metrics of one split, from the file if that may be kept."""
    out = Path(args.work_dir) / f'split{split}.json'
    newer = out.is_file() and out.stat().st_mtime > checkpoint.stat().st_mtime
    if not (args.resume and newer):
        print(f'split {split}: {checkpoint}', file=sys.stderr)
        command = [sys.executable, TEST, args.config, checkpoint]
        command += ['--out', out, '--work-dir', out.with_suffix('')]
        command += ['--cfg-options', *args.cfg_options]
        command += [f'test_dataloader.dataset.split={split}']
        status = subprocess.run([str(part) for part in command], check=False)
        if status.returncode:
            raise UserError(
                f'split {split}: tools/test.py failed, see above; mend it '
                'and go on with --resume'
            )
    return json.loads(out.read_text())


def main() -> None:
    args = parse_args()
    checkpoints = find_checkpoints(args.checkpoint, args.splits)
    results = {
        f'split {split}': test_split(args, split, checkpoint)
        for split, checkpoint in checkpoints.items()
    }
    write_json(args.out, summarize(list(results.values())))
    print(format_metrics(results))


if __name__ == '__main__':
    run_tool(main)
