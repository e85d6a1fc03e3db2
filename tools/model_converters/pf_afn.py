# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert the two published files of PF-AFN to one checkpoint.

Example, in the folder of the published files:
    python tools/model_converters/pf_afn.py --out pf-afn.pth
        --warp warp_model_final.pth --gen gen_model_final.pth

The tutor's files (PBAFN) are recognized by their weights. Without --gen the
checkpoint is one of the first stage, which has no generator.
"""

import argparse
from pathlib import Path

from mmfashion_ext.errors import UserError
from mmfashion_ext.plugins import require
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import atomic_write


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--warp',
        type=Path,
        required=True,
        help='published file of the warp network',
    )
    parser.add_argument(
        '--gen', type=Path, help='published file of the generator'
    )
    parser.add_argument(
        '--out', type=Path, required=True, help='checkpoint to write (.pth)'
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    args = parse_args(argv)
    if args.out.is_dir():
        raise UserError(f'--out {args.out} is a folder, expected a file name')
    require('tryon')
    import torch

    from mmfashion_ext.tryon.checkpoint_converter import convert_files

    checkpoint = convert_files(args.warp, args.gen)
    with atomic_write(args.out) as temporary:
        torch.save(checkpoint, temporary)
    print(
        f'{args.out}: {len(checkpoint["state_dict"])} weights, for '
        f'configs/tryon/{checkpoint["meta"]["config"]}.py'
    )


if __name__ == '__main__':
    run_tool(main)
