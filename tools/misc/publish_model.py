# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Make a training checkpoint ready to publish.

Keeps the weights (the averaged ones where there was an EMA) and what plain
values tell of the training, drops optimizer, schedulers and logs, and writes
NAME_DATE-SHA8.pth, which loads with torch.load(weights_only=True) anywhere.

Examples:
    python tools/misc/publish_model.py work_dirs/NAME/epoch_12.pth NAME
    python tools/misc/publish_model.py epoch_12.pth NAME --metrics metrics.json
"""

import argparse
import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.evaluation.coco_eval import METRIC_NAMES
from mmfashion_ext.evaluation.consumer_to_shop import TOPK
from mmfashion_ext.evaluation.keypoint_errors import error_names
from mmfashion_ext.evaluation.reid import TOPK as RANKS
from mmfashion_ext.utils.checkpoint import (
    extract_state_dict,
    load_checkpoint_file,
)
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import atomic_write

#: Task in the metafiles -> what stands before the names of its metrics in
#: metrics.json, and the names; all are in 0-1.
TASKS: dict[str, tuple[str, tuple[str, ...]]] = {
    'Object Detection': ('bbox/', METRIC_NAMES['bbox']),
    'Instance Segmentation': ('segm/', METRIC_NAMES['segm']),
    'Landmark Estimation': ('keypoints/', METRIC_NAMES['keypoints']),
    'Landmark Estimation (visible only)': (
        'keypoints_vis/',
        METRIC_NAMES['keypoints'],
    ),
    'Landmark Localisation': (
        '',
        # EPE is in px; FLD's numbers are often those of visible landmarks
        (*(n for n in error_names() if n != 'EPE'), 'NE/visible'),
    ),
    'Consumer-to-Shop Retrieval': (
        'retrieval/',
        tuple(f'top-{k}' for k in TOPK),
    ),
    'Video Person Re-identification': (
        '',
        (*(f'allshots/CMC-{k}' for k in RANKS), 'mAP'),
    ),
    # warp/EPE is in px, FID has no upper end: docs have them
    'Virtual Try-on': ('', ('SSIM', 'L1', 'warp/IoU')),
}
METRICS = {title: names for title, (_, names) in TASKS.items()}


def publish(
    source: Path, name: str, out_dir: Path, day: str, *, trust: bool = False
) -> Path:
    """Write the published form of a checkpoint.

    Args:
        source (Path): A training checkpoint, or any file of weights.
        name (str): The config's name.
        out_dir (Path): Created if missing.
        day (str): ``YYYYMMDD``.
        trust (bool): Unpickle the source, which runs whatever code it holds.
            Defaults to False.

    Returns:
        Path: ``out_dir/NAME_DAY-SHA8.pth``.
    """
    if trust:
        content = torch.load(source, map_location='cpu', weights_only=False)
    else:
        content = load_checkpoint_file(source)
    weights = extract_state_dict(content, source)
    meta = content.get('meta', {}) if 'state_dict' in content else {}
    published = {'meta': plain(meta), 'state_dict': weights}
    with atomic_write(out_dir / f'{name}.pth') as temporary:
        with temporary.open('wb') as file:
            # through a file object: by path, torch writes the file's name
            # into the archive, and the same weights get another hash
            torch.save(published, file)
        torch.load(temporary, map_location='cpu', weights_only=True)
        sha8 = hashlib.sha256(temporary.read_bytes()).hexdigest()[:8]
    target = out_dir / f'{name}_{day}-{sha8}.pth'
    (out_dir / f'{name}.pth').replace(target)
    return target


def plain(value: Any) -> Any:
    """``value`` in plain types; what has none is left out (None)."""
    if type(value) in (type(None), bool, int, float, str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple | set):
        items = sorted(value, key=str) if isinstance(value, set) else value
        return [plain(item) for item in items]
    return None


def results_of(metrics: dict[str, float], dataset: str) -> list[dict]:
    """The ``Results`` of a metafile from the numbers of a test.

    Args:
        metrics (dict[str, float]): What ``tools/test.py --out`` wrote, keys
            ``'bbox/AP50'``, values 0-1. Numbers of single categories or
            subsets are left out.
        dataset (str): What it was tested on.

    Returns:
        list[dict]: ``Task``, ``Dataset`` and ``Metrics`` of each task.
    """
    results = []
    for title, (prefix, names) in TASKS.items():
        found = {
            name: round(float(metrics[prefix + name]), 4)
            for name in names
            # -1: the test set has nothing of that size
            if metrics.get(prefix + name, -1) >= 0
        }
        if found:
            results.append(
                {'Task': title, 'Dataset': dataset, 'Metrics': found}
            )
    if not results:
        raise UserError(
            f'no metric of {", ".join(TASKS)} in the metrics file: expected '
            f"keys such as 'bbox/AP', got {sorted(metrics)[:5]}"
        )
    return results


def update_metafile(
    name: str, metrics: dict[str, float] | None, url: str | None
) -> Path:
    """Write numbers and the weights' address into a model's entry.

    Args:
        name (str): Name of the model.
        metrics (dict[str, float], optional): See :func:`results_of`.
        url (str, optional): Where the weights can be downloaded.

    Returns:
        Path: The metafile.
    """
    path = Path(hub.config_path(name)).parent
    while not (path / 'metafile.yml').is_file():
        if path == hub.root():
            raise UserError(f'no metafile.yml in any folder above {name}.py')
        path = path.parent
    path /= 'metafile.yml'
    text = path.read_text(encoding='utf-8')
    content = yaml.safe_load(text)
    entries = [e for e in content['Models'] if e['Name'] == name]
    if not entries:
        raise UserError(f'{path}: no model {name}; add an entry first')
    (entry,) = entries
    if metrics is not None:
        entry['Results'] = results_of(metrics, entry['Metadata']['Dataset'])
    if url is not None:
        entry['Weights'] = url
    header = [line for line in text.splitlines() if line.startswith('#')]
    body = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    with atomic_write(path) as temporary:
        temporary.write_text('\n'.join([*header, body]), encoding='utf-8')
    return path


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('name', help="the config's name, e.g. scan_r50_...")
    parser.add_argument(
        '--out-dir', type=Path, default=Path('published'), metavar='DIR'
    )
    parser.add_argument(
        '--date', default=f'{date.today():%Y%m%d}', metavar='YYYYMMDD'
    )
    parser.add_argument(
        '--metrics',
        type=Path,
        metavar='JSON',
        help='what tools/test.py --out wrote: goes into the metafile',
    )
    parser.add_argument(
        '--url',
        metavar='PREFIX',
        help='the file will be at PREFIX/FILE: goes into the metafile',
    )
    parser.add_argument(
        '--trust',
        action='store_true',
        help='also read a checkpoint of arbitrary Python objects. This runs '
        'whatever code is in it: only for files whose maker you trust',
    )
    return parser.parse_args()


def main() -> None:
    """Publish, then record."""
    args = parse_args()
    hub.config_path(args.name)  # before any work
    metrics = None
    if args.metrics:
        metrics = json.loads(args.metrics.read_text(encoding='utf-8'))
        results_of(metrics, dataset='')
    target = publish(
        args.checkpoint, args.name, args.out_dir, args.date, trust=args.trust
    )
    print(f'wrote {target}')
    if args.metrics or args.url:
        url = args.url and f'{args.url.rstrip("/")}/{target.name}'
        path = update_metafile(args.name, metrics, url)
        print(f'updated {path}; now run: python tools/misc/gen_model_zoo.py')


if __name__ == '__main__':
    run_tool(main)
