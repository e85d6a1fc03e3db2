# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Evaluate virtual try-on: a folder of results and one of photographs.

Writes FID, KID (with --inception), SSIM, L1 and LPIPS (with --paired; LPIPS
with --lpips), and the protocol they were measured under, without which such
numbers cannot be compared: see docs/protocols.md.

Examples:
    python tools/analysis/eval_tryon.py results/ VITON_test/test_img \
        --paired --size 192 256 --out metrics.json
    python tools/analysis/eval_tryon.py results/ VITON_test/test_img \
        --inception weights-inception-2015-12-05-6726825d.pth \
        --training-images VITON_train/train_img --out metrics.json
"""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mmfashion_ext.plugins import require
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('results', type=Path, help='folder of try-on images')
    parser.add_argument('truth', type=Path, help='folder of photographs')
    parser.add_argument(
        '--paired',
        action='store_true',
        help='the photograph of the same name is the true image of a result',
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('W', 'H'),
        help='resize all images to this size in px',
    )
    parser.add_argument(
        '--resize',
        default='bicubic',
        choices=('bicubic', 'bilinear', 'area', 'lanczos', 'nearest'),
        help='filter of --size; default bicubic',
    )
    parser.add_argument(
        '--inception', metavar='PTH', help='weights of FID and KID'
    )
    parser.add_argument(
        '--lpips',
        metavar='PTH',
        help="LPIPS's, torchvision's AlexNet",
    )
    parser.add_argument(
        '--training-images',
        type=Path,
        metavar='FOLDER',
        help='clean split: leave out photographs that the training set has',
    )
    parser.add_argument(
        '--seed', type=int, default=0, help="of KID's subsets; default 0"
    )
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        metavar='JSON',
        help='write {metric: number} and the protocol to this file',
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    args = parse_args(argv)
    require('tryon')
    from mmfashion_ext.tryon.folder_evaluation import (
        Networks,
        describe_protocol,
        evaluate_folders,
    )

    metrics, protocol = evaluate_folders(
        args.results,
        args.truth,
        Networks.load(args.inception, args.lpips),
        paired=args.paired,
        size=args.size and tuple(args.size),
        resize=args.resize,
        training=args.training_images,
        seed=args.seed,
    )
    content = describe_protocol(protocol)
    write_json(args.out, {**metrics, 'protocol': content})
    table = Table('', '')
    for name, value in metrics.items():
        table.add_row(name, f'{value:.4f}')
    for name, setting in content.items():
        table.add_row(name.replace('_', ' '), str(setting))
    Console().print(table)


if __name__ == '__main__':
    run_tool(main)
