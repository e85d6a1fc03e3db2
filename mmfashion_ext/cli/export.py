# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Export to ONNX: tools/misc/export_onnx.py and ``mmfashion export``."""

import argparse
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
    parser.add_argument(
        '--check-image',
        action='append',
        metavar='IMAGE',
        help='image to compare the export with the model on; may be '
        'repeated; default: a synthetic one; not of try-on',
    )
    parser.add_argument(
        '--check-size',
        nargs=2,
        type=int,
        action='append',
        metavar=('H', 'W'),
        help='px to compare the file with the model at, multiples of 32 from '
        '64; may be repeated; default: 256 192 and 192 256; of try-on only',
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

    Raises:
        UserError: The model cannot be exported, or its export computes
            something else.
    """
    args = build_parser(command).parse_args(argv)
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
            f'{", ".join(sorted([*_FOLDERS, "tryon"]))} can'
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
    import importlib

    if args.check_size:
        raise UserError('--check-size is for models of try-on')
    require(system)
    from .. import lite
    from ..hub import load_model
    from ..lite.compare import compare_predictions

    module, name = _FOLDERS[system]
    package = __package__.rpartition('.')[0]
    export = importlib.import_module(f'{package}.{module}').export_onnx
    model = load_model(args.config, args.checkpoint, 'cpu')
    export(model, args.out)
    print(f'wrote {args.out}')
    room = importlib.import_module(f'{package}.{system}')
    images = args.check_image or [_example(system)]
    original = getattr(room, name)(model, show_progress=False)
    expected = original(images)['predictions']
    infer = lite.build_inferencer(args.out, show_progress=False)
    found = infer(images)['predictions']
    worst = compare_predictions(found, expected)
    items = sum(len(prediction['scores']) for prediction in found)
    print(
        f'{len(found)} images, {items} items: the same as of the model, '
        + ', '.join(
            f'{key} within {value:.1e}' for key, value in worst.items()
        )
    )


def _example(system: str) -> Any:
    """Return a synthetic image (h, w, 3) uint8 BGR to compare on."""
    from ..zoo.example_inputs import example_inputs

    with tempfile.TemporaryDirectory() as folder:
        return example_inputs(system, Path(folder)).inputs[0]


def _export_try_on(args: argparse.Namespace) -> None:
    """Export a try-on model, and compare it at some sizes."""
    if args.check_image:
        raise UserError(
            '--check-image is not for models of try-on; they are compared at '
            '--check-size H W'
        )
    require('tryon')
    from ..tryon.inference.onnx_export import (
        check_onnx,
        check_sizes,
        export_folder,
        export_onnx,
    )
    from ..tryon.inferencer import config_size, load_student

    sizes = [tuple(s) for s in args.check_size or ((256, 192), (192, 256))]
    check_sizes(sizes)  # before any work
    model = load_student(args.config, args.checkpoint)
    if Path(args.out).suffix == '.onnx':
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
