# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
r"""Building a gallery by several processes: seconds, CPU seconds, same index.

The crops of an image encoder are indexed once for each number of processes.
CPU seconds include the start of each process, which imports PyTorch and mmdet
and loads both models.

Example:
    python benchmarks/gallery_processes.py data/garments/validation --num 96 \
        --encoder timm:tf_efficientnet_lite0 efficientnet-lite0-57934424.pth
"""

import resource
import tempfile
import time
from functools import partial
from pathlib import Path

import report
from rich.console import Console
from rich.table import Table

from mmfashion_ext.hub import model_name
from mmfashion_ext.match_rcnn.crop_encoder import CropEncoder
from mmfashion_ext.match_rcnn.gallery_parallel import build_gallery_parallel
from mmfashion_ext.match_rcnn.gallery_paths import find_gallery_images
from mmfashion_ext.retrieval.gallery_index import GalleryIndex
from mmfashion_ext.retrieval.image_encoder import ImageEncoder
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json

SCORE_THR = 0.3


def make_encoder(
    name: str, weights: str, detector: str, batch_size: int
) -> CropEncoder:
    """Build the encoder, in each process."""
    return CropEncoder(
        ImageEncoder(name, weights, 'cpu'),
        detector,
        None,
        'cpu',
        score_thr=SCORE_THR,
        batch_size=batch_size,
    )


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and those that it waited for."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(
            resource.getrusage,
            (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN),
        )
    )


def content(path: Path) -> set[tuple]:
    """Return what is in an index, in no order."""
    return {
        (item['image'], item['category'])
        for item in GalleryIndex.load(path).items
    }


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument('images', type=Path, help='a folder')
    parser.add_argument('--num', type=int, default=96, help='images')
    parser.add_argument('--jobs', type=int, nargs='+', default=[1, 2, 4])
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument(
        '--encoder', nargs=2, required=True, metavar=('NAME', 'WEIGHTS')
    )
    args = parser.parse_args()
    found = find_gallery_images([args.images])
    paths = found[:: max(len(found) // args.num, 1)][: args.num]
    factory = partial(
        make_encoder,
        *args.encoder,
        model_name('match-rcnn:balanced'),
        args.batch_size,
    )
    rows, first = [], None
    with tempfile.TemporaryDirectory() as folder:
        for jobs in args.jobs:
            out = Path(folder, f'{jobs}.index')
            start, used = time.perf_counter(), cpu_seconds()
            build_gallery_parallel(
                paths, factory, out, jobs, score_thr=SCORE_THR, progress=False
            )
            row = {
                'processes': jobs,
                'seconds': time.perf_counter() - start,
                'CPU seconds': cpu_seconds() - used,
                'images': len(paths),
                'same garments': float(first is None or content(out) == first),
            }
            first = first or content(out)
            rows.append(row)
            print(row, flush=True)
    table = Table(*rows[0], title='Building a gallery')
    for row in rows:
        table.add_row(*(f'{value:.4g}' for value in row.values()))
    Console().print(table)
    if args.out:
        write_json(args.out, {'rows': rows})


if __name__ == '__main__':
    run_tool(main)
