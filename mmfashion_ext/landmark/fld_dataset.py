# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""DeepFashion/FLD as a landmark dataset of mmpose, one type of clothes."""

import logging
import os.path as osp
from typing import Any

import numpy as np
from mmengine.logging import print_log
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from ..formats.fld.constants import CATEGORY_ID, FLDSplit, Subset, clothes_type
from ..formats.fld.reader import read_boxes, read_fld
from ..formats.fld.statistics import FLDStatistics
from ..registry import DATASETS
from ..utils.skipped import warn_left_out
from .metainfo import pose_metainfo


def fld_metainfo(subset: Subset) -> dict:
    """What mmpose wants to know about a type of clothes.

    mmpose's own tables have no sigmas, so no AP, and no skeleton, and that of
    full clothes numbers the keypoints 0..3 twice.

    Args:
        subset (str): ``upper``, ``lower`` or ``full``.
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
    """Fashion landmarks of upper (6), lower (4) or full (8) clothes.

    Unlike mmpose's ``DeepFashionDataset`` the landmarks belong to the
    instance: datasets of several types can be used side by side.

    A sample has what mmpose's pipelines need, and ``landmark_states`` (1, K)
    uint8: 2 visible, 1 occluded, 0 not labelled (truncated);
    ``keypoints_visible`` (1, K) is 1 where labelled.

    Items that cannot be trained or measured (no labelled landmark, no box
    inside the picture) are left out and named in one line.

    Args:
        ann_file (str): See :func:`~mmfashion_ext.formats.fld.reader.read_fld`.
            If it is the root of the raw data set the images are found there
            and ``data_prefix`` is not used.
        subset (str): ``full`` (default), ``upper`` or ``lower``.
        split (str): ``train`` (default), ``val`` or ``test`` of the raw data
            set; a JSON has one split.
        bbox_file (str, optional): Detections (``category_id`` 1) that take
            the place of the annotated boxes in a test.
        **kwargs: Those of mmpose's ``BaseCocoStyleDataset``.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: An entry of a file is wrong; the message names it.
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
        """Items that can be used, and the images."""
        statistics, items, left_out = FLDStatistics(), [], []
        images, annotations = self._read()
        for annotation in annotations:
            image = images[annotation['image_id']]
            item = self.parse_data_info(
                {'raw_ann_info': annotation, 'raw_img_info': image}
            )
            name = f'{annotation["id"]} in {image["file_name"]}'
            states = item['landmark_states'][0]
            if not states.any():
                left_out.append(f'{name} (no labelled landmark)')
            elif not self._is_box(item['bbox']):
                left_out.append(f'{name} (no box inside the picture)')
            else:
                items.append(item)
                variation = annotation.get('variation')
                statistics.add(self.clothes, states, variation=variation)
        warn_left_out(self.ann_file, 'annotations', left_out)
        print_log(
            f'{type(self).__name__} {self.ann_file}\n{statistics.summary()}',
            logger='current',
            level=logging.INFO,
        )
        return items, list(images.values())

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """The host's sample, with the state of each landmark."""
        data_info = super().parse_data_info(raw_data_info)
        v = raw_data_info['raw_ann_info']['keypoints'][2::3]
        data_info['landmark_states'] = np.array([v], np.uint8)
        return data_info

    def _load_detection_results(self) -> list[dict]:
        """Detected items; their landmarks are not known."""
        images, _ = self._read()
        items, left_out = [], []
        for index, entry in enumerate(read_boxes(self.bbox_file)):
            name = f'entry {index}'
            image = images.get(entry['image_id'])
            if entry['category_id'] != CATEGORY_ID:
                name += f' (category {entry["category_id"]!r}, expected 1)'
                left_out.append(name)
                continue
            if image is None:
                left_out.append(f'{name} (image is not in the annotations)')
                continue
            # what a box and its image tell is the same as of an annotation
            unknown = [0] * (3 * self.clothes.num_landmarks)
            item = self.parse_data_info(
                {
                    'raw_ann_info': {
                        **entry,
                        'id': index,
                        'keypoints': unknown,
                    },
                    'raw_img_info': image,
                }
            )
            if not self._is_box(item['bbox']):
                left_out.append(f'{name} (no box inside the picture)')
                continue
            del item['landmark_states'], item['raw_ann_info']
            item['bbox_score'] = np.array([entry['score']], np.float32)
            items.append(item)
        warn_left_out(self.bbox_file, 'detections', left_out)
        return items

    def _read(self) -> tuple[dict[int, dict], list[dict]]:
        """Images by id, with the path where they lie, and annotations."""
        images, annotations = read_fld(
            self.ann_file, self.clothes.name, self.split
        )
        for image in images.values():
            path = osp.join(self.data_prefix['img'], image['file_name'])
            image.setdefault('img_path', path)
            image['img_id'] = image['id']
        return images, annotations

    @staticmethod
    def _is_box(bbox: np.ndarray) -> bool:
        """Whether anything is left of a box that the host has clipped."""
        return bool((bbox[0, 2:] > bbox[0, :2]).all())
