# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Parameters, GFLOP and speed of the published models, into the metafiles.

Each model predicts the example inputs of its system, from images in memory to
predictions, batch size 1. Run it while nothing else runs.

Examples:
    python benchmarks/model_speed.py
    python benchmarks/model_speed.py NAME --threads 1 --dry-run
"""

import argparse

from mmfashion_ext import hub
from mmfashion_ext.utils.cli import run_tool


def main() -> None:
    """Measure, print, and write to the metafiles."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'names', nargs='*', help='models (default: all with weights)'
    )
    parser.add_argument('--device', default='cpu', help='default: cpu')
    parser.add_argument(
        '--threads', type=int, metavar='N', help="default: PyTorch's own"
    )
    parser.add_argument(
        '--seconds',
        type=float,
        default=10,
        metavar='S',
        help='how long each model is timed, default 10',
    )
    parser.add_argument('--dry-run', action='store_true', help='write nothing')
    args = parser.parse_args()
    import torch

    from mmfashion_ext.publish import update_metafile
    from mmfashion_ext.zoo.profile import profile_model, speed_entry

    if args.threads:
        torch.set_num_threads(args.threads)
    for name in args.names or hub.list_models(pretrained=True):
        name = hub.model_name(name)
        profile = profile_model(name, args.device, seconds=args.seconds)
        work = round(profile.multiply_adds / 1e9, 3)
        millions = round(profile.parameters / 1e6, 2)
        print(f'{name}: {millions} M parameters, {work} GFLOP, {profile}')
        if args.dry_run or profile.conditions['weights'] != 'published':
            continue
        metadata = {
            'Parameters (M)': millions,
            'FLOPs (G)': work,
            'Inference Speed': speed_entry(profile),
        }
        path = update_metafile(name, None, None, metadata)
        print(f'updated {path}; now run: python tools/misc/gen_model_zoo.py')


if __name__ == '__main__':
    run_tool(main)
