# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
r"""Landmarks of the clothes in a picture, a folder of pictures or a video.

Examples:
    python demo/landmark_demo.py street.jpg --model NAME --weights FILE \
        --det-model NAME --det-weights FILE --out-dir out
"""

import argparse
from pathlib import Path

from mmfashion_ext import plugins
from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('input', help='picture, folder or video')
    parser.add_argument(
        '--model', required=True, help='name of a model, or config file'
    )
    parser.add_argument('--weights', required=True, help='file or URL')
    parser.add_argument(
        '--det-model',
        help='detector: name of a model of this project or of mmdet, or '
        'config file; default: each picture is one garment',
    )
    parser.add_argument('--det-weights', help='file or URL')
    parser.add_argument('--out-dir', required=True, help='folder to write to')
    parser.add_argument('--device', help='default: CUDA if there is one')
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument(
        '--kpt-thr',
        type=float,
        default=0.3,
        help='lowest score (0-1) of a landmark that is drawn; default 0.3',
    )
    parser.add_argument(
        '--bbox-thr',
        type=float,
        default=0.3,
        help='lowest score (0-1) of a garment; default 0.3',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if '://' not in args.input and not Path(args.input).exists():
        raise UserError(f'{args.input}: no such file')  # before any import
    plugins.require('landmark')
    from mmfashion_ext.landmark import LandmarkInferencer

    infer = LandmarkInferencer(
        *(args.model, args.weights, args.device),
        *(args.det_model, args.det_weights),
        show_progress=True,
    )
    found = False
    for result in infer(
        args.input,
        batch_size=args.batch_size,
        out_dir=args.out_dir,
        draw_bbox=True,
        kpt_thr=args.kpt_thr,
        bbox_thr=args.bbox_thr,
    ):
        found = True
        items = [
            f'{item["category"] or "garment"} {item["bbox_score"]:.2f}'
            for item in result['predictions'][0]
        ]
        picture = Path(result['img_paths'][0]).name
        print(f'{picture}: {", ".join(items) or "no clothes"}')
    if not found:
        raise UserError(f'{args.input}: no readable picture')
    print(f'pictures: {args.out_dir}/visualizations')
    print(f'landmarks: {args.out_dir}/predictions')


if __name__ == '__main__':
    run_tool(main)
