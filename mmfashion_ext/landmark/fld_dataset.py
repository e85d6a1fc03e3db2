# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""DeepFashion/FLD landmark dataset for mmpose, one type of clothes."""

import logging
import os.path as osp
from typing import Any

import numpy as np
from mmengine.logging import print_log
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from ..formats.coco import require_detections
from ..formats.fld.constants import CATEGORY_ID, FLDSplit, Subset, clothes_type
from ..formats.fld.reader import read_boxes, read_fld
from ..formats.fld.statistics import FLDStatistics
from ..registry import DATASETS
from ..utils.skipped import warn_skipped
from .metainfo import pose_metainfo


def fld_metainfo(subset: Subset) -> dict:
    """Build mmpose's metainfo of a type of clothes.

    mmpose's own tables have neither sigmas (so no AP) nor a skeleton, and
    the table of full clothes numbers the keypoints 0..3 twice.

    Args:
        subset (str): ``upper``, ``lower`` or ``full``.

    Returns:
        dict: See :func:`~mmfashion_ext.landmark.metainfo.pose_metainfo`; K is
        6, 4 or 8.

    Raises:
        UserError: An unknown subset.
    """
    clothes = clothes_type(subset)
    return pose_metainfo(
        f'fld_{subset}',
        clothes.landmarks,
        clothes.sigmas,
        [(a - 1, b - 1) for a, b in clothes.flip_pairs],
        [(a - 1, b - 1) for a, b in clothes.skeleton],
        [clothes.colour] * clothes.num_landmarks,
    )


@DATASETS.register_module()
class FLDDataset(BaseCocoStyleDataset):
    """Landmark dataset of upper (6), lower (4) or full (8) clothes.

    Unlike mmpose's ``DeepFashionDataset``, which changes its class's table of
    landmarks, datasets of several types of clothes can be used side by side.

    A sample has the keys of mmpose's pipelines (``bbox`` (1, 4) xyxy px,
    ``keypoints`` (1, K, 2) px of the image, ``keypoints_visible`` (1, K), 1
    where labelled), and ``landmark_states`` (1, K) uint8: 2 visible,
    1 occluded, 0 not labelled (truncated).

    Garments that cannot be used (no labelled landmark, no box inside the
    image) are skipped and named in one line of the log.

    Args:
        ann_file (str): See :func:`~mmfashion_ext.formats.fld.reader.read_fld`.
            If it is the root of the raw dataset the images are found there
            and ``data_prefix`` is not used.
        subset (str): ``full`` (default), ``upper`` or ``lower``.
        split (str): ``train`` (default), ``val`` or ``test`` of the raw
            dataset; a JSON has one split.
        bbox_file (str, optional): Detections (``category_id`` 1, ``bbox``
            xywh px, ``score`` 0-1) that replace the annotated boxes in a
            test.
        **kwargs: Arguments of mmpose's ``BaseCocoStyleDataset``.

    Raises:
        FileNotFoundError: A file is missing.
        UserError: An argument or an entry of a file is wrong; the message
            names it.
    """

    METAINFO = fld_metainfo('full')

    def __init__(
        self,
        ann_file: str = '',
        subset: Subset = 'full',
        split: FLDSplit = 'train',
        bbox_file: str | None = None,
        metainfo: dict | None = None,
        **kwargs: Any,
    ) -> None:
        self.clothes = clothes_type(subset)
        self.split = split
        super().__init__(
            ann_file=ann_file,
            bbox_file=bbox_file,
            metainfo=metainfo or fld_metainfo(subset),
            **kwargs,
        )

    def _load_annotations(self) -> tuple[list[dict], list[dict]]:
        """Return annotated garments, and the images."""
        statistics, samples, skipped = FLDStatistics(), [], []
        images, annotations = self._read()
        for annotation in annotations:
            image = images[annotation['image_id']]
            sample = self.parse_data_info(
                {'raw_ann_info': annotation, 'raw_img_info': image}
            )
            name = f'{annotation["id"]} in {image["file_name"]}'
            states = sample['landmark_states'][0]
            if not states.any():
                skipped.append(f'{name} (no labelled landmark)')
            elif not self._has_area(sample['bbox']):
                skipped.append(f'{name} (no box inside the image)')
            else:
                samples.append(sample)
                variation = annotation.get('variation')
                statistics.add(self.clothes, states, variation=variation)
        warn_skipped(self.ann_file, 'annotations', skipped)
        print_log(
            f'{type(self).__name__} {self.ann_file}\n{statistics.summary()}',
            logger='current',
            level=logging.INFO,
        )
        return samples, list(images.values())

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Return mmpose's sample with ``landmark_states`` (1, K) uint8.

        Args:
            raw_data_info (dict): ``raw_ann_info`` and ``raw_img_info``, an
                annotation and an image of a COCO file.

        Returns:
            dict: See the class.
        """
        data_info = super().parse_data_info(raw_data_info)
        v = raw_data_info['raw_ann_info']['keypoints'][2::3]
        data_info['landmark_states'] = np.array([v], np.uint8)
        return data_info

    def _load_detection_results(self) -> list[dict]:
        """Return detected garments, whose landmarks are not known."""
        images, _ = self._read()
        samples, skipped = [], []
        entries = read_boxes(self.bbox_file)
        for index, entry in enumerate(entries):
            name = f'entry {index}'
            image = images.get(entry['image_id'])
            if entry['category_id'] != CATEGORY_ID:
                name += f' (category {entry["category_id"]!r}, expected 1)'
                skipped.append(name)
                continue
            if image is None:
                skipped.append(f'{name} (image is not in the annotations)')
                continue
            # parsed like an annotation without labelled landmarks
            unknown = [0] * (3 * self.clothes.num_landmarks)
            sample = self.parse_data_info(
                {
                    'raw_ann_info': {
                        **entry,
                        'id': index,
                        'keypoints': unknown,
                    },
                    'raw_img_info': image,
                }
            )
            if not self._has_area(sample['bbox']):
                skipped.append(f'{name} (no box inside the image)')
                continue
            del sample['landmark_states'], sample['raw_ann_info']
            sample['bbox_score'] = np.array([entry['score']], np.float32)
            samples.append(sample)
        warn_skipped(self.bbox_file, 'detections', skipped)
        require_detections(self.bbox_file, len(entries), len(samples))
        return samples

    def _read(self) -> tuple[dict[int, dict], list[dict]]:
        """Return the images by id, with their paths, and annotations."""
        images, annotations = read_fld(
            self.ann_file, self.clothes.name, self.split
        )
        for image in images.values():
            path = osp.join(self.data_prefix['img'], image['file_name'])
            image.setdefault('img_path', path)
            image['img_id'] = image['id']
        return images, annotations

    @staticmethod
    def _has_area(bbox: np.ndarray) -> bool:
        """Check that a box (1, 4) xyxy px, clipped by mmpose, has area."""
        return bool((bbox[0, 2:] > bbox[0, :2]).all())
