# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Dataset of mmdet that reads DeepFashion2, raw or as a COCO file."""

import logging
import zlib
from collections import defaultdict
from os.path import abspath
from typing import Any

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
from ..utils.skipped import warn_named
from .masks import mask_problem


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

    Items that the host drops or ignores are counted in one line of the log,
    with the reason; so are images that ``filter_cfg`` leaves out.

    Args:
        pair_numbering (str, optional): Name of what the pair ids count in.
            Images with the same pair id show the same garments only if their
            datasets have the same. Defaults to None: the path of
            ``ann_file``, so two files that are joined by ``ConcatDataset``
            share no garments. Give both the same name where they do, for
            instance one file with the images of users and one of shops.
        **kwargs: Arguments of mmdet's ``CocoDataset``.
    """

    METAINFO = {
        'classes': CLASS_NAMES,
        'palette': list(PALETTE),
        'num_keypoints': NUM_LANDMARKS,
        'sigmas': SIGMAS,
    }

    def __init__(
        self, *args: Any, pair_numbering: str | None = None, **kwargs: Any
    ) -> None:
        self._pair_numbering = pair_numbering
        super().__init__(*args, **kwargs)

    @property
    def pair_numbering(self) -> int:
        """Number (31 bits) that stands for what the pair ids count in."""
        name = self._pair_numbering
        if name is None:
            remote = '://' in self.ann_file
            name = self.ann_file if remote else abspath(self.ann_file)
        return zlib.crc32(name.encode()) >> 1

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
        self._unused = _UnusedItems()
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
        self._unused.report(self.ann_file, statistics.items.total())
        return data_list

    def prepare_data(self, idx: int) -> Any:
        """Run the pipeline on an image, which also gets ``pair_numbering``."""
        data_info = self.get_data_info(idx)
        data_info['pair_numbering'] = self.pair_numbering
        return self.pipeline(data_info)

    def filter_data(self) -> list[dict]:
        """Filter images by ``filter_cfg``, and say how many are left out."""
        images = super().filter_data()
        if left_out := len(self.data_list) - len(images):
            print_log(
                f'{self.ann_file}: {left_out} of {len(self.data_list)} images '
                f'left out by filter_cfg ({dict(self.filter_cfg)})',
                logger='current',
            )
        return images

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
            self._unused.count(annotation, image)
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


class _UnusedItems:
    """Count of the items that the host drops or ignores, by reason."""

    def __init__(self) -> None:
        #: What happens to them -> reason -> how many, and the first one.
        self.found: dict[str, dict[str, list]] = {}

    def count(self, annotation: dict, image: dict) -> None:
        """Count an item unless it is used; the host's rules decide."""
        if annotation.get('ignore'):
            verdict = 'dropped', 'ignore set'
        elif annotation['area'] <= 0 or min(annotation['bbox'][2:]) < 1:
            verdict = 'dropped', 'a box narrower or lower than 1 px or no area'
        elif not _overlaps_image(annotation['bbox'], image):
            verdict = 'dropped', 'a box outside the image'
        elif annotation.get('iscrowd'):
            verdict = 'ignored', 'iscrowd set'
        elif problem := mask_problem(annotation.get('segmentation')):
            verdict = 'ignored where masks are loaded', problem
        else:
            return
        fate, reason = verdict
        name = f'annotation {annotation["id"]} in {image["file_name"]}'
        entry = self.found.setdefault(fate, {}).setdefault(reason, [0, name])
        entry[0] += 1

    def report(self, ann_file: str, total: int) -> None:
        """Log one line for what was dropped, and one for what is ignored."""
        for fate, reasons in self.found.items():
            number = sum(count for count, _ in reasons.values())
            warn_named(
                f'{ann_file}: {number} of {total} items are {fate}',
                [
                    f'{count} with {reason} (the first is {name})'
                    for reason, (count, name) in reasons.items()
                ],
                separator='; ',
            )


def _overlaps_image(bbox: list[float], image: dict) -> bool:
    """Check whether a box xywh px has a part of the image in it."""
    x, y, w, h = bbox
    width = min(x + w, image['width']) - max(x, 0)
    height = min(y + h, image['height']) - max(y, 0)
    return width > 0 and height > 0
