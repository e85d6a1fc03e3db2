# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Memory and CPU time of comparing all tracklets of two lists in blocks.

python benchmarks/scan_blocks.py --tracklets 10000
"""

import argparse
import resource
import time

import torch

from mmfashion_ext.hub import get_model
from mmfashion_ext.scan import SCANInferencer, TrackletFeatures
from mmfashion_ext.scan.clip_features import ClipFeatures

MODEL = 'scan_r10-small_1xb32-8e_synthetic-64x32'
MIB = 2**20


def make(
    count: int, clips: int, frames: int, channels: int, seed: int
) -> list:
    """Return random features of tracklets, (clips, frames, channels) each."""
    draw = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(count):
        x, h = torch.randn(2, clips, frames, channels, generator=draw)
        x = x / x.norm(dim=-1, keepdim=True)
        found.append(TrackletFeatures('', ClipFeatures(x, h), []))
    return found


def peak() -> float:
    """Return the peak memory of this process, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--tracklets', type=int, default=2000)
    parser.add_argument(
        '--clips', type=int, default=1, help='of each tracklet'
    )
    parser.add_argument('--threads', type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    infer = SCANInferencer(get_model(MODEL, pretrained=True))
    channels = infer.model.matcher.channels
    query, gallery = (
        make(args.tracklets, args.clips, infer.clip_length, channels, seed)
        for seed in (0, 1)
    )
    infer.compare(query[:2], gallery[:2])
    before, start = peak(), time.process_time()
    scores = infer.compare(query, gallery)
    seconds = time.process_time() - start
    result = scores.nbytes / MIB
    print(
        f'{args.tracklets} x {args.tracklets} tracklets of {args.clips} clips '
        f'of {infer.clip_length} frames, D = {channels}: {seconds:.1f} CPU s, '
        f'{peak() - before - result:.0f} MiB besides the features and the '
        f'result of {result:.0f} MiB'
    )


if __name__ == '__main__':
    main()
