# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Demo: train and test every system end to end on synthetic data.

Each step is an ordinary command of this project and is printed before it
runs. A step whose result exists is left out and training continues where it
stopped, so the demo can be interrupted and run again.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mmfashion_ext import plugins
from mmfashion_ext.errors import UserError
from mmfashion_ext.hub import config_path
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.images import read_image

ROOT = Path(__file__).resolve().parent.parent
MODEL = 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160'
RETRIEVAL = (
    'match-rcnn-retrieval-class-frozen_r18-small_fpn_1xb16-2e_'
    'synthetic-160x160'
)
LANDMARK = 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96'
#: Of the config's ten; three minutes on 2 cores.
LANDMARK_EPOCHS = 4
SCAN = 'scan_r10-small_1xb32-12e_synthetic-64x32'
#: Tutor, then student; in each the warp network, then the generator. With
#: half of the configs' epochs.
TRYON = {
    'pb-afn_warp-small_1xb4-8e_synthetic-128x96': 4,
    'pb-afn_e2e-small_1xb4-8e_synthetic-128x96': 4,
    'pf-afn_warp-small_1xb4-16e_synthetic-128x96': 8,
    'pf-afn_e2e-small_1xb4-8e_synthetic-128x96': 4,
}
DATA = Path('data/synthetic_deepfashion2')
VIDEOS = Path('data/synthetic_ilids-vid')
PEOPLE = Path('data/synthetic_viton')
SHOWN = (
    'bbox/AP50',
    'segm/AP50',
    'keypoints/AP50',
    'bbox/AP',
    'segm/AP',
    'keypoints/AP',
)


def run(*command: str | Path, **environment: str) -> None:
    """Run a command of this project with this Python, printed first."""
    settings = [f'{name}={value}' for name, value in environment.items()]
    print('\n$', *settings, 'python', *command, flush=True)
    status = subprocess.call(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        env=os.environ | {'PYTHONUNBUFFERED': '1'} | environment,
    )
    if status:
        raise UserError(
            f'the step `python {" ".join(map(str, command))}` ended with '
            f'{status}; its message is above. `{plugins.doctor_command()}` '
            'shows whether something is missing'
        )


def match_rcnn(work_dir: Path, num: int) -> dict[str, Path]:
    """Train and test Match R-CNN: boxes, masks and landmarks of clothes.

    Args:
        work_dir (Path): Where results go, relative to the repository.
        num (int): Images to train on.

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
    config, checkpoint = train(MODEL, work_dir, batch=16)
    drawn, metrics = work_dir / 'drawn', work_dir / 'metrics.json'
    run(
        *('tools/test.py', config, checkpoint, '--work-dir', work_dir),
        *('--out', metrics, '--show-dir', drawn),
    )
    sheet = work_dir / 'drawn.jpg'
    files = sorted((ROOT / drawn).glob('*.jpg'))[:12]
    save_sheet(files, sheet, columns=3, cell=(640, 400))
    show_metrics('Match R-CNN on 300 held-out images', ROOT / metrics, SHOWN)
    return {
        'a sheet of predictions (left: truth, right: prediction)': sheet,
        'all predictions': drawn,
        'metrics': metrics,
        'weights': checkpoint,
    }


def retrieval(work_dir: Path, detector: Path) -> dict[str, Path]:
    """Train and test retrieval, and search a gallery of shop images.

    Args:
        work_dir (Path): Where results go, relative to the repository.
        detector (Path): Weights of :func:`match_rcnn`, which stay as they
            are while the match network learns.

    Returns:
        dict[str, Path]: What there is to look at.
    """
    config, checkpoint = train(RETRIEVAL, work_dir, f'load_from={detector}')
    metrics = work_dir / 'metrics.json'
    run(
        *('tools/test.py', config, checkpoint, '--work-dir', work_dir),
        *('--out', metrics),
    )
    users, shops = images_by_source(DATA / 'validation')
    index, sheet = work_dir / 'shop.index', work_dir / 'matches.jpg'
    if not (ROOT / index).exists():
        run(
            *('tools/gallery.py', 'build', *shops, '--config', config),
            *('--checkpoint', checkpoint, '--out', index),
        )
    run('tools/gallery.py', 'query', index, users[0], '--out', sheet)
    names = [f'retrieval/top-{k}' for k in (1, 5, 10, 20)]
    show_metrics(
        'Retrieval among all shop images of the 300', ROOT / metrics, names
    )
    return {
        "a user's garment and its ten best matches": sheet,
        'metrics of retrieval': metrics,
    }


def landmark(work_dir: Path, found: dict[str, Path]) -> dict[str, Path]:
    """Train and test landmarks (mmpose), in boxes found by Match R-CNN.

    Args:
        work_dir (Path): Where results go, relative to the repository.
        found (dict[str, Path]): What :func:`match_rcnn` returned.

    Returns:
        dict[str, Path]: What there is to look at.
    """
    config, checkpoint = train(
        LANDMARK,
        work_dir,
        f'train_cfg.max_epochs={LANDMARK_EPOCHS}',
        f'train_cfg.val_interval={LANDMARK_EPOCHS}',
        f'param_scheduler.1.end={LANDMARK_EPOCHS}',
        'default_hooks.checkpoint.interval=1',
        batch=32,
    )
    metrics, drawn = work_dir / 'metrics.json', work_dir / 'found'
    run(
        *('tools/test.py', config, checkpoint, '--work-dir', work_dir),
        *('--out', metrics),
    )
    names = ('PCK@0.05', 'PCK@0.1', 'PCK@0.2', 'keypoints/AP')
    show_metrics('Landmarks in annotated boxes', ROOT / metrics, names)
    users, _ = images_by_source(DATA / 'validation')
    photos = work_dir / 'photos'
    (ROOT / photos).mkdir(parents=True, exist_ok=True)
    for user in users[:12]:
        shutil.copy(ROOT / user, ROOT / photos)
    run(
        *('demo/landmark_demo.py', photos, '--model', config),
        *('--weights', checkpoint, '--det-model', config_path(MODEL)),
        *('--det-weights', found['weights'], '--out', drawn),
    )
    sheet = work_dir / 'landmarks.jpg'
    files = sorted((ROOT / drawn / 'visualizations').iterdir())
    save_sheet(files, sheet, columns=4, cell=(320, 400))
    return {
        'landmarks of the boxes that Match R-CNN found': sheet,
        'metrics of landmarks': metrics,
    }


def scan(work_dir: Path) -> dict[str, Path]:
    """Train and test video person re-identification on two cameras.

    Args:
        work_dir (Path): Where results go, relative to the repository.

    Returns:
        dict[str, Path]: What there is to look at.
    """
    if not (ROOT / VIDEOS).exists():
        sizes = ('--num', '120', '--size', '64', '--frames', '16', '48')
        run('-m', 'mmfashion_ext.synthetic', 'video-reid', VIDEOS, *sizes)
    if not (ROOT / VIDEOS / 'meta.json').exists():
        converter = 'tools/dataset_converters/video_reid.py'
        run(
            *(converter, 'ilids-vid', VIDEOS / 'raw', '--out', VIDEOS),
            *('--flow', 'dis'),
        )
    config, checkpoint = train(SCAN, work_dir)
    metrics = work_dir / 'metrics.json'
    run(
        *('tools/test.py', config, checkpoint, '--work-dir', work_dir),
        *('--out', metrics),
    )
    names = [f'allshots/CMC-{k}' for k in (1, 5, 10, 20)]
    show_metrics(
        'SCAN among 60 people never seen', ROOT / metrics, [*names, 'mAP']
    )
    return {'metrics of person re-identification': metrics}


def tryon(work_dir: Path) -> dict[str, Path]:
    """Train and test virtual try-on: a tutor with a parser, then a student.

    Args:
        work_dir (Path): Where results go, relative to the repository.

    Returns:
        dict[str, Path]: What there is to look at.
    """
    if not (ROOT / PEOPLE).exists():
        sizes = ('--num', '320', '--test', '80', '--size', '128')
        run('-m', 'mmfashion_ext.synthetic', 'viton', PEOPLE, *sizes)
    student, weights = train_try_on(work_dir)
    results = work_dir / student
    metrics, strips = results / 'metrics.json', results / 'strips'
    # garments that others wore, whose truth synthetic data know
    other = [
        'test_dataloader.dataset.paired=False',
        "test_dataloader.dataset.annotations=['truth']",
    ]
    run(
        *('tools/test.py', config_path(student), weights),
        *('--work-dir', results, '--out', metrics, '--show-dir', strips),
        *('--cfg-options', *other),
    )
    names = ['warp/IoU', 'unwarped/IoU', 'warp/EPE', 'unwarped/EPE', 'SSIM']
    show_metrics('Try-on without a parser', ROOT / metrics, names)
    sheet = work_dir / 'try_on.jpg'
    files = sorted((ROOT / strips).iterdir())[:24]
    save_sheet(files, sheet, columns=4, cell=(296, 136))
    combinations = work_dir / 'combinations'
    inputs = [
        sorted((ROOT / PEOPLE / 'VITON_test' / kind).iterdir())[:8]
        for kind in ('test_img', 'test_clothes', 'test_edge')
    ]
    from mmfashion_ext.tryon import TryOnInferencer

    infer = TryOnInferencer(student, ROOT / weights, show_progress=False)
    infer(*inputs, out_dir=ROOT / combinations, grid=True)
    return {
        'person, garment and try-on of 24 pairs': sheet,
        'the same of all pairs': strips,
        'eight people in eight garments': combinations / 'grid.jpg',
        'metrics of try-on': metrics,
    }


def train_try_on(work_dir: Path) -> tuple[str, Path]:
    """Train the four stages of try-on; return the student and its weights.

    Args:
        work_dir (Path): Where results go, relative to the repository.
    """
    warp, tutor, student_warp, student = TRYON

    def stage(name: str, *settings: str) -> Path:
        epochs = TRYON[name]
        _, checkpoint = train(
            name,
            work_dir / name,
            *settings,
            'train_dataloader.dataset.indices=320',
            f'train_cfg.max_epochs={epochs}',
            f'train_cfg.val_interval={epochs}',
            f'param_scheduler.begin={epochs // 2}',
            f'param_scheduler.end={epochs}',
            batch=8,
        )
        return checkpoint

    teacher = stage(tutor, f'load_from={stage(warp)}')
    taught = f'model.teacher_checkpoint={teacher}'
    begins = f'custom_hooks.0.switch_epoch={TRYON[student_warp] // 4}'
    first = stage(student_warp, taught, begins)
    return student, stage(student, taught, f'load_from={first}')


def train(
    model: str, work_dir: Path, *settings: str, batch: int | None = None
) -> tuple[Path, Path]:
    """Train a model, or continue; return its config and last checkpoint.

    Args:
        model (str): Name of the model.
        work_dir (Path): Where results go, relative to the repository.
        *settings (str): Of ``--cfg-options``.
        batch (int, optional): Items a step, of all processes: without a GPU
            two cores do more with a process each. None: one process, as the
            config says.
    """
    config = Path(config_path(model)).relative_to(ROOT)
    command = ['tools/train.py', config, '--work-dir', work_dir, '--resume']
    environment, cores = {}, os.cpu_count() or 1
    from mmengine.device import is_cuda_available

    processes = 2 if batch and cores > 1 and not is_cuda_available() else 1
    if batch:
        size = batch // processes
        settings = (*settings, f'train_dataloader.batch_size={size}')
    if processes > 1:
        launcher = '-m', 'torch.distributed.run'
        command[:0] = *launcher, f'--nproc_per_node={processes}'
        command += '--launcher', 'pytorch'
        # one thread each: two threads of one process gain little here
        environment['OMP_NUM_THREADS'] = '1'
    if settings:
        command += '--cfg-options', *settings
    run(*command, **environment)
    checkpoint = Path(
        (ROOT / work_dir / 'last_checkpoint').read_text().strip()
    )
    if checkpoint.is_relative_to(ROOT):
        checkpoint = checkpoint.relative_to(ROOT)
    return config, checkpoint


def images_by_source(split: Path) -> tuple[list[Path], list[Path]]:
    """Return the images of users and those of shops of a raw split."""
    found = {'user': [], 'shop': []}
    for file in sorted((ROOT / split / 'annos').glob('*.json')):
        source = json.loads(file.read_text())['source']
        found[source].append(split / 'image' / f'{file.stem}.jpg')
    return found['user'], found['shop']


def save_sheet(
    files: Sequence[Path], sheet: Path, columns: int, cell: tuple[int, int]
) -> None:
    """Write images to one sheet.

    Args:
        files (Sequence[Path]): The images.
        sheet (Path): File to write, relative to the repository.
        columns (int): Images in a row.
        cell (tuple[int, int]): Size of an image on it, (w, h) px.
    """
    from mmfashion_ext.utils.image_grid import write_sheet

    images = [read_image(path) for path in files]
    write_sheet(images, ROOT / sheet, columns=columns, cell=cell)


def show_metrics(title: str, path: Path, names: Sequence[str]) -> None:
    """Print some numbers of a metrics file."""
    metrics = json.loads(path.read_text())
    table = Table('metric', 'value', title=title)
    for name in names:
        table.add_row(name, f'{metrics[name]:.3f}')
    Console().print(table)


def main() -> None:
    """Run all steps, then list what there is to look at."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--num', type=int, default=2200, help='images to train on'
    )
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/train_demo')
    )
    args = parser.parse_args()
    for system in plugins.SYSTEMS:  # before any work
        plugins.require(system)
    results = match_rcnn(args.work_dir / 'match_rcnn', args.num)
    weights = results['weights']
    results |= landmark(args.work_dir / 'landmark', results)
    results |= retrieval(args.work_dir / 'retrieval', weights)
    results |= scan(args.work_dir / 'scan')
    results |= tryon(args.work_dir / 'tryon')
    print('\nDone. Look at:')
    for what, path in results.items():
        print(f'  {path}  ({what})')


if __name__ == '__main__':
    run_tool(main)
