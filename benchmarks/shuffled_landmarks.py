# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Control experiment for landmarks: labels exchanged between items.

Writes a COCO annotation file in which items of a category have exchanged
their landmarks, in pixels, with an item of another image. A model can only
learn from it where landmarks of a category are on average; what it scores
above that with the true labels, it has learned from the images.

    python benchmarks/shuffled_landmarks.py TRAIN.json --out SHUFFLED.json
    python tools/train.py CONFIG --cfg-options \
        train_dataloader.dataset.ann_file=annotations/SHUFFLED.json
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json


def shuffle_landmarks(coco: dict, seed: int = 0) -> int:
    """Exchange the landmarks of items of the same category, in place.

    Args:
        coco (dict): COCO ground truth with ``keypoints``.
        seed (int): Seed of the exchange.

    Returns:
        int: Number of items that now have another item's landmarks.
    """
    by_category = defaultdict(list)
    for annotation in coco['annotations']:
        by_category[annotation['category_id']].append(annotation)
    rng = np.random.default_rng(seed)
    moved = 0
    for items in by_category.values():
        order = rng.permutation(len(items))
        # a cycle through all items: nobody keeps his own
        givers = dict(zip(order, np.roll(order, 1), strict=True))
        taken = [
            (items[givers[i]]['keypoints'], items[givers[i]]['num_keypoints'])
            for i in range(len(items))
        ]
        for item, (keypoints, count) in zip(items, taken, strict=True):
            item['keypoints'], item['num_keypoints'] = keypoints, count
        moved += len(items) if len(items) > 1 else 0
    return moved


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('ground_truth', type=Path, help='COCO file to read')
    parser.add_argument('--out', required=True, help='COCO file to write')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    try:
        coco = json.loads(args.ground_truth.read_text())
        moved = shuffle_landmarks(coco, args.seed)
    except (json.JSONDecodeError, KeyError) as error:
        raise UserError(
            f'{args.ground_truth} is not a COCO file of '
            f'tools/dataset_converters/deepfashion2.py ({error!r})'
        ) from error
    write_json(args.out, coco)
    print(f'wrote {args.out}: {moved} items have the landmarks of another')


if __name__ == '__main__':
    run_tool(main)
