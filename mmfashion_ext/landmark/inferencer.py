# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Landmark inferencer: images or videos in, landmarks of their clothes out."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmpose.registry import DATASETS, VISUALIZERS
from mmpose.structures import PoseDataSample
from torch import nn

from ..errors import UserError
from ..evaluation.result_files import to_numpy
from ..formats.deepfashion2.constants import CLASS_NAMES, NUM_LANDMARKS
from ..inferencer import Inferencer, PredictionStream
from ..utils.boxed_images import (
    GarmentImage,
    load_garment_image,
    resolve_boxed_images,
)
from ..utils.duplicates import DUPLICATE_IOU, distinct_items
from ..utils.host_scope import host_scope
from ..utils.image_inputs import NamedInput, number_of_inputs
from .garment_detector import GarmentDetector
from .predictions import assign_category, merge_garments, to_prediction


class LandmarkInferencer(Inferencer):
    """Find the landmarks of clothes, in boxes of a detector or of a user.

    A prediction has ``input`` and ``name`` (and ``frame_id`` of a video) and,
    for N garments of the image: ``bboxes`` (N, 4) xyxy px, ``scores`` (N,)
    0-1 of the boxes, ``labels`` (N,) 0..12, ``categories``, and of each
    garment ``keypoints`` (K_i, 2) px, ``keypoint_scores`` (K_i,) 0-1 and
    ``keypoint_names``, the landmarks of its category. ``labels`` and
    ``categories`` are None for models of FLD, which know no categories. N is
    0 if nothing is detected.

    Examples:
        >>> infer = LandmarkInferencer(
        ...     'td-hm-udp_hrnet-w32_8xb64-210e_deepfashion2-256x192',
        ...     weights='epoch_210.pth',
        ...     det_model='match-rcnn_r50_fpn_8xb2-1x_deepfashion2',
        ...     det_weights='epoch_12.pth')
        >>> found = infer('images/', out_dir='out')
        >>> for prediction in found['predictions']:
        ...     print(prediction['categories'], prediction['keypoints'])

    Args:
        model (str | Path | nn.Module): Name of a model, path of a config
            file, or a model that ``get_model`` built (then ``weights`` must
            be None).
        weights (str | Path, optional): Checkpoint file or URL; read as data,
            never unpickled. Defaults to None: the published ones.
        device (str, optional): Defaults to None: CUDA where there is one.
        det_model (str | Path, optional): Detector: name of a model of this
            project or of mmdet, or path of a config file. Its labels are the
            garments' categories if all of their names are DeepFashion2's.
            Defaults to None: each image is one garment, whose category is
            guessed.
        det_weights (str | Path, optional): As ``weights``, of the detector.
        det_cat_ids (int | Sequence[int], optional): Labels of the detector
            that are clothes. Defaults to None: all.
        batch_size (int): Images that are read together, and garments that go
            through the landmark network together. Defaults to 1.
        show_progress (bool): Show a progress bar over several images.
            Defaults to True.

    Attributes:
        detector (GarmentDetector, optional): What finds the garments.
        names (list[str]): Names of all K landmarks.
        has_categories (bool): Whether the model knows DeepFashion2's 13
            categories; models of FLD do not.

    Raises:
        UserError: An unknown model or device, no published weights, or
            weights of another model.
        CheckpointError: See ``utils.checkpoint``.
    """

    def __init__(
        self,
        model: str | Path | nn.Module,
        weights: str | Path | None = None,
        device: str | None = None,
        *,
        det_model: str | Path | None = None,
        det_weights: str | Path | None = None,
        det_cat_ids: int | Sequence[int] | None = None,
        batch_size: int = 1,
        show_progress: bool = True,
    ) -> None:
        alone = det_weights is not None or det_cat_ids is not None
        if det_model is None and alone:
            raise UserError(
                'det_weights and det_cat_ids belong to a detector: pass '
                'det_model too, or leave them out'
            )
        super().__init__(
            model,
            weights,
            device,
            batch_size=batch_size,
            show_progress=show_progress,
        )
        cfg = self.model.cfg
        if cfg.get('default_scope') != 'mmpose':
            raise UserError(
                f'{cfg.filename}: expected a landmark model (a config of '
                f'mmpose), got one of {cfg.get("default_scope")}; '
                'mmfashion_ext.hub.build_inferencer chooses the inferencer '
                'of any model'
            )
        with host_scope('mmpose'):
            dataset = {**cfg.test_dataloader.dataset, 'lazy_init': True}
            self.dataset_meta = DATASETS.build(dataset).metainfo
            self.pipeline = Compose(cfg.test_dataloader.dataset.pipeline)
            self.visualizer = self._build_visualizer()
        self.names = list(self.dataset_meta['keypoint_id2name'].values())
        self.has_categories = len(self.names) == NUM_LANDMARKS
        # a model that was fine-tuned for some categories knows these only
        trained = self.dataset_meta.get('categories', CLASS_NAMES)
        self.category_ids = [CLASS_NAMES.index(name) + 1 for name in trained]
        self.detector = None
        if det_model is not None:
            self.detector = GarmentDetector(
                det_model, det_weights, det_cat_ids, device or str(self.device)
            )

    def __call__(
        self,
        inputs: object,
        *,
        bboxes: object = None,
        out_dir: str | Path | None = None,
        draw: bool = False,
        show: bool = False,
        stream: bool = False,
        return_datasamples: bool = False,
        bbox_thr: float = 0.3,
        nms_thr: float = 0.3,
        kpt_thr: float = 0.3,
        draw_bbox: bool = True,
        draw_duplicate_iou: float | None = DUPLICATE_IOU,
    ) -> dict | PredictionStream:
        """Find the landmarks of the clothes in images or videos.

        Args:
            inputs (object): An image (path, URL, array (h, w, 3) BGR uint8,
                image of Pillow, bytes or opened file), a folder, a video
                file, a mapping of names to images, or an iterable of these.
            bboxes (object, optional): Boxes that replace the detector's: for
                each image (n, 4) xyxy px or None, as an iterable or, of a
                mapping, a mapping. Of one image also the (n, 4) itself.
            out_dir (str | Path, optional): Folder of ``visualizations/``,
                ``predictions/`` and ``results.json``.
            draw (bool): Add ``visualization``, (h, w, 3) uint8 BGR.
            show (bool): Show each drawn image in a window.
            stream (bool): Return an iterator, which computes a prediction
                when it is asked for.
            return_datasamples (bool): Return mmpose's ``PoseDataSample``.
            bbox_thr (float): Score, 0-1, that a detected box must exceed.
            nms_thr (float): Highest IoU of two detected boxes of one label.
            kpt_thr (float): Lowest score, 0-1, of a drawn landmark.
            draw_bbox (bool): Draw the boxes and categories too.
            draw_duplicate_iou (float, optional): Of two detected garments of
                any categories that overlap more (IoU, 0-1), the one with the
                lower score is not drawn. None: all are.

        Returns:
            dict | PredictionStream: ``predictions`` (see the class), one for
            each image or frame, and ``skipped`` (``input``, ``reason``).

        Raises:
            UserError: The only input cannot be used, ``bboxes`` do not belong
                to the images, or ``show`` finds no display.
        """
        return self._run(
            resolve_boxed_images(inputs, bboxes),
            total=number_of_inputs(inputs),
            out_dir=out_dir,
            draw=draw,
            show=show,
            stream=stream,
            return_datasamples=return_datasamples,
            options={
                'bbox_thr': bbox_thr,
                'nms_thr': nms_thr,
                'kpt_thr': kpt_thr,
                'draw_bbox': draw_bbox,
                'draw_duplicate_iou': draw_duplicate_iou,
            },
        )

    def _build_visualizer(self) -> Any:
        """Build mmpose's visualizer of the config, without its backends."""
        default = {'type': 'PoseLocalVisualizer', 'radius': 2, 'line_width': 1}
        visualizer = VISUALIZERS.build(
            {
                **self.model.cfg.get('visualizer', default),
                'vis_backends': None,
                'name': f'landmark_inferencer_{id(self)}',
            }
        )
        visualizer.set_dataset_meta(self.dataset_meta)
        return visualizer

    def _load(self, item: NamedInput) -> GarmentImage:
        return load_garment_image(item)

    @torch.no_grad()
    def _predict(
        self, loaded: list[GarmentImage], options: dict
    ) -> list[PoseDataSample]:
        """Predict the garments of some images, one data sample for each."""
        crops = [self._crops(image, options) for image in loaded]
        together = [crop for own in crops for crop in own]
        garments: list[PoseDataSample] = []
        for start in range(0, len(together), self.batch_size):
            batch = together[start : start + self.batch_size]
            garments += self.model.test_step(pseudo_collate(batch))
        if self.has_categories:
            for garment in garments:
                assign_category(garment)
        remaining = iter(garments)
        return [
            merge_garments(list(islice(remaining, len(own))), image.path)
            for image, own in zip(loaded, crops, strict=True)
        ]

    def _crops(self, image: GarmentImage, options: dict) -> list[dict]:
        """Cut out the garments of an image as the network expects them."""
        boxes, scores, ids = self._boxes(image, options)
        if len(self.category_ids) == 1:
            ids = np.where(ids == 0, self.category_ids[0], ids)
        crops = []
        for box, score, category_id in zip(boxes, scores, ids, strict=True):
            if category_id and category_id not in self.category_ids:
                continue
            info = {
                **self.dataset_meta,
                'img': image.image,
                'img_path': image.path,
                'bbox': box[None],
                'bbox_score': score[None],
            }
            if self.has_categories and category_id:
                info['category_id'] = int(category_id)
            crops.append(self.pipeline(info))
        return crops

    def _boxes(
        self, image: GarmentImage, options: dict
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return boxes (n, 4) xyxy px, scores (n,), category ids (n,).

        They are the user's, else the detector's, else the whole image. Ids
        are 0 where the category is not known.
        """
        if image.boxes is None and self.detector is not None:
            return self.detector(
                image.image, options['bbox_thr'], options['nms_thr']
            )
        return image.given_boxes()

    def _to_prediction(self, sample: PoseDataSample) -> dict:
        return to_prediction(
            sample.pred_instances, self.names, self.has_categories
        )

    def _draw(
        self, loaded: GarmentImage, sample: PoseDataSample, options: dict
    ) -> np.ndarray:
        found = sample.pred_instances
        if loaded.boxes is None and 'bboxes' in found:  # detected
            kept = distinct_items(
                to_numpy(found.bboxes),
                to_numpy(found.bbox_scores),
                options['draw_duplicate_iou'],
            )
            if len(kept) < len(found):
                sample = sample.new()
                sample.pred_instances = found[kept]
        drawn = self.visualizer.add_datasample(
            Path(loaded.path).name,
            np.ascontiguousarray(loaded.image[..., ::-1]),
            sample,
            draw_gt=False,
            draw_bbox=options['draw_bbox'],
            kpt_thr=options['kpt_thr'],
        )
        return np.ascontiguousarray(drawn[..., ::-1])
