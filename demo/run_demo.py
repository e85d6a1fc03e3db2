# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The main job of every system, end to end, on generated data.

Each step is an ordinary command of this project and is printed before it
runs. A step whose result is already there is left out, training goes on where
it stopped, so the demo can be interrupted and run again.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
from rich.console import Console
from rich.table import Table

from mmfashion_ext.common.cli import UserError, run_tool
from mmfashion_ext.common.sheet import write_sheet
from mmfashion_ext.hub import config_path

ROOT = Path(__file__).resolve().parent.parent
MODEL = 'match-rcnn_r18-small_fpn_1xb8-3e_synthetic-160x160'
DATA = Path('data/synthetic_deepfashion2')
SHOWN = (
    'bbox/AP50',
    'segm/AP50',
    'keypoints/AP50',
    'bbox/AP',
    'segm/AP',
    'keypoints/AP',
)


def run(*command: str | Path) -> None:
    """Run a command of this project with this Python, printed first."""
    print('\n$ python', *command, flush=True)
    status = subprocess.call(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        env=os.environ | {'PYTHONUNBUFFERED': '1'},
    )
    if status:
        raise UserError(
            f'the step `python {" ".join(map(str, command))}` ended with '
            f'{status}; its message is above. `make doctor` shows whether '
            'something is missing'
        )


def match_rcnn(work_dir: Path, num: int) -> dict[str, Path]:
    """Boxes, masks and landmarks of clothes: data, training, test, pictures.

    Args:
        work_dir (Path): Where results go, relative to the repository.
        num (int): Pictures to train on.

    Returns:
        dict[str, Path]: What there is to look at.
    """
    if not (ROOT / DATA).exists():
        sizes = ('--num', str(num), '--val', '300', '--size', '256')
        run('-m', 'mmfashion_ext.synthetic', 'deepfashion2', DATA, *sizes)
    for split in ('train', 'validation'):
        annotations = DATA / 'annotations' / f'{split}.json'
        if not (ROOT / annotations).exists():
            converter = 'tools/dataset_converters/deepfashion2.py'
            run(converter, DATA / split, '--out', annotations)
    config = Path(config_path(MODEL)).relative_to(ROOT)
    run('tools/train.py', config, '--work-dir', work_dir, '--resume')
    checkpoint = (ROOT / work_dir / 'last_checkpoint').read_text().strip()
    checkpoint = Path(checkpoint)
    if checkpoint.is_relative_to(ROOT):
        checkpoint = checkpoint.relative_to(ROOT)
    pictures, metrics = work_dir / 'pictures', work_dir / 'metrics.json'
    run(
        *('tools/test.py', config, checkpoint, '--work-dir', work_dir),
        *('--out', metrics, '--show-dir', pictures),
    )
    sheet = work_dir / 'pictures.jpg'
    drawn = sorted((ROOT / pictures).glob('*.jpg'))[:12]
    images = [cv2.imread(str(path)) for path in drawn]
    write_sheet(images, ROOT / sheet, columns=3, cell=(640, 400))
    show_metrics('Match R-CNN on 300 held-out pictures', ROOT / metrics)
    return {
        'a sheet of predictions (left: truth, right: prediction)': sheet,
        'all predictions': pictures,
        'metrics': metrics,
        'weights': checkpoint,
    }


def show_metrics(title: str, path: Path) -> None:
    """Print the main numbers of a metrics file."""
    metrics = json.loads(path.read_text())
    table = Table('metric', 'value', title=title)
    for name in SHOWN:
        table.add_row(name, f'{metrics[name]:.3f}')
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--num', type=int, default=1800, help='pictures to train on'
    )
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/demo')
    )
    args = parser.parse_args()
    results = match_rcnn(args.work_dir / 'match_rcnn', args.num)
    print('\nDone. Look at:')
    for what, path in results.items():
        print(f'  {path}  ({what})')


if __name__ == '__main__':
    run_tool(main)
