# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Dataset of mmdet that reads DeepFashion2, raw or as a COCO file."""

import logging
from collections import defaultdict

from mmdet.datasets import CocoDataset
from mmengine.logging import print_log

from ..errors import UserError
from ..formats.deepfashion2.constants import (
    ATTRIBUTES,
    CATEGORY_BY_ID,
    CLASS_NAMES,
    NUM_LANDMARKS,
    PALETTE,
    SIGMAS,
)
from ..formats.deepfashion2.reader import read_images
from ..formats.deepfashion2.statistics import SplitStatistics
from ..registry import DATASETS


@DATASETS.register_module()
class DeepFashion2Dataset(CocoDataset):
    """DeepFashion2 dataset: boxes, masks, 294 landmarks, styles, attributes.

    ``ann_file`` is what
    :func:`~mmfashion_ext.formats.deepfashion2.reader.read_images` reads: a
    COCO file of our converter or of the official one, which leaves some
    fields out (``source`` is then ``''`` and the attribute codes are 0,
    unknown), or the ``annos`` folder of a raw split (slower to start).

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
        """Read the annotations of all images and log a summary.

        Raises:
            FileNotFoundError: ``ann_file`` does not exist.
            UserError: It is not what this class reads, or ``metainfo`` has
                other classes.
        """
        if tuple(self.metainfo['classes']) != CLASS_NAMES:
            raise UserError(
                'DeepFashion2Dataset has 13 fixed classes, because they '
                'decide which of the 294 landmarks an item has; got classes='
                f"{self.metainfo['classes']}. Remove 'classes' from metainfo"
            )
        self.cat_ids = list(CATEGORY_BY_ID)
        self.cat2label = {cat_id: cat_id - 1 for cat_id in self.cat_ids}
        self.cat_img_map = defaultdict(list)
        statistics = SplitStatistics()
        data_list = []
        images = read_images(
            self.ann_file, not self.test_mode, self.backend_args
        )
        for image, annotations in images:
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
        """Parse one image; see the class for what is added to mmdet's.

        Args:
            raw_data_info (dict): ``raw_img_info``, and ``raw_ann_info`` with
                ``keypoints`` (n, 3) of each item.

        Returns:
            dict: mmdet's keys and those of the class.
        """
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
