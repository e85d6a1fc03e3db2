# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
r"""Prepare photographs of persons and garments as a dataset of try-on.

Writes the layout "folder": persons, clothes, masks, parses, poses, pairs.txt;
a contact sheet, sheet.jpg, and unusable.json. One line for each photograph
that cannot be used or is unusual. A run that was stopped continues.

Examples:
    python tools/prepare_tryon.py persons clothes data/mine
    python tools/prepare_tryon.py persons clothes data/mine --crop \
        --pose td-hm_hrnet-w32_8xb64-210e_coco-256x192.py \
        --pose-weights hrnet_w32_coco_256x192.pth

CLOTHES may have folders upper_body, lower_body and dresses. The garments that
persons wear have the names of the persons (anna.jpg wears anna.jpg), or stand
in the file of --pairs.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.viton.garment_classes import GARMENT_CLASSES
from mmfashion_ext.utils.cli import run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('persons', type=Path, help='folder of photographs')
    parser.add_argument('clothes', type=Path, help='folder of photographs')
    parser.add_argument('out', type=Path, help='folder to write')
    parser.add_argument(
        '--pairs',
        type=Path,
        metavar='FILE',
        help='lines "person.jpg cloth.jpg", perhaps with a class (default: '
        'those of one name, or if there are none, all combinations)',
    )
    parser.add_argument(
        '--masks',
        type=Path,
        metavar='DIR',
        help='masks of garments by their names; missing ones are made',
    )
    parser.add_argument(
        '--cloth-class',
        choices=GARMENT_CLASSES,
        default='upper_body',
        help='class of garments that lie in no folder of a class (default: '
        'upper_body)',
    )
    add_model_options(parser)
    args = parser.parse_args(argv)
    if not 0 <= args.score_thr <= 1:
        raise UserError(f'--score-thr: expected 0 to 1, got {args.score_thr}')
    if bool(args.pose) != bool(args.pose_weights):
        raise UserError('--pose and --pose-weights: give both, or neither')
    if args.parser == 'none' and (args.crop or args.parser_weights):
        raise UserError('--parser none: neither --crop nor --parser-weights')
    return args


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of parser and pose model."""
    parser.add_argument(
        '--parser',
        metavar='NAME',
        help='detector with masks that finds worn garments: Match R-CNN or a '
        'model of mmdet, a name or config file (default: the published Match '
        'R-CNN), or none',
    )
    parser.add_argument(
        '--parser-weights', metavar='FILE', help='default: the published ones'
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.5,
        help='least score of a worn garment (default: 0.5)',
    )
    parser.add_argument(
        '--crop',
        action='store_true',
        help='crop persons to 3:4 around their garments and head',
    )
    parser.add_argument(
        '--pose',
        metavar='CONFIG',
        help='config of a top-down model of mmpose for bodies (default: no '
        'poses)',
    )
    parser.add_argument('--pose-weights', metavar='FILE')
    parser.add_argument('--device', help='default: CUDA if there is one')


def build_parser(
    args: argparse.Namespace,
) -> tuple[str, Callable[[np.ndarray], dict] | None]:
    """Return the name of the model that finds worn garments, and a function.

    Raises:
        UserError: No such model, or no weights are published.
    """
    if args.parser == 'none':
        return 'none', None
    from mmfashion_ext.cli.defaults import choose_model
    from mmfashion_ext.formats.deepfashion2.constants import CLASS_NAMES
    from mmfashion_ext.hub.mmdet_detector import build_detector
    from mmfashion_ext.landmark.garment_detector import category_ids

    name = choose_model(
        'predict', args.parser, args.parser_weights, '--parser'
    )
    infer = build_detector(name, args.parser_weights, args.device)
    meta = getattr(infer.model, 'dataset_meta', None) or {}
    # models of this project have DeepFashion2's categories
    label_of = category_ids(meta.get('classes', CLASS_NAMES)) - 1
    if label_of.max() < 0:
        raise UserError(
            f'--parser {name}: its classes are {", ".join(meta["classes"])}, '
            'expected categories of DeepFashion2 (trousers ...)'
        )

    def find(image: np.ndarray) -> dict:
        (sample,) = infer(image, return_datasamples=True)['predictions']
        found = sample.pred_instances.cpu().numpy()
        masks = {'masks': found.masks} if 'masks' in found else {}
        return {
            'labels': label_of[found.labels],
            'scores': found.scores,
            'bboxes': found.bboxes,
            **masks,
        }

    return f'{name} {args.parser_weights or ""}'.strip(), find


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    args = parse_args(argv)
    from mmfashion_ext.tryon.preparation.joints import pose_estimator
    from mmfashion_ext.tryon.preparation.prepare import Preparation, prepare

    name, find = build_parser(args)
    pose = None
    if args.pose:
        pose = pose_estimator(args.pose, args.pose_weights, args.device)
    found = prepare(
        args.persons,
        args.clothes,
        args.out,
        Preparation(
            find,
            pose,
            masks=args.masks,
            cloth_class=args.cloth_class,
            score_thr=args.score_thr,
            crop=args.crop,
            settings={'parser': name, 'pose': args.pose},
        ),
        args.pairs,
    )
    for record in found.records:
        if record.reason or record.notes:
            print(record.line)
    usable = [record.kind for record in found.records if not record.reason]
    kind = 'worn' if found.paired else 'not worn: no truth to train with'
    print(
        f'{args.out}: {usable.count("person")} persons, '
        f'{usable.count("cloth")} garments, '
        f'{len(found.records) - len(usable)} unusable, {len(found.pairs)} '
        f'pairs ({kind}); look at {args.out / "sheet.jpg"}'
    )


if __name__ == '__main__':
    run_tool(main)
