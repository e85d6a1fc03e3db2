# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Draw the image of README: what the published Match R-CNN finds.

Photographs of garments (CC0, demo/images) in the first row, generated people
in the second; as the model finds them, none is corrected or left out.

Examples:
    python tools/misc/readme_images.py
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from mmfashion_ext import build_inferencer
from mmfashion_ext.utils.cli import run_tool

ROOT = Path(__file__).resolve().parents[2]
GARMENTS = ('green_jacket', 'dress', 'shirt', 'jeans', 'sweater', 'skirt')
CELL = (240, 320)  # (w, h) px of an image on the sheet
SEED = 7  # of the generated people; no published weights learned from it


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--model', default='match-rcnn', help='name (default: %(default)s)'
    )
    parser.add_argument(
        '--weights', help='file or URL (default: the published ones)'
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=ROOT / 'docs' / 'images' / 'predictions.jpg',
        help='file to write (default: %(default)s)',
    )
    return parser.parse_args()


def cut(image: np.ndarray) -> np.ndarray:
    """Return an image that fills a cell of the sheet, (320, 240, 3) uint8.

    Enlarged before anything is drawn in it, so that lines and letters are
    as sharp as the sheet.
    """
    import cv2

    width, height = CELL
    factor = max(width / image.shape[1], height / image.shape[0])
    size = round(image.shape[1] * factor), round(image.shape[0] * factor)
    image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def main() -> None:
    """Find the clothes, and write the sheet."""
    args = parse_args()
    from mmfashion_ext.synthetic import generate_deepfashion2
    from mmfashion_ext.utils.image_grid import draw_sheet
    from mmfashion_ext.utils.images import read_image

    files = [ROOT / 'demo' / 'images' / f'{name}.jpg' for name in GARMENTS]
    with tempfile.TemporaryDirectory() as folder:
        generate_deepfashion2(
            folder, num=4 * len(files), val=0, size=400, seed=SEED
        )
        people = sorted((Path(folder) / 'train' / 'image').iterdir())
        files += people[::4]  # neighbours wear the same garments
        images = [cut(read_image(file)) for file in files]
    infer = build_inferencer(args.model, args.weights, show_progress=False)
    found = infer(images, draw=True, draw_score_thr=0.5)['predictions']
    drawn = [prediction['visualization'] for prediction in found]
    sheet = draw_sheet(drawn, columns=len(GARMENTS), cell=CELL, gap=4)
    import cv2

    cv2.imwrite(str(args.out), sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])
    print(f'wrote {args.out}')


if __name__ == '__main__':
    run_tool(main)
