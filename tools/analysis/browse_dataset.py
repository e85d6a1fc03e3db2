# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Draw items of a dataset as the network gets them: after the pipeline.

Look at it before a training: are boxes, masks, landmarks, flows and garments
where they should be, and what do the augmentations do? Draws clothes with
boxes, masks and landmarks (Match R-CNN), a garment with its landmarks
(landmark models), the frames of a clip above their flow (SCAN), or all images
of an item side by side (try-on).

Examples:
    python tools/analysis/browse_dataset.py CONFIG --out browsed
    python tools/analysis/browse_dataset.py CONFIG --split val --num 40
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.cli import run_tool

_HEIGHT = 256  # px, of an image in a row
_DOT = (60, 60, 240)  # BGR


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    from mmfashion_ext.runner import add_config_arguments

    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config_arguments(parser)
    parser.add_argument(
        '--split',
        choices=('train', 'val', 'test'),
        default='train',
        help='the dataset of this dataloader (default: %(default)s)',
    )
    parser.add_argument(
        '--num',
        type=int,
        default=16,
        help='items, spread over the dataset (default: %(default)s)',
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('browsed'),
        metavar='DIR',
        help='folder to write to (default: %(default)s)',
    )
    return parser.parse_args()


def build_dataset(cfg: Any, split: str) -> Any:
    """Build the dataset of a split, whose samples keep what is drawn.

    Raises:
        UserError: The config has no such dataloader.
    """
    from mmengine.registry import DATASETS

    loader = cfg.get(f'{split}_dataloader')
    if not loader:
        raise UserError(
            f'--split {split}: the config has no {split}_dataloader'
        )
    inner = loader.dataset
    while 'pipeline' not in inner and 'dataset' in inner:
        inner = inner.dataset
    for step in inner.get('pipeline', ()):
        if step.type.rpartition('.')[2] == 'PackPoseInputs':
            step.pack_transformed = True
    return DATASETS.build(loader.dataset)


def draw(sample: dict, visualizer: Any) -> np.ndarray:
    """Draw a packed sample of any of the systems.

    Args:
        sample (dict): ``inputs`` and ``data_samples``.
        visualizer (Visualizer): That of the config; used for clothes.

    Returns:
        np.ndarray: (h, w, 3) uint8 BGR.
    """
    inputs, item = sample['inputs'], sample['data_samples']
    if isinstance(inputs, dict):
        rows = [[*image] for image in inputs.values() if image.ndim == 4]
        rows = rows or [[x for x in inputs.values() if x.ndim == 3]]
        return _stack([np.hstack([*map(_fit, map(_bgr, r))]) for r in rows])
    image = np.ascontiguousarray(inputs.permute(1, 2, 0).numpy())
    if 'gt_instances' not in item:
        return image
    if 'transformed_keypoints' in item.gt_instances:
        return _draw_points(image, item.gt_instances)
    if 'labels' in item.gt_instances and hasattr(visualizer, 'draw_on'):
        return visualizer.draw_on(image, item.gt_instances)
    return image


def _bgr(image: Any) -> np.ndarray:
    """Return an image (C, h, w) as (h, w, 3) uint8 BGR.

    Three channels are RGB; of others, such as maps of joints or of parts, the
    highest value at each pixel is shown, stretched to 0-255.
    """
    array = image.numpy()
    if len(array) == 3:
        return np.ascontiguousarray(array[::-1].transpose(1, 2, 0))
    highest = np.nan_to_num(array.astype(np.float32)).max(0)
    low, span = highest.min(), max(float(np.ptp(highest)), 1e-6)
    grey = ((highest - low) / span * 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _fit(image: np.ndarray) -> np.ndarray:
    """Resize an image (h, w, 3) to the height of a row."""
    import cv2

    width = round(image.shape[1] * _HEIGHT / image.shape[0])
    return cv2.resize(image, (width, _HEIGHT), interpolation=cv2.INTER_AREA)


def _stack(rows: list[np.ndarray]) -> np.ndarray:
    """Put rows (h, w, 3) below each other, white where one is shorter."""
    width = max(row.shape[1] for row in rows)
    filled = [
        np.pad(
            row,
            ((0, 0), (0, width - row.shape[1]), (0, 0)),
            constant_values=255,
        )
        for row in rows
    ]
    return np.vstack(filled)


def _draw_points(image: np.ndarray, truth: Any) -> np.ndarray:
    """Draw landmarks (1, K, 2) px: dots, of labelled ones."""
    import cv2

    points = np.asarray(truth.transformed_keypoints)[0]
    labelled = np.asarray(truth.keypoints_visible).reshape(-1) > 0
    drawn, scale = _fit(image), _HEIGHT / image.shape[0]
    for x, y in (points[labelled[: len(points)]] * scale).round().astype(int):
        cv2.circle(drawn, (int(x), int(y)), 3, _DOT, -1, cv2.LINE_AA)
    return drawn


def samples(dataset: Any, num: int) -> Iterator[tuple[int, dict]]:
    """Yield items spread over a dataset, each with its number."""
    for index in np.unique(np.linspace(0, len(dataset) - 1, num).round()):
        yield int(index), dataset[int(index)]


def main() -> None:
    """Write an image for each item."""
    args = parse_args()
    if args.num < 1:
        raise UserError(f'--num {args.num}: expected at least 1')
    from mmengine.registry import VISUALIZERS

    from mmfashion_ext.runner import read_config
    from mmfashion_ext.utils.files import make_folder
    from mmfashion_ext.utils.host_scope import host_scope
    from mmfashion_ext.utils.images import write_image

    cfg = read_config(args)
    with host_scope(cfg.get('default_scope')):
        dataset = build_dataset(cfg, args.split)
        visualizer = None
        if 'visualizer' in cfg and cfg.get('default_scope') == 'mmdet':
            visualizer = VISUALIZERS.build(
                {'name': 'browse', **cfg.visualizer, 'vis_backends': None}
            )
        make_folder(args.out)
        for index, sample in samples(dataset, args.num):
            file = args.out / f'{args.split}_{index:06d}.jpg'
            write_image(file, draw(sample, visualizer))
    print(
        f'wrote {len([*args.out.glob(f"{args.split}_*.jpg")])} images of '
        f'{len(dataset):,} items to {args.out}/'
    )


if __name__ == '__main__':
    run_tool(main)
