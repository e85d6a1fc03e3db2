# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""DeepFashion2 as a dataset of mmdet."""

import json
import logging
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mmdet.datasets import CocoDataset
from mmengine.fileio import get_text
from mmengine.logging import print_log

from ..common.deepfashion2 import (
    ATTRIBUTES,
    CATEGORY_BY_ID,
    CLASS_NAMES,
    NUM_LANDMARKS,
    PALETTE,
    SIGMAS,
)
from ..common.deepfashion2_annotations import RawSplit
from ..common.deepfashion2_statistics import SplitStatistics
from ..registry import DATASETS

_CONVERT = 'tools/dataset_converters/deepfashion2.py SPLIT_DIR --out OUT.json'
_REQUIRED = ('id', 'image_id', 'category_id', 'bbox', 'area', 'keypoints')


@DATASETS.register_module()
class DeepFashion2Dataset(CocoDataset):
    """DeepFashion2: boxes, masks, 294 landmarks, styles, attribute codes.

    ``ann_file`` is one of

    - the JSON that ``tools/dataset_converters/deepfashion2.py`` writes;
    - a COCO file of the official converter, which leaves some fields out:
      ``source`` is then ``''`` and the attribute codes are 0 (unknown);
    - the ``annos`` folder of a raw split, converted while it is read (slower
      to start; every defect is an error).

    Labels are ``category_id - 1``, whatever the file's ``categories`` say.

    To mmdet's data info it adds, to the image, ``source`` ('user', 'shop' or
    '') and ``pair_id``, and to each of ``instances``

    - ``keypoints``: (n, 3) float32, x, y in pixels of the original image and
      v (2 visible, 1 occluded, 0 not labelled) of the n landmarks of the
      item's category;
    - ``style`` and ``pair_id``: items of user and shop images with the same
      ``pair_id`` and the same ``style`` > 0 are the same garment;
    - ``scale``, ``occlusion``, ``zoom_in``, ``viewpoint``: 1..3.

    Args are those of mmdet's ``CocoDataset``.
    """

    METAINFO = {
        'classes': CLASS_NAMES,
        'palette': list(PALETTE),
        'num_keypoints': NUM_LANDMARKS,
        'sigmas': SIGMAS,
    }

    def load_data_list(self) -> list[dict]:
        """Read all images and print a summary of what they hold.

        Raises:
            FileNotFoundError: ``ann_file`` does not exist.
            ValueError: It is not what this class reads; names the item.
        """
        if tuple(self.metainfo['classes']) != CLASS_NAMES:
            raise ValueError(
                'DeepFashion2Dataset has 13 fixed classes, since they say '
                'which of the 294 landmarks belong to an item; got classes='
                f"{self.metainfo['classes']}. Remove 'classes' from metainfo"
            )
        self.cat_ids = list(CATEGORY_BY_ID)
        self.cat2label = {cat_id: cat_id - 1 for cat_id in self.cat_ids}
        self.cat_img_map = defaultdict(list)
        statistics = SplitStatistics()
        data_list = []
        for image, annotations in self._read():
            statistics.add(image, annotations)
            for annotation in annotations:
                self.cat_img_map[annotation['category_id']].append(image['id'])
            data_list.append(
                self.parse_data_info(
                    {
                        'raw_img_info': {**image, 'img_id': image['id']},
                        'raw_ann_info': annotations,
                    }
                )
            )
        print_log(
            f'{type(self).__name__} {self.ann_file}\n{statistics.summary()}',
            logger='current',
            level=logging.INFO,
        )
        return data_list

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Parse one image; see the class for what is added to mmdet's."""
        image = raw_data_info['raw_img_info']
        data_info = super().parse_data_info(
            {'raw_img_info': image, 'raw_ann_info': []}
        )
        pair_ids = {a.get('pair_id', 0) for a in raw_data_info['raw_ann_info']}
        data_info['source'] = image.get('source', '')
        data_info['pair_id'] = image.get('pair_id', min(pair_ids, default=0))
        for annotation in raw_data_info['raw_ann_info']:
            # One at a time: the host drops invalid items without saying
            # which, and their fields must go with them.
            parsed = super().parse_data_info(
                {'raw_img_info': image, 'raw_ann_info': [annotation]}
            )
            for instance in parsed['instances']:
                # The host's loader needs the key; it ignores empty masks.
                instance.setdefault('mask', [])
                instance['keypoints'] = annotation['keypoints']
                instance['style'] = annotation.get('style', 0)
                instance['pair_id'] = annotation.get('pair_id', 0)
                for name in ATTRIBUTES:
                    instance[name] = annotation.get(name, 0)
                data_info['instances'].append(instance)
        return data_info

    def _read(self) -> Iterator[tuple[dict, list[dict]]]:
        """Image records with their annotations, ``keypoints`` compact."""
        local = '://' not in self.ann_file
        if local and not Path(self.ann_file).exists():
            raise FileNotFoundError(
                f'{self.ann_file} does not exist. Make it from a raw '
                f'DeepFashion2 split: {_CONVERT}'
            )
        if local and Path(self.ann_file).is_dir():
            yield from _read_raw(Path(self.ann_file))
        else:
            text = get_text(self.ann_file, backend_args=self.backend_args)
            # The test split is published without annotations.
            needed = ('images', 'annotations')[: 1 if self.test_mode else 2]
            yield from _read_coco(self.ann_file, text, needed)


def _read_raw(folder: Path) -> Iterator[tuple[dict, list[dict]]]:
    """Read a raw split; ``folder`` is its ``annos`` or the split itself."""
    split = folder if (folder / 'annos').is_dir() else folder.parent
    for raw in RawSplit(split):
        for defect in raw.defects:
            if defect.fatal:
                raise ValueError(
                    f'{folder}/{defect}. See all defects with: {_CONVERT} '
                    '--check'
                )
        annotations = [
            _compact_keypoints(annotation, str(folder))
            for annotation in raw.annotations
        ]
        yield raw.image, annotations


def _read_coco(
    path: str, text: str, needed: tuple[str, ...]
) -> Iterator[tuple[dict, list[dict]]]:
    """Read a COCO file, images in the order of the file."""

    def compact(entry: dict) -> dict:
        if 'category_id' in entry and 'image_id' in entry:
            return _compact_keypoints(entry, path)
        return entry

    try:
        # 882 Python numbers for each item of train do not fit into memory;
        # the hook reduces each item as soon as it is parsed.
        content = json.loads(text, object_hook=compact)
    except json.JSONDecodeError as error:
        raise ValueError(
            f'{path} is not readable JSON ({error}). Make it again: {_CONVERT}'
        ) from None
    missing = [key for key in needed if key not in content]
    if missing or not isinstance(content, dict):
        raise ValueError(
            f'{path} has no {" and no ".join(missing)}: it is not a COCO '
            f'annotation file. Make one: {_CONVERT}'
        )
    by_image = {image['id']: [] for image in content['images']}
    annotations = content.get('annotations', [])
    for annotation in annotations:
        where = f'{path}: annotation {annotation.get("id")}'
        missing = [key for key in _REQUIRED if key not in annotation]
        if missing:
            raise ValueError(f'{where} lacks {", ".join(missing)}')
        if annotation['image_id'] not in by_image:
            raise ValueError(
                f'{where} belongs to image {annotation["image_id"]}, which is '
                'not in images'
            )
        by_image[annotation['image_id']].append(annotation)
    ids = {annotation['id'] for annotation in annotations}
    for name, unique in ('images', by_image), ('annotations', ids):
        if len(unique) != len(content.get(name, [])):
            raise ValueError(f'{path}: ids of {name} are not unique')
    for image in content['images']:
        yield image, by_image[image['id']]


def _compact_keypoints(annotation: dict, path: str) -> dict:
    """Keep the landmarks of the item's category only: (n, 3) float32."""
    where = f'{path}: annotation {annotation.get("id")}'
    category = CATEGORY_BY_ID.get(annotation['category_id'])
    if category is None:
        raise ValueError(
            f'{where} has category_id {annotation["category_id"]}, expected '
            '1..13'
        )
    keypoints = np.array(annotation.get('keypoints', ()))
    if keypoints.shape != (3 * NUM_LANDMARKS,):
        raise ValueError(
            f'{where} has keypoints of shape {keypoints.shape}, expected '
            f'{3 * NUM_LANDMARKS} numbers (294 x [x, y, v]). Make the file '
            f'again: {_CONVERT}'
        )
    local = keypoints.reshape(NUM_LANDMARKS, 3)[category.slice]
    if local.dtype.kind not in 'if' or not np.isfinite(local).all():
        raise ValueError(f'{where} has keypoints that are no finite numbers')
    if not np.isin(local[:, 2], (0, 1, 2)).all():
        raise ValueError(
            f'{where} has landmarks with a visibility other than 0, 1 or 2'
        )
    annotation['keypoints'] = local.astype(np.float32)
    annotation['num_keypoints'] = int((local[:, 2] > 0).sum())
    return annotation
