# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
r"""Publish a training checkpoint.

Keeps the weights (the averaged ones where there was an EMA) and the plain
values of its meta data, drops optimizer, schedulers and logs, and writes
NAME_DATE-SHA8.pth, which loads with torch.load(weights_only=True) anywhere.

With --zoo: writes weights/NAME-SHA8.safetensors of this repository, which the
wheel carries, with matrices and filters as float16, removes the model's older
file, and writes path, SHA-256, size, parameters and FLOPs to the metafile;
benchmarks/model_speed.py adds the speed.

Examples:
    python tools/misc/publish_model.py work_dirs/NAME/epoch_12.pth NAME
    python tools/misc/publish_model.py epoch_12.pth NAME --metrics metrics.json
    python tools/misc/publish_model.py epoch_12.pth NAME --zoo \
        --metrics metrics.json --license Apache-2.0 --training-data 'CCP, ...'
"""

import argparse
from datetime import date
from pathlib import Path

from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
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
        '--dataset',
        metavar='TEXT',
        help='what was tested on; numbers of other datasets stay in the '
        "metafile (default: the Dataset of the model's entry)",
    )
    parser.add_argument(
        '--url',
        metavar='PREFIX',
        help='the file will be at PREFIX/FILE: goes into the metafile',
    )
    add_zoo_arguments(parser)
    parser.add_argument(
        '--trust',
        action='store_true',
        help='also read a checkpoint of arbitrary Python objects. This runs '
        'whatever code is in it: only for files whose maker you trust',
    )
    return parser.parse_args()


def add_zoo_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of files in weights/."""
    parser.add_argument(
        '--zoo',
        nargs='?',
        const=True,
        type=Path,
        metavar='DIR',
        help='write a file of the zoo to weights/ of this repository and to '
        'the metafile; with DIR: to that folder alone',
    )
    parser.add_argument(
        '--float32',
        action='store_true',
        help='with --zoo: keep all weights as float32',
    )
    parser.add_argument(
        '--license', metavar='TEXT', help='with --zoo: of the weights'
    )
    parser.add_argument(
        '--training-data', metavar='TEXT', help='with --zoo: trained on'
    )
    parser.add_argument(
        '--alias',
        action='append',
        default=[],
        metavar='SYSTEM:LEVEL',
        help='with --zoo: a name that the model gets; may be repeated',
    )


def main() -> None:
    """Publish the checkpoint, then update the metafile."""
    args = parse_args()
    from mmfashion_ext.publish import check_date, find_metafile

    # all that can be refused comes before any work
    name = Path(hub.config_path(args.name)).stem
    check_date(args.date)
    metrics = None
    if args.metrics:
        metrics = read_metrics(args.metrics)
        build_results(metrics, dataset='')
    if args.zoo is not None and args.url:
        raise UserError(
            '--zoo and --url were both given: the file is either in weights/ '
            'or at a URL; leave one out'
        )
    if args.metrics or args.url or args.zoo is True:
        find_metafile(args.name)
    publish = to_folder if args.zoo is None else to_zoo
    publish(args, name, metrics)


def to_zoo(
    args: argparse.Namespace, name: str, metrics: dict[str, float] | None
) -> None:
    """Publish to the repository's weights/ and to the metafile."""
    from mmfashion_ext.publish import (
        publish_to_zoo,
        update_metafile,
        zoo_metadata,
    )

    model = hub.get_model(args.name)
    folder = hub.root() / 'weights' if args.zoo is True else args.zoo
    target = publish_to_zoo(
        args.checkpoint,
        name,
        folder,
        model=model,
        half=not args.float32,
        trust=args.trust,
    )
    print(f'wrote {target}')
    if args.zoo is not True:
        return
    metadata = zoo_metadata(target, model)
    given = {'License': args.license, 'Training Data': args.training_data}
    metadata |= {key: value for key, value in given.items() if value}
    url = target.relative_to(hub.root()).as_posix()
    path = update_metafile(
        args.name,
        metrics,
        url,
        metadata,
        dataset=args.dataset,
        aliases=args.alias,
    )
    for old in folder.glob(f'{name}-????????{target.suffix}'):
        if old != target:
            old.unlink()
            print(f'removed {old}')
    work = measure_work(args.name)
    if work is not None:
        update_metafile(args.name, None, None, {'FLOPs (G)': work})
    print(f'updated {path}; now run: python tools/misc/gen_model_zoo.py')


def measure_work(name: str) -> float | None:
    """Return 1e9 multiply-adds of an item; None if it cannot be measured."""
    from mmfashion_ext.zoo.profile import profile_model

    try:
        profile = profile_model(name, 'cpu', seconds=0)
    except UserError as error:
        print(f'FLOPs are not measured: {error}')
        return None
    return round(profile.multiply_adds / 1e9, 3)


def to_folder(
    args: argparse.Namespace, name: str, metrics: dict[str, float] | None
) -> None:
    """Publish to --out-dir; write numbers and the URL to the metafile."""
    from mmfashion_ext.publish import publish_checkpoint, update_metafile
    from mmfashion_ext.utils.files import file_sha256

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
        metadata = {'SHA-256': file_sha256(target)} if url else None
        path = update_metafile(
            args.name, metrics, url, metadata, dataset=args.dataset
        )
        print(f'updated {path}; now run: python tools/misc/gen_model_zoo.py')


if __name__ == '__main__':
    run_tool(main)
