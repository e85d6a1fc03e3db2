# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Draw the images of the docs' pages of tasks, by the published weights.

People are generated (seed 7, from which no published weights learned),
garments are those of demo/images (CC0); what a model gives is shown as it is.
tools/misc/readme_images.py draws that of Match R-CNN.

Examples:
    python tools/misc/docs_images.py
    python tools/misc/docs_images.py --only try_on_garments
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmfashion_ext import build_inferencer
from mmfashion_ext.utils.cli import run_tool

ROOT = Path(__file__).resolve().parents[2]
SEED = 7
GARMENTS = ('red_jacket', 'shirt', 'sweater', 't-shirt')
CELL = (240, 320)  # (w, h) px


def draw_landmarks(folder: Path, out: Path) -> None:
    """Draw the landmarks of four generated people in a row."""
    from mmfashion_ext.synthetic import generate_deepfashion2
    from mmfashion_ext.utils.image_grid import draw_sheet

    generate_deepfashion2(
        folder, num=24, val=0, size=400, seed=SEED, progress=False
    )
    files = sorted((folder / 'train' / 'image').iterdir())[::6]
    infer = build_inferencer(
        'landmark:balanced', det_model='match-rcnn', show_progress=False
    )
    found = infer([*map(str, files)], draw=True, draw_bbox=False)
    images = [entry['visualization'] for entry in found['predictions']]
    _write(draw_sheet(images, columns=4, cell=CELL, gap=4), out)


def draw_ranking(folder: Path, out: Path) -> None:
    """Draw who looks most like the person of a query, in another camera."""
    from mmfashion_ext.synthetic import generate_video_reid

    generate_video_reid(folder, num=8, seed=SEED, progress=False)
    (cam1,) = folder.rglob('sequences/cam1')
    query = sorted(cam1.iterdir())[0]
    infer = build_inferencer('scan', show_progress=False)
    found = infer(str(query), str(cam1.parent / 'cam2'), draw=True, top=4)
    (prediction,) = found['predictions']
    _write(prediction['visualization'], out)


def draw_pairs(folder: Path, out: Path) -> None:
    """Draw photographs of users, each above shop images of the garment."""
    from mmfashion_ext.synthetic import generate_deepfashion2
    from mmfashion_ext.utils.image_grid import draw_sheet
    from mmfashion_ext.utils.images import read_image

    generate_deepfashion2(
        folder, num=48, val=0, size=400, seed=SEED, progress=False
    )
    users: dict[int, Path] = {}
    shops: dict[int, Path] = {}
    for file in sorted((folder / 'train' / 'annos').iterdir()):
        content = json.loads(file.read_text())
        image = folder / 'train' / 'image' / f'{file.stem}.jpg'
        side = users if content['source'] == 'user' else shops
        side.setdefault(content['pair_id'], image)
    pairs = [pair for pair in users if pair in shops][:5]
    files = [users[pair] for pair in pairs] + [shops[pair] for pair in pairs]
    images = [read_image(file) for file in files]
    _write(draw_sheet(images, columns=5, cell=(192, 256), gap=4), out)


def draw_garments(folder: Path, out: Path) -> None:
    """Draw generated people in photographed garments."""
    from mmfashion_ext.synthetic import generate_viton
    from mmfashion_ext.utils.images import read_image

    generate_viton(folder, num=2, test=3, size=256, seed=SEED, progress=False)
    people = sorted((folder / 'VITON_test' / 'test_img').iterdir())
    cloths = [ROOT / 'demo' / 'images' / f'{name}.jpg' for name in GARMENTS]
    infer = build_inferencer('tryon', show_progress=False)
    infer(
        [*map(str, people)],
        [*map(str, cloths)],
        grid=True,
        out_dir=folder / 'out',
    )
    _write(read_image(folder / 'out' / 'grid.jpg'), out, width=960)


def _write(image: Any, out: Path, width: int = 0) -> None:
    import cv2

    if width:
        height = round(image.shape[0] * width / image.shape[1])
        image = cv2.resize(
            image, (width, height), interpolation=cv2.INTER_AREA
        )
    cv2.imwrite(str(out), image, [cv2.IMWRITE_JPEG_QUALITY, 85])
    print(f'wrote {out}')


#: Stem of the file -> what draws it.
IMAGES: dict[str, Callable[[Path, Path], None]] = {
    'landmarks': draw_landmarks,
    'ranking': draw_ranking,
    'shop_pairs': draw_pairs,
    'try_on_garments': draw_garments,
}


def main() -> None:
    """Draw the images."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--only', choices=sorted(IMAGES), help='one of them (default: all)'
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=ROOT / 'docs' / 'images',
        help='folder (default: %(default)s)',
    )
    args = parser.parse_args()
    for name, draw in IMAGES.items():
        if args.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                draw(Path(folder), args.out / f'{name}.jpg')


if __name__ == '__main__':
    run_tool(main)
