# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert the three published checkpoint files of SCAN to one of ours.

Example, in the folder of the published files:
    python tools/model_converters/scan.py --out scan.pth
        --cnn cnnmodel_best.pth.tar --att attmodel_best.pth.tar
        --cls clsmodel_best.pth.tar
"""

import argparse
import sys
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
    for option, part in (
        ('--cnn', 'the CNN'),
        ('--att', 'the attention'),
        ('--cls', 'the pair classifier'),
    ):
        parser.add_argument(
            option, type=Path, required=True, help=f'published file of {part}'
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
    require('scan')
    import torch

    from mmfashion_ext.scan.checkpoint_converter import convert_files

    checkpoint = convert_files(args.cnn, args.att, args.cls)
    published = checkpoint['meta']['published']
    if len({facts.get('epoch') for facts in published.values()}) > 1:
        epochs = {part: f.get('epoch') for part, f in published.items()}
        print(
            f'warning: the files are of different epochs, {epochs}; use '
            'files that one training wrote at the same time',
            file=sys.stderr,
        )
    with atomic_write(args.out) as temporary:
        torch.save(checkpoint, temporary)
    print(f'{args.out}: {len(checkpoint["state_dict"])} weights; {published}')


if __name__ == '__main__':
    run_tool(main)
