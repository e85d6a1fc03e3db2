# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
r"""Find the landmarks of the clothes in an image, a folder or a video.

Examples:
    python demo/landmark_demo.py street.jpg --model NAME --weights FILE \
        --det-model NAME --det-weights FILE --out out
"""

import argparse
from pathlib import Path

from mmfashion_ext import plugins
from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.cli import run_tool


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('input', help='image, URL, folder or video')
    parser.add_argument(
        '--model', required=True, help='name of a model, or config file'
    )
    parser.add_argument(
        '--weights', help='file or URL; default: the published ones'
    )
    parser.add_argument(
        '--det-model',
        help='detector: name of a model of this project or of mmdet, or '
        'config file; default: each image is one garment',
    )
    parser.add_argument(
        '--det-weights', help='file or URL; default: the published ones'
    )
    parser.add_argument(
        '--out',
        '--out-dir',
        dest='out_dir',
        required=True,
        help='folder to write to',
    )
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
    """Run the inferencer and print a line for each image or frame."""
    args = parse_args()
    if '://' not in args.input and not Path(args.input).exists():
        raise UserError(f'{args.input}: no such file')  # before any import
    plugins.require('landmark')
    from mmfashion_ext.landmark import LandmarkInferencer

    infer = LandmarkInferencer(
        *(args.model, args.weights, args.device),
        det_model=args.det_model,
        det_weights=args.det_weights,
        batch_size=args.batch_size,
    )
    found = infer(
        args.input,
        out_dir=args.out_dir,
        stream=True,
        bbox_thr=args.bbox_thr,
        kpt_thr=args.kpt_thr,
    )
    any_found = False
    for prediction in found:
        any_found = True
        print(describe(prediction))
    if not any_found:
        raise UserError(f'{args.input}: no readable image')
    print(f'drawn: {args.out_dir}/visualizations')
    print(f'landmarks: {args.out_dir}/predictions')


def describe(prediction: dict) -> str:
    """Return a line that names the garments of an image and their scores."""
    scores = prediction['scores']
    categories = prediction['categories'] or ['garment'] * len(scores)
    garments = [
        f'{category} {score:.2f}'
        for category, score in zip(categories, scores, strict=True)
    ]
    image = Path(prediction['input']).name
    if 'frame_id' in prediction:
        image += f' frame {prediction["frame_id"]}'
    return f'{image}: {", ".join(garments) or "no clothes"}'


if __name__ == '__main__':
    run_tool(main)
