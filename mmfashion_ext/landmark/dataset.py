# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""DeepFashion2 landmark dataset for mmpose, all categories together."""

import logging
import os.path as osp
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from ..errors import UserError
from ..evaluation.coco_files import load_results
from ..formats.coco import require_detections
from ..formats.deepfashion2.constants import (
    CATEGORY_BY_ID,
    CLASS_NAMES,
    NUM_LANDMARKS,
)
from ..formats.deepfashion2.reader import read_images
from ..formats.deepfashion2.statistics import SplitStatistics
from ..registry import DATASETS
from ..utils.skipped import warn_skipped
from .metainfo import deepfashion2_metainfo

#: Metainfo that each sample of mmpose's datasets carries.
_SHARED_METAINFO = (
    *('dataset_name', 'upper_body_ids', 'lower_body_ids', 'flip_pairs'),
    *('dataset_keypoint_weights', 'flip_indices', 'skeleton_links'),
)


@DATASETS.register_module()
class DeepFashion2LandmarkDataset(BaseCocoStyleDataset):
    """Landmark dataset whose samples are garments: box, category, landmarks.

    ``ann_file`` is what
    :func:`~mmfashion_ext.formats.deepfashion2.reader.read_images` reads: a
    COCO file of our converter or of the official one, or the ``annos`` folder
    of a raw split.

    A sample has the keys of mmpose's pipelines (``bbox`` (1, 4) xyxy px,
    ``keypoints`` (1, 294, 2) px of the image, ``keypoints_visible`` (1, 294),
    1 where a landmark is labelled), and

    - ``category_id``: 1..13, as a zero-dimensional array;
    - ``landmark_states`` (1, 294) uint8: 2 visible, 1 occluded, 0 not
      labelled.

    Garments that cannot be used (no labelled landmark, a box without area
    inside the image) are skipped and named in one line of the log.

    Args:
        ann_file (str): See above.
        bbox_file (str, optional): Detections in the official form (a list of
            ``image_id``, ``category_id`` 1..13, ``bbox`` xywh px, ``score``
            0-1) that replace the annotated boxes in a test. All categories
            are kept; mmpose's own class drops 12 of 13.
        categories (Sequence[str], optional): Names of the categories to use,
            for instance ``('vest',)`` to fine-tune on vests. Default: all.
        outwear_flip_pairs (str): Flip pairs of short sleeve outwear, see
            :func:`~mmfashion_ext.formats.deepfashion2.constants.flip_indices`.
        **kwargs: Arguments of mmpose's ``BaseCocoStyleDataset``.

    Raises:
        FileNotFoundError: A file is missing.
        UserError: An argument or an entry of a file is wrong; the message
            names it.
    """

    METAINFO = deepfashion2_metainfo()

    def __init__(
        self,
        ann_file: str = '',
        bbox_file: str | None = None,
        categories: Sequence[str] | None = None,
        outwear_flip_pairs: Literal['sigmas', 'figure'] = 'sigmas',
        metainfo: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.get('data_mode', 'topdown') != 'topdown':
            raise UserError(
                'a sample of DeepFashion2LandmarkDataset is one garment: '
                "data_mode must be 'topdown', got "
                f'{kwargs["data_mode"]!r}'
            )
        self.categories = tuple(categories or CLASS_NAMES)
        if unknown := [c for c in self.categories if c not in CLASS_NAMES]:
            raise UserError(
                f'categories has {unknown[0]!r}, expected names among '
                f'{", ".join(CLASS_NAMES)}'
            )
        super().__init__(
            ann_file=ann_file,
            bbox_file=bbox_file,
            metainfo=metainfo or deepfashion2_metainfo(outwear_flip_pairs),
            **kwargs,
        )
        # LandmarkMetric measures these only; checkpoints store them
        self._metainfo['categories'] = self.categories
        # mmpose's visualizer writes the names of predicted labels
        self._metainfo['classes'] = CLASS_NAMES

    def get_data_info(self, idx: int) -> dict:
        """Return a sample with ``keypoints`` (1, 294, 2) px of the image.

        The metainfo that the pipeline reads is shared, not copied: with 294
        landmarks, mmpose's deep copies need half of the time of a sample.

        Args:
            idx (int): Index of the sample.

        Returns:
            dict: See the class; ``landmark_states`` only without
            ``bbox_file``.
        """
        data_info = BaseDataset.get_data_info(self, idx)
        data_info.update(
            (key, self._metainfo[key]) for key in _SHARED_METAINFO
        )
        category = CATEGORY_BY_ID[int(data_info['category_id'])]
        compact = data_info.pop('landmarks')
        keypoints = np.zeros((1, NUM_LANDMARKS, 2), np.float32)
        states = np.zeros((1, NUM_LANDMARKS), np.uint8)
        keypoints[0, category.slice] = compact[:, :2]
        states[0, category.slice] = compact[:, 2]
        data_info['keypoints'] = keypoints
        data_info['keypoints_visible'] = (states > 0).astype(np.float32)
        if not self.bbox_file:
            data_info['landmark_states'] = states
        return data_info

    def _load_annotations(self) -> tuple[list[dict], list[dict]]:
        """Return annotated garments, and no images (bottom-up only)."""
        statistics, samples, skipped = SplitStatistics(), [], []
        for image, annotations in self._read():
            used = [a for a in annotations if self._has_category(a)]
            statistics.add(image, used)
            for annotation in used:
                name = f'{annotation["id"]} in {image["file_name"]}'
                if not annotation['num_keypoints']:
                    skipped.append(f'{name} (no labelled landmark)')
                    continue
                box = _clip_box(annotation['bbox'], image)
                if box is None:
                    skipped.append(f'{name} (no box inside the image)')
                    continue
                samples.append(
                    self._sample(image, annotation, box, 1.0)
                    | {'landmarks': annotation['keypoints']}
                )
        warn_skipped(self.ann_file, 'annotations', skipped)
        print_log(
            f'{type(self).__name__} {self.ann_file}\n{statistics.summary()}',
            logger='current',
            level=logging.INFO,
        )
        return samples, []

    def _load_detection_results(self) -> list[dict]:
        """Return detected garments, whose landmarks are not known."""
        if not osp.exists(self.bbox_file):
            raise FileNotFoundError(
                f'bbox_file {self.bbox_file} does not exist; write detections '
                'with tools/test.py --dump of a detector'
            )
        images = {image['id']: image for image, _ in self._read()}
        detections = load_results(
            'bbox', {'images': list(images.values())}, self.bbox_file
        )
        samples, skipped = [], []
        for index, detection in enumerate(detections):
            name = f'entry {index}'
            if detection['image_id'] not in images:
                skipped.append(f'{name} (image is not in the annotations)')
            elif self._has_category(detection):
                image = images[detection['image_id']]
                box = _clip_box(detection['bbox'], image)
                if box is None:
                    skipped.append(f'{name} (no box inside the image)')
                    continue
                category = CATEGORY_BY_ID[detection['category_id']]
                samples.append(
                    self._sample(
                        image,
                        {**detection, 'id': index},
                        box,
                        detection['score'],
                    )
                    | {'landmarks': np.zeros((category.num_landmarks, 3))}
                )
        warn_skipped(self.bbox_file, 'detections', skipped)
        require_detections(self.bbox_file, len(detections), len(samples))
        return samples

    def _read(self) -> Iterator[tuple[dict, list[dict]]]:
        annotated = not (self.test_mode and self.bbox_file)
        return read_images(self.ann_file, annotated)

    def _has_category(self, entry: dict) -> bool:
        """Check whether an entry's category is one of ``categories``."""
        name = CATEGORY_BY_ID[entry['category_id']].name
        return name in self.categories

    def _sample(
        self, image: dict, entry: dict, box: np.ndarray, score: float
    ) -> dict:
        """Build mmpose's sample of a garment, without its landmarks."""
        return {
            'img_id': image['id'],
            'img_path': osp.join(self.data_prefix['img'], image['file_name']),
            'id': entry['id'],
            'category_id': np.array(entry['category_id']),
            'bbox': box[None],
            'bbox_score': np.array([score], np.float32),
        }


def _clip_box(bbox: Sequence[float], image: dict) -> np.ndarray | None:
    """Clip a box xywh px to the image; None if it has no area inside.

    Returns:
        np.ndarray | None: (4,) float32 xyxy px.
    """
    size = np.array([image['width'], image['height']] * 2, np.float32)
    corners = np.array(bbox, np.float32)
    corners[2:] += corners[:2]
    corners = np.clip(corners, 0, size)
    inside = np.isfinite(corners).all() and (corners[2:] > corners[:2]).all()
    return corners if inside else None
