# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Export to ONNX: tools/misc/export_onnx.py and ``mmfashion export``."""

import argparse
from collections.abc import Sequence

from ..plugins import require
from .tool_parser import new_parser

_WHAT = """Export a try-on model as an ONNX file, and check it with ONNX Runtime.

Inputs of the file are person, cloth (batch, 3, h, w), RGB in [-1, 1], and
cloth_mask (batch, 1, h, w); outputs are try_on, warped_cloth and warped_mask.
h and w are any multiples of 32 from 64.
"""  # noqa: E501

_TOOL = (
    _WHAT
    + r"""
Examples:
    {program} pf-afn_e2e_8xb4-100e_viton-256x192 \
        epoch_100.pth --out pf-afn.onnx
"""
)

_COMMAND = (
    _WHAT
    + r"""
Examples:
    {program} --out try_on.onnx  # the published model
    {program} pf-afn_e2e_8xb4-100e_viton-256x192 \
        --weights epoch_100.pth --out pf-afn.onnx
"""
)


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Build the parser of the tool, or of the command with this name."""
    parser = new_parser(
        _COMMAND if command else _TOOL,
        'python tools/misc/export_onnx.py',
        command,
    )
    if command:
        parser.add_argument(
            'config',
            nargs='?',
            metavar='MODEL',
            help='name of a model, or config file; default: the published '
            'model of try-on',
        )
        parser.add_argument(
            '--weights',
            dest='checkpoint',
            metavar='FILE',
            help='checkpoint, a file or URL; default: the published weights',
        )
    else:
        parser.add_argument(
            'config', help='config file, or the name of a model'
        )
        parser.add_argument('checkpoint', help='weights, a file or URL')
    parser.add_argument(
        '--out', required=True, metavar='ONNX', help='file to write'
    )
    parser.add_argument(
        '--check-size',
        nargs=2,
        type=int,
        action='append',
        metavar=('H', 'W'),
        help='px to compare the file with the model at, multiples of 32 from '
        '64; may be repeated; default: 256 192 and 192 256',
    )
    return parser


def main(
    argv: Sequence[str] | None = None, command: str | None = None
) -> None:
    """Export the model, then compare the file with it.

    Args:
        argv (Sequence[str], optional): Arguments. Defaults to None: those of
            the process.
        command (str, optional): See :func:`build_parser`.
    """
    args = build_parser(command).parse_args(argv)
    if command:
        from ..hub import published_weights
        from .defaults import choose_model

        args.config = choose_model('try-on', args.config, args.checkpoint)
        args.checkpoint = args.checkpoint or published_weights(args.config)
    require('tryon')
    from ..tryon.inference.onnx_export import (
        check_onnx,
        check_sizes,
        export_onnx,
    )
    from ..tryon.inferencer import load_student

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
