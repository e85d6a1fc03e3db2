# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Clothing Co-Parsing reader: a split of the raw dataset, for a dataset class.

The JSON of the converter is read by :func:`..coco.read_coco`.
"""

from pathlib import Path

from ...errors import UserError
from ..coco import CocoGroundTruth
from .constants import GroupSet
from .items import coco_categories
from .raw import RawCCP
from .splits import CCPSplit

_CHECK = 'tools/dataset_converters/ccp.py ROOT --check lists all'


def read_ccp(
    root: str | Path, split: CCPSplit = 'all', groups: GroupSet = 'nine'
) -> CocoGroundTruth:
    """Read a split of the raw dataset as what its converter would write.

    Args:
        root (str | Path): Folder that holds ``photos``, see :mod:`.raw`.
        split (str): ``train``, ``validation``, ``test`` or ``all``.
        groups (str): Categories, the ``'nine'`` or ``'six'`` groups.

    Returns:
        CocoGroundTruth: Images, whose ``file_name`` is relative to
        ``photos``, items with ``bbox`` (x, y, w, h) in px and
        ``segmentation`` (run lengths), categories.

    Raises:
        FileNotFoundError: The folder is not that of the dataset.
        UserError: Something cannot be used; the first defect is named.
    """
    raw = RawCCP(root, split, groups)
    images, annotations = {}, []
    defects = list(raw.defects)
    for read in raw:
        defects += read.defects
        if read.image:
            images[read.image['id']] = read.image
            annotations += read.annotations
    fatal = [defect for defect in defects if defect.fatal]
    if fatal:
        raise UserError(
            f'{root}/{fatal[0]}. This is the first of {len(fatal)} defects; '
            f'{_CHECK}'
        )
    return CocoGroundTruth(images, annotations, coco_categories(groups))
