# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Publish a training checkpoint.

Keeps the weights (the averaged ones where there was an EMA) and the plain
values of its meta data, drops optimizer, schedulers and logs, and writes
NAME_DATE-SHA8.pth, which loads with torch.load(weights_only=True) anywhere.

Examples:
    python tools/misc/publish_model.py work_dirs/NAME/epoch_12.pth NAME
    python tools/misc/publish_model.py epoch_12.pth NAME --metrics metrics.json
"""

import argparse
from datetime import date
from pathlib import Path

from mmfashion_ext import hub
from mmfashion_ext.evaluation.metafile import build_results, read_metrics
from mmfashion_ext.utils.cli import run_tool


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('name', help="the config's name, e.g. scan_r50_...")
    parser.add_argument(
        '--out-dir', type=Path, default=Path('published'), metavar='DIR'
    )
    parser.add_argument(
        '--date', default=f'{date.today():%Y%m%d}', metavar='YYYYMMDD'
    )
    parser.add_argument(
        '--metrics',
        type=Path,
        metavar='JSON',
        help='what tools/test.py --out wrote: goes into the metafile',
    )
    parser.add_argument(
        '--url',
        metavar='PREFIX',
        help='the file will be at PREFIX/FILE: goes into the metafile',
    )
    parser.add_argument(
        '--trust',
        action='store_true',
        help='also read a checkpoint of arbitrary Python objects. This runs '
        'whatever code is in it: only for files whose maker you trust',
    )
    return parser.parse_args()


def main() -> None:
    """Publish the checkpoint, then update the metafile."""
    args = parse_args()
    from mmfashion_ext.publish import (
        check_date,
        find_metafile,
        publish_checkpoint,
        update_metafile,
    )

    # all that can be refused comes before any work
    name = Path(hub.config_path(args.name)).stem
    check_date(args.date)
    metrics = None
    if args.metrics:
        metrics = read_metrics(args.metrics)
        build_results(metrics, dataset='')
    if args.metrics or args.url:
        find_metafile(args.name)
    target = publish_checkpoint(
        args.checkpoint,
        name,
        args.out_dir,
        args.date,
        model=hub.get_model(args.name),
        trust=args.trust,
    )
    print(f'wrote {target}')
    if args.metrics or args.url:
        url = args.url and f'{args.url.rstrip("/")}/{target.name}'
        path = update_metafile(args.name, metrics, url)
        print(f'updated {path}; now run: python tools/misc/gen_model_zoo.py')


if __name__ == '__main__':
    run_tool(main)
