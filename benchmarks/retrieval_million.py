# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Gallery index of a million items: exact and approximate search.

Builds, saves and loads a ``GalleryIndex``, searches it exactly, then builds
an approximate index with faiss and measures its speed, and its recall against
the exact search of the same queries, for several efforts.

Features are synthetic: one style per six items, styles differ in 24
dimensions. The recall of an approximate index depends on the features;
measure it for your own with ``measure_recall``.

Example:
    python benchmarks/retrieval_million.py --out retrieval_million.json
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from retrieval_exact import GIB, PairNetwork, Styles, peak_memory, reset_peak
from rich.console import Console
from rich.table import Table
from torch import Tensor

from mmfashion_ext.retrieval.gallery_index import GalleryIndex, recall
from mmfashion_ext.retrieval.pair_similarity import PairSimilarity, TopK
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json


class Stages:
    """Measure seconds and peak memory of each stage; show them as it ends."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def run(self, name: str, call: Callable, queries: int = 0) -> Any:
        """Run a stage; return its result."""
        reset_peak()
        start = time.perf_counter()
        result = call()
        taken = time.perf_counter() - start
        row = {'stage': name, 'seconds': taken, 'GiB at most': peak_memory()}
        if queries:
            row['queries a second'] = queries / taken
        self.rows.append(row)
        print(f'{name}: {taken:.1f} s', flush=True)
        return result


def fill(index: GalleryIndex, styles: Styles, num: int) -> None:
    """Add items in batches, as an encoder does."""
    for start in range(0, num, 50000):
        count = min(50000, num - start)
        items = [
            {
                'image': f'shop/{start + i:07}.jpg',
                'bbox': [12.5, 30.0, 210.25, 305.75],
                'category': 'short_sleeved_shirt',
                'score': 0.9871,
            }
            for i in range(count)
        ]
        index.add(styles.draw(count), items)
    _ = index.features  # joined


def search_approximate(
    index: GalleryIndex,
    queries: Tensor,
    args: argparse.Namespace,
    exact: TopK,
    stages: Stages,
) -> None:
    """Build each kind of approximate index and search it."""
    for kind in args.kinds:
        stages.run(
            f'build {kind}',
            lambda kind=kind: index.build_approximate(kind, cells=args.cells),
        )
        for effort in args.efforts:
            index.approximate.effort = effort
            found = stages.run(
                f'{kind} search, effort {effort}',
                lambda: index.search(queries, args.k, approximate=True),
                len(queries),
            )
            stages.rows[-1]['recall'] = recall(found, exact)


def measure(args: argparse.Namespace) -> tuple[list[dict], float]:
    """Run all stages; return also the size of the file in GiB."""
    torch.manual_seed(0)
    styles = Styles(max(args.items // 6, 1), args.dim)
    fc = PairNetwork(args.dim).fc
    similarity = PairSimilarity.from_linear(fc.weight, fc.bias)
    queries = styles.draw(args.queries)
    stages, index = Stages(), GalleryIndex(similarity, 'benchmark')
    stages.run(
        'draw and add the items', lambda: fill(index, styles, args.items)
    )
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = Path(folder, 'shop.index')
        stages.run('save', lambda: index.save(path))
        size = path.stat().st_size / GIB
        del index
        index = stages.run('load', lambda: GalleryIndex.load(path))
    exact = stages.run(
        'exact search', lambda: index.search(queries, args.k), args.queries
    )
    search_approximate(index, queries, args, exact, stages)
    return stages.rows, size


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--items', type=int, default=1_000_000)
    parser.add_argument('--queries', type=int, default=2000)
    parser.add_argument('--dim', type=int, default=256)
    parser.add_argument('--k', type=int, default=20)
    parser.add_argument(
        '--kinds',
        nargs='*',
        choices=('ivf', 'hnsw'),
        default=['ivf'],
        help='hnsw takes many minutes to build for a million items',
    )
    parser.add_argument(
        '--efforts', type=int, nargs='+', default=[8, 16, 32, 64, 128]
    )
    parser.add_argument('--cells', type=int, help='of ivf')
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--folder', help='where the file is put for a while')
    parser.add_argument('--out', type=Path, help='also write a JSON file')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    rows, size = measure(args)
    columns = {
        'seconds': '.2f',
        'GiB at most': '.2f',
        'queries a second': '.0f',
        'recall': '.4f',
    }
    table = Table(
        'stage',
        *columns,
        title=f'{args.items} items of {args.dim}, {args.queries} queries, '
        f'top-{args.k}, {args.threads} threads; the file has {size:.2f} GiB',
    )
    for row in rows:
        cells = [
            format(row[name], spec) if name in row else ''
            for name, spec in columns.items()
        ]
        table.add_row(row['stage'], *cells)
    Console().print(table)
    if args.out:
        content = {'stages': rows, 'file, GiB': size, 'threads': args.threads}
        write_json(args.out, content)


if __name__ == '__main__':
    run_tool(main)
