# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Consumer-to-shop ranking: the pairwise network against one matrix product.

Both sides score all pairs of the DeepFashion2 validation set's size in this
process, in blocks, and return the 20 best of each query. The pairwise side is
the end of the match network as it is trained, (a - b)^2 and a linear layer.
The other side is ``PairSimilarity.search``. Its speed is also given as a
fraction of the fastest matrix product that this process measures, of the
search's own shape or square.

Features are synthetic: items of one style lie close together.

Example:
    python benchmarks/retrieval_exact.py --out retrieval_exact.json
"""

import argparse
import contextlib
import re
import resource
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn

from mmfashion_ext.retrieval.pair_similarity import PairSimilarity, TopK
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json

GIB = 2**30
#: Queries and items of a block of the pairwise side: 4 MiB of differences,
#: which stay in the cache of a CPU (a GPU wants more).
PAIR_BLOCK = {'cpu': (16, 256), 'cuda': (64, 16384)}


class PairNetwork(nn.Module):
    """End of the match network: 2 logits per pair."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc = nn.Linear(dim, 2)
        with torch.no_grad():  # like trained: near means similar
            self.fc.weight[0] = 0.025 - 0.1 * torch.rand(dim)
            self.fc.weight[1] = -self.fc.weight[0]

    def forward(self, queries: Tensor, gallery: Tensor) -> Tensor:
        """Return (q, g) logits, similar minus different, of (q, D), (g, D)."""
        logits = self.fc((queries[:, None] - gallery).square_())
        return logits[..., 0] - logits[..., 1]


class Styles:
    """Source of features (n, D) in which items of a style are close.

    Args:
        num (int): Styles.
        dim (int): D.
        latent (int): Dimensions in which styles really differ.
    """

    def __init__(self, num: int, dim: int, latent: int = 24) -> None:
        self.basis = torch.randn(latent, dim) / latent**0.5
        self.centers = torch.randn(num, latent)

    def draw(self, num: int) -> Tensor:
        """Return features (num, D) float32 of random styles."""
        style = torch.randint(len(self.centers), (num,))
        latent = self.centers[style]
        latent = latent + 0.35 * torch.randn_like(latent)
        features = latent @ self.basis
        return features + 0.15 * torch.randn_like(features)


def reset_peak() -> None:
    """Reset :func:`peak_memory`, if the system supports it."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with contextlib.suppress(OSError):
        Path('/proc/self/clear_refs').write_text('5')


def peak_memory(device: str = 'cpu') -> float:
    """Return peak GiB of the whole process, or of tensors on the GPU."""
    if device.startswith('cuda'):
        return torch.cuda.max_memory_allocated() / GIB
    status = Path('/proc/self/status')
    if status.exists():
        found = re.search(r'VmHWM:\s+(\d+)', status.read_text())
        return int(found[1]) * 1024 / GIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB


def seconds(run: Callable[[], object], repeats: int, device: str) -> float:
    """Return the seconds of the fastest of several runs."""
    best = float('inf')
    for _ in range(repeats):
        synchronize(device)
        start = time.perf_counter()
        run()
        synchronize(device)
        best = min(best, time.perf_counter() - start)
    return best


def synchronize(device: str) -> None:
    if device.startswith('cuda'):
        torch.cuda.synchronize()


def product_rates(args: argparse.Namespace, width: int) -> tuple[float, float]:
    """Measure FLOP/s of plain products: the search's shape, and square."""
    shapes = {
        'natural': (min(4096, args.queries), width, args.gallery),
        'square': (args.square,) * 3,
    }
    rates = []
    for rows, inner, cols in shapes.values():
        left = torch.randn(rows, inner, device=args.device)
        right = torch.randn(cols, inner, device=args.device)
        out = torch.empty(rows, cols, device=args.device)
        taken = seconds(
            lambda a=left, b=right, c=out: torch.mm(a, b.T, out=c),
            args.repeats + 1,  # the first one also touches the memory
            args.device,
        )
        rates.append(2 * rows * inner * cols / taken)
    return tuple(rates)


@torch.no_grad()
def search_pairwise(
    network: PairNetwork, queries: Tensor, gallery: Tensor, k: int
) -> TopK:
    """Run the network over all pairs, in blocks."""
    rows, cols = PAIR_BLOCK[queries.device.type]
    found = []
    for block in track(queries.split(rows), 'pairwise network'):
        logits = torch.cat(
            [network(block, items) for items in gallery.split(cols)], dim=1
        )
        found.append(logits.topk(k))
    return TopK(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def compare(
    found: TopK, pairwise: TopK, similarity: PairSimilarity, data: tuple
) -> dict[str, float]:
    """Compare both results.

    The network's float32 logits are wrong in the sixth digit, so that it may
    swap two items whose exact logits are that close. ``largest swap`` is the
    largest loss of its list by swaps, in exact logits.
    """
    queries, gallery = data
    ours = TopK(*(part[: len(pairwise.indices)] for part in found))
    ranked = similarity.rank(
        queries[: len(pairwise.indices)],
        gallery,
        pairwise.indices,
        pairwise.indices.shape[1],
    )
    same = (ours.indices == pairwise.indices).all(dim=1)
    sets = ours.indices.sort(1)[0] == pairwise.indices.sort(1)[0]
    difference = (ours.scores - pairwise.scores).abs().max()
    return {
        'largest difference of logits': float(difference),
        'identical top-k lists, share': float(same.double().mean()),
        'identical top-k sets, share': float(sets.all(1).double().mean()),
        'largest swap, logits': float(
            (ours.scores - ranked.scores).abs().max()
        ),
    }


def measure(args: argparse.Namespace) -> dict[str, float]:
    """Measure both; see the module."""
    torch.manual_seed(0)
    styles = Styles(max(args.gallery // 6, 1), args.dim)
    queries, gallery = (
        styles.draw(num).to(args.device)
        for num in (args.queries, args.gallery)
    )
    network = PairNetwork(args.dim).to(args.device)
    similarity = PairSimilarity.from_linear(network.fc.weight, network.fc.bias)
    memory = args.max_memory * 2**20

    def search(queries: Tensor = queries) -> TopK:
        return similarity.search(queries, gallery, args.k, memory)

    search(queries[:64])  # libraries start up
    reset_peak()
    product = seconds(search, args.repeats, args.device)
    product_peak = peak_memory(args.device)
    found = search()
    rates = product_rates(args, args.dim + 2)
    part = queries[: args.pairwise_queries or args.queries]
    reset_peak()
    start = time.perf_counter()
    pairwise = search_pairwise(network, part, gallery, args.k)
    synchronize(args.device)
    taken = (time.perf_counter() - start) * args.queries / len(part)
    pairwise_peak = peak_memory(args.device)
    flops = 2 * args.queries * args.gallery * (args.dim + 2)
    return {
        'pairwise network, s': taken,
        'pairwise network, queries run': len(part),
        'pairwise network, GiB at most': pairwise_peak,
        'matrix product, s': product,
        'matrix product, GiB at most': product_peak,
        'times faster': taken / product,
        'search, GFLOP/s': flops / product / 1e9,
        'plain product of this shape, GFLOP/s': rates[0] / 1e9,
        'plain square product, GFLOP/s': rates[1] / 1e9,
        'share of the faster one': flops / product / max(rates),
        **compare(found, pairwise, similarity, (queries, gallery)),
    }


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--queries', type=int, default=12377)
    parser.add_argument('--gallery', type=int, default=36961)
    parser.add_argument('--dim', type=int, default=256)
    parser.add_argument('--k', type=int, default=20)
    parser.add_argument(
        '--max-memory', type=int, default=256, help='MiB of the search'
    )
    parser.add_argument(
        '--pairwise-queries',
        type=int,
        metavar='N',
        help='run the network on the first N queries only and extrapolate',
    )
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument(
        '--square', type=int, default=4096, help='side of the square product'
    )
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument(
        '--device', default='cuda' if torch.cuda.is_available() else 'cpu'
    )
    parser.add_argument('--out', type=Path, help='also write a JSON file')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    result = measure(args)
    title = (
        f'{args.queries} queries x {args.gallery} items of {args.dim}, '
        f'top-{args.k}, {args.device}, {args.threads} threads'
    )
    if result['pairwise network, queries run'] < args.queries:
        title += '\nEXTRAPOLATED: the network ran on a part of the queries'
    table = Table('', 'value', title=title)
    for name, value in result.items():
        table.add_row(name, f'{value:.4g}')
    Console().print(table)
    if args.out:
        settings = {'threads': args.threads, 'device': args.device}
        write_json(args.out, result | settings)


if __name__ == '__main__':
    run_tool(main)
