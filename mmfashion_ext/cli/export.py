# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Export to ONNX: tools/misc/export_onnx.py and ``mmfashion export``."""

import argparse
import importlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..plugins import require
from .tool_parser import new_parser

_WHAT = """Export a model to ONNX, and check it with ONNX Runtime.

--out is a folder of graphs and model.json, which mmfashion_ext.lite runs
without PyTorch; it is compared with the model on images.

Of try-on it holds the whole network, and person and garment side as graphs of
their own; --out FILE.onnx writes the whole network alone. Inputs are person,
cloth (batch, 3, h, w), RGB in [-1, 1], and cloth_mask (batch, 1, h, w);
outputs are try_on, warped_cloth and warped_mask. h and w are any multiples of
32 from 64.
"""

_TOOL = (
    _WHAT
    + r"""
Examples:
    {program} match-rcnn_r50_fpn_8xb2-1x_deepfashion2 \
        epoch_12.pth --out exported
    {program} pf-afn_e2e_8xb4-100e_viton-256x192 \
        epoch_100.pth --out pf-afn
"""
)

_COMMAND = (
    _WHAT
    + r"""
Examples:
    {program} --out try_on  # the published model of try-on
    {program} match-rcnn_r50_fpn_8xb2-1x_deepfashion2 \
        --weights epoch_12.pth --out exported
    {program} pf-afn_e2e_8xb4-100e_viton-256x192 \
        --weights epoch_100.pth --out pf-afn.onnx
"""
)

#: System -> module of its export to a folder, and its inferencer.
_FOLDERS = {
    'match_rcnn': ('match_rcnn.onnx_export', 'ClothesInferencer'),
    'landmark': ('landmark.onnx_export', 'LandmarkInferencer'),
    'scan': ('scan.onnx_export', 'SCANInferencer'),
    'tryon': ('tryon.inference.onnx_export', 'TryOnInferencer'),
}


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
        '--out',
        required=True,
        metavar='PATH',
        help='folder to write; of try-on also a file, if it ends in .onnx',
    )
    _add_options(parser)
    return parser


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Add how the export is compared, and its precision."""
    parser.add_argument(
        '--check-image',
        action='append',
        metavar='IMAGE',
        help='image to compare the export with the model on; may be '
        'repeated; of Match R-CNN and landmarks only',
    )
    parser.add_argument(
        '--check',
        type=int,
        default=1,
        metavar='N',
        help='number of generated inputs to compare the export with the '
        'model on (default: 1)',
    )
    parser.add_argument(
        '--precision',
        choices=('float32', 'float16', 'int8'),
        default='float32',
        help='float16: weights of half the size, the same arithmetic; int8: '
        'convolutions in 8 bits, calibrated on generated inputs '
        '(default: float32)',
    )
    parser.add_argument(
        '--check-size',
        nargs=2,
        type=int,
        action='append',
        metavar=('H', 'W'),
        help='px to compare the graphs with the model at, multiples of 32 '
        'from 64; may be repeated; default: 256 192 and 192 256; of try-on '
        'only',
    )


def main(
    argv: Sequence[str] | None = None, command: str | None = None
) -> None:
    """Export the model, then compare the file with it.

    Args:
        argv (Sequence[str], optional): Arguments. Defaults to None: those of
            the process.
        command (str, optional): See :func:`build_parser`.

    Raises:
        UserError: The model cannot be exported, or its export computes
            something else.
    """
    args = build_parser(command).parse_args(argv)
    if args.check < 1:  # before any work
        raise UserError(f'--check must be 1 or more, got {args.check}')
    if command:
        from ..hub import published_weights
        from .defaults import choose_model

        args.config = choose_model('try-on', args.config, args.checkpoint)
        args.checkpoint = args.checkpoint or published_weights(args.config)
    system = _system(args.config)
    if system == 'tryon':
        _export_try_on(args)
    elif system in _FOLDERS:
        _export_folder(args, system)
    else:
        raise UserError(
            f'{args.config}: models of {system} cannot be exported; those of '
            f'{", ".join(sorted(_FOLDERS))} can'
        )


def _system(config: str) -> str:
    """Return the system of a model: the folder of its config, or its types."""
    from ..hub import config_path, root

    try:
        path = Path(config_path(config)).absolute()
    except UserError:  # told when it is loaded
        return 'tryon'
    configs = root() / 'configs'
    if path.is_relative_to(configs):
        return path.relative_to(configs).parts[0]
    from ..hub import load_config
    from ..plugins import used_systems

    systems = used_systems(load_config(str(path)))
    return systems[0] if systems else 'no system of this package'


def _export_folder(args: argparse.Namespace, system: str) -> None:
    """Export a model as a folder, and compare it with PyTorch on images."""
    if args.check_size:
        raise UserError('--check-size is for models of try-on')
    if args.check_image and system == 'scan':
        raise UserError('--check-image is not for models of scan; see --check')
    require(system)
    from ..hub import load_model

    model = load_model(args.config, args.checkpoint, 'cpu')
    _module(system).export_onnx(model, args.out)
    print(f'wrote {args.out}')
    _compare(args, system, model)
    _reduce(args, system)


def _module(system: str) -> Any:
    """Import the module that exports models of a system."""
    package = __package__.rpartition('.')[0]
    return importlib.import_module(f'{package}.{_FOLDERS[system][0]}')


def _compare(args: argparse.Namespace, system: str, model: Any) -> None:
    """Compare an exported folder with its model on images or tracklets."""
    from .. import lite
    from ..lite.compare import compare_predictions
    from ..zoo.check_inputs import check_inputs

    package = __package__.rpartition('.')[0]
    room = importlib.import_module(f'{package}.{system}')
    original = getattr(room, _FOLDERS[system][1])(model, show_progress=False)
    infer = lite.build_inferencer(args.out, show_progress=False)
    with tempfile.TemporaryDirectory() as folder:
        inputs = (
            (args.check_image,)
            if args.check_image
            else check_inputs(system, Path(folder) / 'inputs', args.check)
        )
        expected = original(*inputs)['predictions']
        found = infer(*inputs)['predictions']
    worst = compare_predictions(found, expected)
    counts = [len(p.get('scores', [0])) for p in found]
    print(
        f'{len(found)} inputs, {sum(counts)} items: the same as of the '
        'model, '
        + ', '.join(
            f'{key} within {value:.1e}' for key, value in worst.items()
        )
    )


def _reduce(args: argparse.Namespace, system: str) -> None:
    """Write the graphs in the precision that is asked for."""
    if args.precision == 'float32':
        return
    from ..lite.precision import reduce_precision
    from ..zoo.check_inputs import check_inputs

    with tempfile.TemporaryDirectory() as folder:

        def calibrate(infer: Any) -> None:
            # of another seed than those that it is compared on
            inputs = check_inputs(system, Path(folder) / 'inputs', 8, seed=1)
            infer(*inputs)

        reduce_precision(args.out, args.precision, calibrate)
    size = sum(file.stat().st_size for file in Path(args.out).iterdir())
    print(
        f'{args.precision}: {size / 1e6:.1f} MB; '
        'benchmarks/export_precision.py measures what it costs'
    )


def _export_try_on(args: argparse.Namespace) -> None:
    """Export a try-on model, and compare it at some sizes."""
    if args.check_image:
        raise UserError(
            '--check-image is not for models of try-on; they are compared at '
            '--check-size H W and on --check N pairs'
        )
    require('tryon')
    from ..tryon.inference.onnx_export import (
        check_onnx,
        check_sizes,
        export_folder,
        export_onnx,
    )
    from ..tryon.inferencer import config_size, load_student

    if args.precision != 'float32' and Path(args.out).suffix == '.onnx':
        raise UserError('--precision is for folders: give --out a folder')
    sizes = [tuple(s) for s in args.check_size or ((256, 192), (192, 256))]
    check_sizes(sizes)  # before any work
    model = load_student(args.config, args.checkpoint)
    folder = Path(args.out).suffix != '.onnx'
    if not folder:
        export_onnx(model, args.out)
    else:
        name = Path(model.cfg.filename or 'model').stem
        export_folder(model, args.out, name, config_size(model.cfg))
    print(f'wrote {args.out}')
    for (h, w), worst in check_onnx(model, args.out, sizes).items():
        print(
            f'{h} x {w} px (h x w): differs from the model by at most '
            f'{worst:.1e}'
        )
    if folder:
        _compare(args, 'tryon', model)
        _reduce(args, 'tryon')
