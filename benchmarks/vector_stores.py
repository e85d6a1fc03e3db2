# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
r"""Vector stores side by side: build, size, queries a CPU second, recall@20.

Seconds are those of the process' CPUs, so that other work on the machine does
not count; a server's are not seen.

The same synthetic features (see retrieval_exact.py) go into each store, and
the same queries are searched in it. Recall is the share of the exact 20 best.

Example:
    python benchmarks/vector_stores.py --items 100000 --out stores.json
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import report
import torch
from retrieval_exact import GIB, PairNetwork, Styles, peak_memory, reset_peak
from rich.console import Console
from rich.table import Table
from torch import Tensor

from mmfashion_ext.retrieval.gallery_index import recall
from mmfashion_ext.retrieval.pair_similarity import PairSimilarity, TopK
from mmfashion_ext.retrieval.stores.sync import STORES, open_store
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json

#: Name on the command line -> store and its options.
KINDS: dict[str, tuple[str, dict]] = {
    'exact': ('exact', {}),
    'faiss': ('faiss', {}),
    'faiss-hnsw': ('faiss', {'factory': 'HNSW32'}),
    'milvus': ('milvus', {}),
    'milvus-hnsw': ('milvus', {'index': 'HNSW'}),
    'milvus-ivf': ('milvus', {'index': 'IVF_FLAT'}),
}


def measure(
    name: str,
    similarity: PairSimilarity,
    features: Tensor,
    queries: Tensor,
    exact: TopK,
    args: argparse.Namespace,
) -> dict[str, Any]:
    """Build, close, open and search one store."""
    kind, options = KINDS[name]
    row: dict[str, Any] = {'store': name}
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = Path(folder, f'bench{STORES[kind]}')
        reset_peak()
        start = time.process_time()
        with open_store(kind, path, similarity, **options) as store:
            for first in range(0, len(features), args.block):
                part = features[first : first + args.block]
                store.add(part, range(first, first + len(part)))
        row['build, CPU s'] = time.process_time() - start
        start = time.process_time()
        with open_store(kind, path, similarity, **options) as store:
            store.search(queries[:1], args.k)
            row['open, CPU s'] = time.process_time() - start
            row['size, GiB'] = store.info()['bytes'] / GIB
            start = time.process_time()
            found = store.search(queries, args.k)
            taken = time.process_time() - start
            row['queries / CPU s'] = len(queries) / taken
            start = time.process_time()
            for query in queries[: args.single].split(1):
                store.search(query, args.k)
            taken = time.process_time() - start
            row['one at a time / CPU s'] = (
                min(args.single, len(queries)) / taken
            )
        row['recall'] = recall(found, exact)
        row['GiB at most'] = peak_memory()
    print(row, flush=True)
    return row


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument('--items', type=int, default=100_000)
    parser.add_argument('--dim', type=int, default=256)
    parser.add_argument('--queries', type=int, default=200)
    parser.add_argument(
        '--single', type=int, default=20, help='queries searched one by one'
    )
    parser.add_argument('--k', type=int, default=20)
    parser.add_argument('--block', type=int, default=250_000)
    parser.add_argument(
        '--kinds', nargs='+', choices=KINDS, default=['exact', 'faiss']
    )
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument('--folder', help='where the stores are put')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    styles = Styles(max(args.items // 6, 1), args.dim)
    fc = PairNetwork(args.dim).fc
    similarity = PairSimilarity.from_linear(fc.weight, fc.bias)
    features, queries = styles.draw(args.items), styles.draw(args.queries)
    exact = similarity.search(queries, features, args.k)
    rows = [
        measure(name, similarity, features, queries, exact, args)
        for name in args.kinds
    ]
    columns = {
        'build, CPU s': '.1f',
        'open, CPU s': '.2f',
        'size, GiB': '.3f',
        'queries / CPU s': '.0f',
        'one at a time / CPU s': '.1f',
        'recall': '.4f',
        'GiB at most': '.2f',
    }
    table = Table(
        'store',
        *columns,
        title=f'{args.items} items of {args.dim}, {args.queries} queries, '
        f'top-{args.k}, {args.threads} threads',
    )
    for row in rows:
        cells = [format(row[name], spec) for name, spec in columns.items()]
        table.add_row(row['store'], *cells)
    Console(width=110).print(table)
    if args.out:
        write_json(args.out, {'stores': rows, 'threads': args.threads})


if __name__ == '__main__':
    run_tool(main)
