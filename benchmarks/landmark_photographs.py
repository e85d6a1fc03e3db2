# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
r"""Landmark models on photographs: how far the synthetic training carries.

Any number of models, side by side, on annotated boxes:

- ``--deepfashion2 JSON IMAGES``: a COCO file with the 294 keypoints of
  DeepFashion2. Categories are given.
- ``--fld JSON IMAGES``: a COCO file of FLD, whose landmarks are some of
  DeepFashion2's. The number of keypoints says which type of clothes; of its
  categories that with the highest mean score counts.
- ``--ccp JSON IMAGES``: what ``tools/dataset_converters/ccp.py`` wrote. It
  has no landmarks, but all those of trousers, skirts and shorts lie on the
  outline of the item: the distance of each to the outline of the mask.

Printed are means over landmarks of the error divided by the longer side of
the box (NE), and the share of landmarks below 0.1 (PCK@0.1). Photographs of
few items say little: look at the drawn ones too (``--draw DIR``).

Example:
    python benchmarks/landmark_photographs.py NAME:work_dirs/NAME/epoch_3.pth \
        --ccp data/ccp/validation.json data/ccp/photos --out metrics.json
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import report
import torch
from mmengine.dataset import pseudo_collate
from pycocotools import mask as mask_api

from mmfashion_ext.formats.deepfashion2.constants import CATEGORY_BY_ID
from mmfashion_ext.formats.fld.constants import CLOTHES_TYPES
from mmfashion_ext.landmark import LandmarkInferencer
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.images import read_image, write_image

#: CCP's groups all of whose landmarks are on the outline -> category.
ON_OUTLINE = {'trousers': 8, 'skirt': 9, 'shorts': 7}


@dataclass(frozen=True)
class Item:
    """A garment on a photograph.

    Attributes:
        path (Path): The image.
        box (np.ndarray): (4,) float32 xyxy px.
        rows (dict[int, np.ndarray]): Category id -> which of its landmarks
            are annotated, (k,) from 0; one category, or those of a type.
        points (np.ndarray, optional): (k, 2) px.
        distance (np.ndarray, optional): (h, w) px to the outline.
    """

    path: Path
    box: np.ndarray
    rows: dict[int, np.ndarray]
    points: np.ndarray | None = None
    distance: np.ndarray | None = None


def read_items(
    kind: str, annotations: str, images: str
) -> Iterator[tuple[str, Item]]:
    """Yield the name of a set and an item of it."""
    content = json.loads(Path(annotations).read_text())
    files = {image['id']: image for image in content['images']}
    groups = {c['id']: c['name'] for c in content['categories']}
    for annotation in content['annotations']:
        image = files[annotation['image_id']]
        path = Path(images, image['file_name'])
        x, y, w, h = annotation['bbox']
        box = np.array([x, y, x + w, y + h], np.float32)
        if kind == 'ccp':
            category = ON_OUTLINE.get(groups[annotation['category_id']])
            if category:
                rows = np.arange(CATEGORY_BY_ID[category].num_landmarks)
                distance = outline_distance(annotation, image)
                yield 'CCP', Item(path, box, {category: rows}, None, distance)
            continue
        keypoints = np.reshape(annotation['keypoints'], (-1, 3))
        if kind == 'deepfashion2':
            category = CATEGORY_BY_ID[annotation['category_id']]
            keypoints = keypoints[category.slice]
            rows = {category.id: np.arange(category.num_landmarks)}
        else:
            (clothes,) = (
                c for c in CLOTHES_TYPES if c.num_landmarks == len(keypoints)
            )
            rows = {
                k: np.array(numbers) - 1
                for k, numbers in clothes.deepfashion2.items()
            }
        labelled = keypoints[:, 2] > 0
        rows = {k: r[labelled] for k, r in rows.items()}
        yield kind, Item(path, box, rows, keypoints[labelled, :2])


def outline_distance(annotation: dict, image: dict) -> np.ndarray:
    """Return (h, w) distances in px to the outline of an item's mask."""
    segmentation = annotation['segmentation']
    h, w = image['height'], image['width']
    if isinstance(segmentation, list):
        segmentation = mask_api.merge(mask_api.frPyObjects(segmentation, h, w))
    elif isinstance(segmentation['counts'], list):
        segmentation = mask_api.frPyObjects(segmentation, h, w)
    mask = mask_api.decode(segmentation)
    outline = mask - cv2.erode(mask, np.ones((3, 3), np.uint8))
    return cv2.distanceTransform(1 - outline, cv2.DIST_L2, 5)


@torch.no_grad()
def predict(
    infer: LandmarkInferencer, item: Item
) -> tuple[np.ndarray, np.ndarray]:
    """Return an item's (n, 2) landmarks in px and the annotated rows.

    Of several possible categories that with the highest mean score counts.
    """
    image = read_image(item.path)
    samples = []
    for category in item.rows:
        info = {
            **infer.dataset_meta,
            'img': image,
            'img_path': str(item.path),
            'bbox': item.box[None],
            'bbox_score': np.ones(1, np.float32),
            'category_id': category,
        }
        samples.append(infer.pipeline(info))
    found = []
    for category, sample in zip(
        item.rows, infer.model.test_step(pseudo_collate(samples)), strict=True
    ):
        part = CATEGORY_BY_ID[category].slice
        pred = sample.pred_instances
        found.append(
            (
                pred.keypoint_scores[0, part].mean(),
                category,
                np.asarray(pred.keypoints[0, part]),
            )
        )
    _, category, points = max(found, key=lambda row: row[0])
    return points, item.rows[category]


def errors(item: Item, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the errors (k,) relative to the longer side of the box."""
    points = points[rows]
    if item.distance is not None:
        h, w = item.distance.shape
        x, y = points.round().astype(int).clip(0, (w - 1, h - 1)).T
        distance = item.distance[y, x]
    else:
        distance = np.linalg.norm(points - item.points, axis=1)
    return distance / (item.box[2:] - item.box[:2]).max()


def draw(item: Item, points: np.ndarray, rows: np.ndarray, out: Path) -> None:
    """Write the box with the predicted (green) and true (red) landmarks."""
    image = read_image(item.path)
    scale = 640 / max(image.shape[:2])
    image = cv2.resize(image, None, fx=scale, fy=scale)
    for x, y in points * scale:
        cv2.circle(image, (round(x), round(y)), 3, (0, 220, 0), -1)
    if item.points is not None:
        for a, b in zip(
            points[rows] * scale, item.points * scale, strict=True
        ):
            ends = [tuple(round(float(v)) for v in end) for end in (a, b)]
            cv2.line(image, *ends, (0, 0, 255), 1, cv2.LINE_AA)
    out.mkdir(parents=True, exist_ok=True)
    x, y = item.box[:2].astype(int)
    write_image(out / f'{item.path.stem}_{x}_{y}.png', image)


def measure(
    infer: LandmarkInferencer, args: argparse.Namespace, name: str
) -> dict[str, float]:
    """Return NE and PCK@0.1 of a model on each set."""
    found: dict[str, list[np.ndarray]] = defaultdict(list)
    for kind in ('deepfashion2', 'fld', 'ccp'):
        if not getattr(args, kind):
            continue
        for title, item in read_items(kind, *getattr(args, kind)):
            points, rows = predict(infer, item)
            found[title].append(errors(item, points, rows))
            if args.draw:
                draw(item, points, rows, args.draw / name / title)
    result = {}
    for title, parts in found.items():
        each = np.concatenate(parts)
        result[f'{title} ({len(parts)} items) NE'] = float(each.mean())
        result[f'{title} PCK@0.1'] = float((each < 0.1).mean())
    return result


def main() -> None:
    """Measure each model."""
    parser = report.parser(__doc__)
    parser.add_argument(
        'models', nargs='+', metavar='MODEL[:WEIGHTS]', help='of DeepFashion2'
    )
    for kind in ('deepfashion2', 'fld', 'ccp'):
        parser.add_argument(f'--{kind}', nargs=2, metavar=('JSON', 'IMAGES'))
    parser.add_argument('--draw', type=Path, help='folder for drawn images')
    args = parser.parse_args()
    result = {}
    for number, text in enumerate(args.models):
        model, _, weights = text.partition(':')
        infer = LandmarkInferencer(model, weights or None)
        for key, value in measure(infer, args, str(number)).items():
            result[f'{number}: {key}'] = value
    args.draw = str(args.draw) if args.draw else None  # for JSON
    report.show('landmarks on photographs', result, args)


if __name__ == '__main__':
    run_tool(main)
