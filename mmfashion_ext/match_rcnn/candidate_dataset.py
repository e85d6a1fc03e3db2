# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Dataset of mmdet whose categories stand for sets of DeepFashion2's."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmdet.datasets import CocoDataset

from ..errors import UserError, describe
from ..formats.ccp import constants as ccp
from ..formats.ccp.reader import read_ccp
from ..formats.ccp.splits import CCPSplit
from ..formats.coco import (
    ANNOTATION_FIELDS,
    IMAGE_FIELDS,
    CocoFields,
    CocoGroundTruth,
    Segmentation,
    read_coco,
)
from ..formats.deepfashion2.constants import CLASS_NAMES
from ..formats.garments import constants as garments
from ..formats.rules import MAX_SIDE, Integer, Number, OptionalField, Text
from ..registry import DATASETS
from .candidate_sets import encode_candidates
from .dataset import DeepFashion2Dataset

_TABLES = {'ccp': ccp.CANDIDATES, 'garments': garments.CANDIDATES}
_FIELDS = CocoFields(
    image=IMAGE_FIELDS,
    annotation={
        **ANNOTATION_FIELDS,
        'area': Number(0, MAX_SIDE**2, 'px^2'),
        'segmentation': OptionalField(Segmentation()),
    },
    category={'id': Integer(), 'name': Text('a name')},
    remedy='make it again with the converter of its dataset',
)


@DATASETS.register_module()
class CandidateSetDataset(CocoDataset):
    """COCO file whose categories allow several of DeepFashion2's each.

    Clothing Co-Parsing says "top" where DeepFashion2 says "short sleeve top",
    "long sleeve top", "vest" or "sling". Labels are those of
    :mod:`.candidate_sets`, for ``CandidateSetBBoxHead``. Items have no
    landmarks and belong to no pair.

    Args:
        candidates (str | Mapping[str, Sequence[str | int]]): Name of a
            category of the file -> names or labels 0..12 of the categories
            that it allows; items of other categories are left out. Or the
            name of a table: ``'ccp'`` for the nine groups of Clothing
            Co-Parsing, ``'garments'`` for the classes of the CC0 garments.
        split (str): Of Clothing Co-Parsing as it is published: if
            ``ann_file`` is its folder, it is read without conversion, which
            is slower to start, and a defect is an error. Defaults to
            ``'all'``.
        **kwargs: Arguments of mmdet's ``CocoDataset``.

    Raises:
        UserError: ``candidates`` names an unknown category, or the file has
            none of its names.
    """

    METAINFO = DeepFashion2Dataset.METAINFO

    def __init__(
        self,
        *args: Any,
        candidates: str | Mapping[str, Sequence[str | int]],
        split: CCPSplit = 'all',
        **kwargs: Any,
    ) -> None:
        self._split = split
        self._label_of = {
            name: encode_candidates(labels, len(CLASS_NAMES))
            for name, labels in allowed_labels(candidates).items()
        }
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read the file; categories that are not asked for are left out.

        Returns:
            list[dict]: Data info of each image; boxes of ``instances`` are
            xyxy px.
        """
        if '://' not in self.ann_file and Path(self.ann_file).is_dir():
            truth = read_ccp(self.ann_file, self._split)
        else:
            truth = read_candidate_file(self.ann_file, self.backend_args)
        labels = {
            category['id']: self._label_of[category['name']]
            for category in truth.categories
            if category['name'] in self._label_of
        }
        if not labels:
            names = [category['name'] for category in truth.categories]
            raise UserError(
                f'{self.ann_file} has the categories {describe(names)}, none '
                'of which is in candidates of CandidateSetDataset '
                f'({describe(self._label_of)})'
            )
        self.cat_ids = sorted(labels)
        self.cat2label = labels
        self.cat_img_map = defaultdict(list)
        data_list = []
        for image, annotations in truth.by_image():
            items = [a for a in annotations if a['category_id'] in labels]
            for item in items:
                self.cat_img_map[item['category_id']].append(image['id'])
            info = self.parse_data_info(
                {
                    'raw_img_info': {**image, 'img_id': image['id']},
                    'raw_ann_info': items,
                }
            )
            data_list.append(_complete(info))
        return data_list


def read_candidate_file(
    ann_file: str, backend_args: dict | None = None
) -> CocoGroundTruth:
    """Read a COCO file of boxes (x, y, w, h) px and masks, with categories.

    Args:
        ann_file (str): JSON file.
        backend_args (dict, optional): MMEngine's file backend.

    Returns:
        CocoGroundTruth: Its records.

    Raises:
        UserError: It cannot be read, or a record is wrong.
    """
    return read_coco(ann_file, _FIELDS, backend_args=backend_args)


def allowed_labels(
    candidates: str | Mapping[str, Sequence[str | int]],
) -> dict[str, list[int]]:
    """Return the labels 0..12 that each category of a file allows.

    Args:
        candidates (str | Mapping[str, Sequence[str | int]]): As of
            :class:`CandidateSetDataset`.

    Returns:
        dict[str, list[int]]: Name of the category -> labels.

    Raises:
        UserError: There is no such table or category.
    """
    if isinstance(candidates, str):
        if candidates not in _TABLES:
            raise UserError(
                'candidates must be a dict or one of '
                f'{", ".join(_TABLES)}, got {candidates!r}'
            )
        candidates = _TABLES[candidates]
    return {
        name: [_label(category) for category in allowed]
        for name, allowed in candidates.items()
    }


def _label(category: str | int) -> int:
    """Return the label of a category given by name or label."""
    if isinstance(category, int):
        return category
    if category not in CLASS_NAMES:
        raise UserError(
            f'candidates: no category {category!r} in '
            f'DeepFashion2; its categories are {", ".join(CLASS_NAMES)}'
        )
    return CLASS_NAMES.index(category)


def _complete(info: dict) -> dict:
    """Add what LoadClothes and PairSampler read: no landmarks, no pair."""
    info.update(source='', pair_id=0, pair_numbering=0)
    for instance in info['instances']:
        instance.setdefault('mask', [])
        instance['keypoints'] = np.zeros((0, 3), np.float32)
        instance['style'] = 0
        instance['pair_id'] = 0
    return info
