# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Tracklet distances of SCAN: literally as published against ours.

Both sides start from the clip features (embeddings and keys; the CNN is not
measured) and end with the distances of all tracklets.

The plain side follows the published test: tracklet by tracklet, every clip is
pooled under the self-pooled feature of every clip of the other side, one
softmax of a (clips x channels, time) matrix; batch normalisation and linear
layer run on the pairs of 30 query clips at a time; then a loop over the pairs
of tracklets computes one percentile per pair. Gradients are off. The other
side is ``SCANMatcher.distances`` and ``aggregate_tracklets``.

Features are synthetic: frames of one clip resemble each other, keys are
normal with a standard deviation of ``--spread`` (1 as after the batch
normalisation before them; a larger one makes the attention sharper).

Example:
    OMP_NUM_THREADS=1 python benchmarks/scan_similarity.py \
        --out scan_similarity.json
"""

import argparse
import contextlib
import re
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import report
import torch
from rich.progress import track
from torch import Tensor

from mmfashion_ext.evaluation.tracklets import aggregate_tracklets
from mmfashion_ext.scan.classifier import PairClassifier
from mmfashion_ext.scan.clip_features import ClipFeatures
from mmfashion_ext.scan.matcher import SCANMatcher
from mmfashion_ext.utils.cli import run_tool

ROWS = 30  # query clips that the published classifier takes at a time
MIB = 2**20


def draw_clips(args: argparse.Namespace) -> ClipFeatures:
    """Return clips (M, T, D) whose frames resemble each other."""
    shape = args.tracklets * args.clips, args.frames, args.dim
    x = torch.randn(shape[0], 1, args.dim) + torch.randn(shape)
    x = torch.nn.functional.normalize(x, dim=-1)
    return ClipFeatures(x, args.spread * torch.randn(shape))


def make_matcher(dim: int) -> SCANMatcher:
    """Return a matcher with a classifier as random as a trained one."""
    matcher = SCANMatcher(raw_channels=8, channels=dim).eval()
    norm, linear = matcher.classifier.norm, matcher.classifier.linear
    norm.running_mean.normal_(0, 1e-4)
    norm.running_var.fill_(1e-7)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_(0, 0.1)
        linear.weight.normal_(0, 0.05)
    return matcher


def plain_self_pool(clips: ClipFeatures) -> Tensor:
    """Return (M, D), each clip pooled under its mean key."""
    x, h = (part.transpose(1, 2).contiguous() for part in clips)  # (M, D, T)
    logits = h.mean(dim=2, keepdim=True) * h
    weights = logits.view(-1, h.shape[2]).softmax(dim=1).view_as(h)
    return (weights * x).sum(dim=2)


def plain_cross_pool(guide: Tensor, clips: ClipFeatures) -> Tensor:
    """Return (M, g, D), the clips of a tracklet under guides (M, D)."""
    x, h = (part.transpose(1, 2).contiguous() for part in clips)  # (g, D, T)
    logits = guide[:, None, :, None] * h
    weights = logits.view(-1, h.shape[2]).softmax(dim=1).view_as(logits)
    return (weights * x).sum(dim=3)


@torch.no_grad()
def plain_clip_distances(
    query: ClipFeatures,
    gallery: ClipFeatures,
    classifier: PairClassifier,
    clips: int,
) -> Tensor:
    """Return clip distances (M, N) float32, as published."""
    u, v = plain_self_pool(query), plain_self_pool(gallery)
    gallery2 = torch.empty(len(u), len(v), u.shape[1])
    probe2 = torch.empty(len(v), len(u), u.shape[1])
    for seen, guide, side in ((gallery2, u, gallery), (probe2, v, query)):
        for start in track(
            range(0, seen.shape[1], clips), 'plain: cross pooling'
        ):
            cols = slice(start, start + clips)
            seen[:, cols] = plain_cross_pool(guide, side.clips(cols))
    probe2 = probe2.transpose(0, 1)
    distances = []
    for start in range(0, len(u), ROWS):
        rows = slice(start, start + ROWS)
        logits = classifier(
            u[rows, None], gallery2[rows], probe2[rows], v[None]
        )
        distances.append(logits.softmax(dim=-1)[..., classifier.DIFFERENT])
    return torch.cat(distances)


def plain_aggregate(distances: np.ndarray, clips: int) -> np.ndarray:
    """Return tracklet distances: one percentile per pair."""
    rows, cols = (size // clips for size in distances.shape)
    result = np.empty((rows, cols))
    for i in range(rows):
        for j in range(cols):
            block = distances[
                i * clips : (i + 1) * clips, j * clips : (j + 1) * clips
            ].ravel()
            limit = np.percentile(block, 10)
            result[i, j] = block[block <= limit].mean()
    return result


def reset_peak() -> None:
    """Reset the peak of :func:`memory`, if the system supports it."""
    with contextlib.suppress(OSError):
        Path('/proc/self/clear_refs').write_text('5')


def memory(field: str) -> float:
    """Return MiB of this process: ``VmRSS`` now, ``VmHWM`` at most."""
    status = Path('/proc/self/status')
    if status.exists():
        found = re.search(rf'{field}:\s+(\d+)', status.read_text())
        return int(found[1]) * 1024 / MIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


def measure(run: Callable[[], object]) -> tuple[object, float, float]:
    """Return the result, CPU seconds and additional MiB of a call."""
    reset_peak()
    before, start = memory('VmRSS'), time.process_time()
    result = run()
    return result, time.process_time() - start, memory('VmHWM') - before


def compare(args: argparse.Namespace) -> dict[str, float]:
    """Measure both; see the module."""
    torch.manual_seed(0)
    query, gallery = draw_clips(args), draw_clips(args)
    matcher = make_matcher(args.dim)
    counts = [args.clips] * args.tracklets

    few = query.clips(slice(9))
    matcher.distances(few, few)  # libraries start up
    runs = [
        measure(lambda: matcher.distances(query, gallery).numpy())
        for _ in range(args.repeats)
    ]
    found, ours, our_memory = min(runs, key=lambda run: run[1])
    ours_tracklets, our_aggregation, _ = measure(
        lambda: aggregate_tracklets(found, counts, counts)
    )
    wanted, plain, plain_memory = measure(
        lambda: plain_clip_distances(
            query, gallery, matcher.classifier, args.clips
        ).numpy()
    )
    tracklets, plain_aggregation, _ = measure(
        lambda: plain_aggregate(wanted, args.clips)
    )
    return {
        'plain, clips, CPU s': plain,
        'plain, tracklets, CPU s': plain_aggregation,
        'plain, MiB above the inputs': plain_memory,
        'ours, clips, CPU s': ours,
        'ours, tracklets, CPU s': our_aggregation,
        'ours, MiB above the inputs': our_memory,
        'times faster, clips': plain / ours,
        'times faster, tracklets': plain_aggregation / our_aggregation,
        'times faster, both': (plain + plain_aggregation)
        / (ours + our_aggregation),
        'largest difference, clips': float(np.abs(found - wanted).max()),
        'largest difference, tracklets': float(
            np.abs(ours_tracklets - tracklets).max()
        ),
        'smallest distance': float(wanted.min()),
        'largest distance': float(wanted.max()),
    }


def parse_args() -> argparse.Namespace:
    parser = report.parser(__doc__)
    parser.add_argument(
        '--tracklets', type=int, default=48, help='of either side'
    )
    parser.add_argument('--clips', type=int, default=10, help='a tracklet')
    parser.add_argument('--frames', type=int, default=10, help='a clip')
    parser.add_argument('--dim', type=int, default=128)
    parser.add_argument('--spread', type=float, default=1.0, help='of keys')
    parser.add_argument(
        '--repeats',
        type=int,
        default=3,
        help='of our side; the fastest counts',
    )
    parser.add_argument('--threads', type=int, default=1)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    result = compare(args)
    clips = args.tracklets * args.clips
    report.show(
        f'{clips} x {clips} clips of {args.frames} frames, D = '
        f'{args.dim}, spread {args.spread}, {args.threads} thread(s)',
        result,
        args,
    )


if __name__ == '__main__':
    run_tool(main)
