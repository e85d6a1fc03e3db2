# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Yield of try-on pairs made of photographs: what passes, and why not.

Reads the log of a cache that ``python -m mmfashion_ext.synthetic
tryon-photos`` wrote, and renders some of its pairs.

Examples:
    python benchmarks/tryon_photo_pairs.py data/tryon_photos
"""

import argparse
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from mmfashion_ext.synthetic.tryon_photos import cache
from mmfashion_ext.synthetic.tryon_photos.generate import KINDS
from mmfashion_ext.synthetic.tryon_photos.rendering import has_inverse
from mmfashion_ext.synthetic.tryon_photos.store import PairStore
from mmfashion_ext.utils.cli import run_tool

_REGION = 'region: '


def parse_args() -> argparse.Namespace:
    """Read the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('cache', type=Path, help='folder of the cache')
    parser.add_argument(
        '--rendered',
        type=int,
        default=20,
        help='pairs to render for the time (default: 20)',
    )
    return parser.parse_args()


def print_attempts(attempts: list[dict]) -> None:
    """Print passes and reasons of rejection by kind.

    Args:
        attempts (list[dict]): Lines of ``attempts.jsonl``.
    """
    print('| kind | worn by | usable | attempts | pass | rejected |')
    print('|---|--:|--:|--:|--:|---|')
    for kind in KINDS:
        mine = [line for line in attempts if line['kind'] == kind]
        people = {line['person'] for line in mine}
        useless = {
            line['person']
            for line in mine
            if line['problem'].startswith(_REGION)
        }
        tried = [line for line in mine if line['person'] not in useless]
        reasons = Counter(line['problem'] for line in tried)
        passed = reasons.pop('', 0)
        share = f'{passed / len(tried):.0%}' if tried else '-'
        text = ', '.join(
            f'{name} {count / len(tried):.0%}'
            for name, count in reasons.most_common(4)
        )
        print(
            f'| {kind} | {len(people)} | {len(people - useless)} | '
            f'{len(tried)} | {share} | {text} |'
        )


def print_pairs(pairs: list[cache.PhotoPair]) -> None:
    """Print the quality of what passed, medians by kind.

    Args:
        pairs (list[cache.PhotoPair]): Pairs of the cache.
    """
    print(
        '\n| kind | pairs | inverse | larger input | IoU | uncovered | ',
        end='',
    )
    print('anisotropy, 95 % |\n|---|--:|--:|--:|--:|--:|--:|')
    for kind in KINDS:
        mine = [pair for pair in pairs if pair.kind == kind]
        if not mine:
            continue
        inverse = sum(map(has_inverse, mine)) / len(mine)
        larger = sum(pair.reach + pair.hem > 0 for pair in mine) / len(mine)
        names = 'iou', 'uncovered', 'anisotropy'
        medians = [
            float(np.median([pair.quality[name] for pair in mine]))
            for name in names
        ]
        print(
            f'| {kind} | {len(mine)} | {inverse:.0%} | {larger:.0%} | '
            f'{medians[0]:.3f} | {medians[1]:.3f} | {medians[2]:.1f} |'
        )


def main() -> None:
    """Print tables of a cache, its size and the time of rendering."""
    args = parse_args()
    store = PairStore(args.cache)
    garments = list(cache.read_lines(args.cache / cache.GARMENTS))
    print('| flat garments | tried | usable |\n|---|--:|--:|')
    for kind in KINDS:
        mine = [line for line in garments if line['kind'] == kind]
        usable = sum('outline' in line for line in mine)
        print(f'| {kind} | {len(mine)} | {usable / max(len(mine), 1):.0%} |')
    print()
    print_attempts(list(cache.read_lines(args.cache / cache.ATTEMPTS)))
    print_pairs(store.pairs)
    size = (args.cache / cache.PAIRS).stat().st_size / len(store)
    print(f'\n{size / 1000:.1f} kB a pair')
    cv2.setNumThreads(1)
    for kind in ('inverse', 'composite'):
        samples = store.samples(kind)[: args.rendered]
        start = time.process_time()
        for index, _ in samples:
            store.render(index, kind)
        seconds = (time.process_time() - start) / max(len(samples), 1)
        print(f'{kind}: {seconds:.3f} CPU s to read and render at 256 x 192')


if __name__ == '__main__':
    run_tool(main)
