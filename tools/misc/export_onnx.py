# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
r"""Export a try-on model as an ONNX file, and check it with ONNX Runtime.

Inputs of the file are person, cloth (batch, 3, h, w), RGB in [-1, 1], and
cloth_mask (batch, 1, h, w); outputs are try_on, warped_cloth and warped_mask.
h and w are any multiples of 32 from 64.

Examples:
    python tools/misc/export_onnx.py pf-afn_e2e_8xb4-100e_viton-256x192 \
        epoch_100.pth --out pf-afn.onnx
"""

import argparse

from mmfashion_ext import plugins
from mmfashion_ext.utils.cli import run_tool


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config file, or the name of a model')
    parser.add_argument('checkpoint', help='weights, a file or URL')
    parser.add_argument('--out', required=True, metavar='ONNX')
    parser.add_argument(
        '--check-size',
        nargs=2,
        type=int,
        action='append',
        metavar=('H', 'W'),
        help='px to compare the file with the model at, multiples of 32 from '
        '64; may be repeated; default: 256 192 and 192 256',
    )
    return parser.parse_args()


def main() -> None:
    """Export the model, then compare the file with it."""
    args = parse_args()
    plugins.require('tryon')
    from mmfashion_ext.tryon.inference.onnx_export import (
        check_onnx,
        check_sizes,
        export_onnx,
    )
    from mmfashion_ext.tryon.inferencer import load_student

    sizes = [tuple(s) for s in args.check_size or ((256, 192), (192, 256))]
    check_sizes(sizes)  # before any work
    model = load_student(args.config, args.checkpoint)
    export_onnx(model, args.out)
    print(f'wrote {args.out}')
    for (h, w), worst in check_onnx(model, args.out, sizes).items():
        print(
            f'{h} x {w} px (h x w): differs from the model by at most '
            f'{worst:.1e}'
        )


if __name__ == '__main__':
    run_tool(main)
