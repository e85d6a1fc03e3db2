# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Clothes inferencer: images in; boxes, masks, categories, landmarks out."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from mmdet.models.detectors import BaseDetector
from mmdet.structures import DetDataSample
from mmdet.utils import get_test_pipeline_cfg
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from torch import nn

from ..errors import UserError
from ..formats.deepfashion2.constants import CATEGORIES
from ..formats.deepfashion2.landmark_names import LANDMARK_NAMES
from ..inferencer import Inferencer, PredictionStream
from ..utils.duplicates import DUPLICATE_IOU, distinct_items
from ..utils.host_scope import host_scope
from ..utils.image_inputs import (
    NamedInput,
    number_of_inputs,
    resolve_images,
    too_narrow,
)
from .dataset import DeepFashion2Dataset
from .metric import encode_mask
from .visualizer import ClothesVisualizer

#: Fields of ``pred_instances`` that ``_to_prediction`` converts itself.
_CONVERTED = {
    'bboxes',
    'scores',
    'labels',
    'masks',
    'keypoints',
    'keypoint_scores',
    'keypoints_in_class',
}


class LoadedImage(NamedTuple):
    """An image, and what the test pipeline made of it.

    Attributes:
        image (np.ndarray): (h, w, 3) uint8 BGR.
        data (dict): ``inputs`` (3, H, W) and ``data_samples``.
    """

    image: np.ndarray
    data: dict


class ClothesInferencer(Inferencer):
    """Inferencer of Match R-CNN: detects clothes with masks and landmarks.

    A prediction has ``input``, ``name``, of a video ``frame_id``, and of the
    N items of an image, best first:

    - ``bboxes`` (N, 4) xyxy px, ``scores`` (N,) 0-1, ``labels`` (N,) 0..12,
      ``categories`` their names;
    - ``masks`` (N, h, w) bool, with a mask head;
    - ``keypoints``, of each item the landmarks of its category (K, 2) px,
      ``keypoint_scores`` (K,) 0-1 and ``keypoint_names``, with a landmark
      head;
    - ``match_features`` (N, D), with a match head;
    - the fields of further heads, (N, ...).

    Examples:
        >>> infer = ClothesInferencer('match-rcnn_r50_fpn_8xb2-1x_'
        ...                           'deepfashion2', weights='epoch_12.pth')
        >>> found = infer('street.jpg', out_dir='out')['predictions'][0]
        >>> found['categories'], found['bboxes'][0], found['keypoints'][0]

    Args:
        model (str | Path | nn.Module): See
            :class:`~mmfashion_ext.inferencer.Inferencer`.
        weights (str | Path, optional): See there.
        device (str, optional): See there.
        batch_size (int): Images that go through the network together.
        show_progress (bool): Show a progress bar over several images.

    Raises:
        UserError: See there, or the model is not a detector of mmdet with
            DeepFashion2's categories.
    """

    def __init__(
        self,
        model: str | Path | nn.Module,
        weights: str | Path | None = None,
        device: str | None = None,
        *,
        batch_size: int = 1,
        show_progress: bool = True,
    ) -> None:
        super().__init__(
            model,
            weights,
            device,
            batch_size=batch_size,
            show_progress=show_progress,
        )
        if not isinstance(self.model, BaseDetector):
            raise UserError(
                'ClothesInferencer runs detectors of mmdet, got a '
                f'{type(self.model).__name__}; build the inferencer of any '
                'model by mmfashion_ext.hub.build_inferencer'
            )
        check_classes(self.model)
        self.model.dataset_meta = dict(DeepFashion2Dataset.METAINFO)
        self.pipeline = build_array_pipeline(self.model.cfg)
        self.visualizer = ClothesVisualizer()

    def __call__(
        self,
        inputs: object,
        *,
        out_dir: str | Path | None = None,
        draw: bool = False,
        show: bool = False,
        stream: bool = False,
        return_datasamples: bool = False,
        score_thr: float = 0.0,
        duplicate_iou: float | None = None,
        draw_score_thr: float = 0.3,
        draw_duplicate_iou: float | None = DUPLICATE_IOU,
        kpt_thr: float = 0.1,
    ) -> dict | PredictionStream:
        """Detect the clothes of images.

        Args:
            inputs (object): An image (path, URL, array (h, w, 3) uint8 BGR,
                bytes, opened file or image of Pillow), a folder, a video
                file, a mapping of names to images; or an iterable of these.
            out_dir (str | Path, optional): Write the results to this folder;
                masks are COCO RLE there.
            draw (bool): Add ``visualization``, (h, w, 3) uint8 BGR.
            show (bool): Show each drawn image in a window.
            stream (bool): Return an iterator over the predictions. Use it
                for many images: their masks need much memory.
            return_datasamples (bool): Return mmdet's data samples.
            score_thr (float): Lowest score, 0-1, of an item, above that of
                the model's ``test_cfg``.
            duplicate_iou (float, optional): Of two items of any categories
                that overlap more (IoU, 0-1), the one with the lower score is
                left out. None: all are returned, as the official protocol
                evaluates them.
            draw_score_thr (float): Lowest score, 0-1, of a drawn item.
            draw_duplicate_iou (float, optional): As ``duplicate_iou``, of
                drawn items; so one dress is drawn once.
            kpt_thr (float): Lowest score, 0-1, of a drawn landmark.

        Returns:
            dict | PredictionStream: ``predictions``, see the class, and
            ``skipped``.

        Raises:
            UserError: The only image cannot be read, or ``show`` finds no
                display.
        """
        return self._run(
            resolve_images(inputs, videos=True),
            total=number_of_inputs(inputs),
            out_dir=out_dir,
            draw=draw,
            show=show,
            stream=stream,
            return_datasamples=return_datasamples,
            options=dict(
                score_thr=score_thr,
                duplicate_iou=duplicate_iou,
                draw_score_thr=draw_score_thr,
                draw_duplicate_iou=draw_duplicate_iou,
                kpt_thr=kpt_thr,
            ),
        )

    def _load(self, item: NamedInput) -> LoadedImage:
        image = super()._load(item)
        try:
            data = self.pipeline({'img': image, 'img_id': 0})
        except cv2.error:
            raise too_narrow(item, image) from None
        data['data_samples'].set_metainfo({'img_path': item.input})
        return LoadedImage(image, data)

    def _predict(
        self, loaded: list[LoadedImage], options: dict
    ) -> list[DetDataSample]:
        with torch.no_grad():
            samples = self.model.test_step(
                pseudo_collate([image.data for image in loaded])
            )
        for sample in samples:
            found = sample.pred_instances
            found = found[found.scores >= options['score_thr']]
            kept = distinct_items(
                found.bboxes.cpu().numpy(),
                found.scores.cpu().numpy(),
                options['duplicate_iou'],
            )
            if len(kept) < len(found):
                found = found[torch.from_numpy(kept).to(found.scores.device)]
            sample.pred_instances = found
        return samples

    def _to_prediction(self, sample: DetDataSample) -> dict:
        found = sample.pred_instances.cpu()
        labels = found.labels.tolist()
        prediction = {
            'bboxes': found.bboxes.numpy(),
            'scores': found.scores.numpy(),
            'labels': found.labels.numpy(),
            'categories': [CATEGORIES[label].name for label in labels],
        }
        if 'masks' in found:
            prediction['masks'] = found.masks.numpy()
        if 'keypoints' in found:
            for name in ('keypoints', 'keypoint_scores'):
                prediction[name] = [
                    values[CATEGORIES[label].slice]
                    for values, label in zip(
                        found[name].numpy(), labels, strict=True
                    )
                ]
            prediction['keypoint_names'] = [
                list(LANDMARK_NAMES[label]) for label in labels
            ]
        for name in sorted(set(found.keys()) - _CONVERTED):
            value = found[name]
            is_tensor = isinstance(value, torch.Tensor)
            prediction[name] = value.numpy() if is_tensor else value
        return prediction

    def to_json(self, prediction: dict) -> dict:
        """Return a prediction with masks (N, h, w) as COCO RLE."""
        if 'masks' not in prediction:
            return prediction
        masks = [encode_mask(mask) for mask in prediction['masks']]
        return {**prediction, 'masks': masks}

    def _draw(
        self, loaded: LoadedImage, sample: DetDataSample, options: dict
    ) -> np.ndarray:
        found = sample.pred_instances.cpu()
        self.visualizer.kpt_thr = options['kpt_thr']
        self.visualizer.duplicate_iou = options['draw_duplicate_iou']
        return self.visualizer.draw_on(
            loaded.image, found[found.scores >= options['draw_score_thr']]
        )


def check_classes(model: nn.Module) -> None:
    """Check that a detector has the 13 categories of DeepFashion2.

    Args:
        model (nn.Module): A detector of mmdet.

    Raises:
        UserError: Its box head has another number of classes.
    """
    head = getattr(getattr(model, 'roi_head', model), 'bbox_head', None)
    found = getattr(head, 'num_classes', len(CATEGORIES))
    if found != len(CATEGORIES):
        raise UserError(
            f'ClothesInferencer: bbox_head.num_classes is {found}, expected '
            f'the {len(CATEGORIES)} categories of DeepFashion2; run this '
            "model with mmdet's DetInferencer"
        )


def build_array_pipeline(cfg: Config) -> Compose:
    """Build a config's test pipeline for images that were read already.

    Args:
        cfg (Config): With a ``test_dataloader``.

    Returns:
        Compose: Turns ``img`` (h, w, 3) uint8 BGR and ``img_id`` into
        ``inputs`` (3, H, W) and ``data_samples``; it loads no ground truth.

    Raises:
        UserError: The config has no test pipeline, or it loads no image.
    """
    try:
        transforms = get_test_pipeline_cfg(cfg)
    except (AttributeError, RuntimeError, KeyError):
        raise UserError(
            f'{cfg.get("filename")}: no test_dataloader.dataset.pipeline; '
            'inherit the dataset of a config of this package'
        ) from None
    pipeline, loads_image = [], False
    for transform in transforms:
        name = transform['type'].rpartition('.')[2]
        if name == 'LoadImageFromFile':
            loads_image = True
            kept = {k: v for k, v in transform.items() if k == 'to_float32'}
            transform = {'type': 'mmdet.LoadImageFromNDArray', **kept}
        if name not in ('LoadClothes', 'LoadAnnotations'):
            pipeline.append(transform)
    if not loads_image:
        raise UserError(
            f'{cfg.filename}: the test pipeline holds no LoadImageFromFile, '
            f'got {[transform["type"] for transform in transforms]}; put it '
            'first'
        )
    with host_scope('mmdet'):
        return Compose(pipeline)
