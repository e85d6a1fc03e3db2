# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Landmark inferencer of exported models: without PyTorch."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import UserError
from ..formats.deepfashion2.constants import CATEGORIES
from ..inferencer import PredictionStream
from ..utils.box_selection import select_boxes
from ..utils.boxed_images import (
    GarmentImage,
    load_garment_image,
    resolve_boxed_images,
)
from ..utils.duplicates import DUPLICATE_IOU, distinct_items
from ..utils.image_inputs import NamedInput, number_of_inputs
from .base import LiteInferencer
from .clothes import ClothesInferencer, normalise
from .crops import crop, decode_heatmaps
from .drawing import draw_items


class _Garment(NamedTuple):
    """A garment, and what the network reads of it.

    Attributes:
        tensor (np.ndarray): (1, 3, h, w) float32, the normalised crop.
        center (np.ndarray): (2,) px of the image, the crop's centre.
        sides (np.ndarray): (2,) px of the image, the crop's width and height.
        box (np.ndarray): (4,) float32 xyxy px.
        score (float): Of the box, 0-1.
        label (int): 0..12, -1 if it is not known.
    """

    tensor: np.ndarray
    center: np.ndarray
    sides: np.ndarray
    box: np.ndarray
    score: float
    label: int


class LandmarkInferencer(LiteInferencer):
    """Finds the landmarks of clothes; an exported model of heat maps.

    Predictions are those of ``mmfashion_ext.landmark.LandmarkInferencer``:
    ``bboxes`` (N, 4) xyxy px, ``scores`` (N,) of the boxes, ``labels``,
    ``categories``, ``keypoints`` N x (K, 2) px, ``keypoint_scores`` and
    ``keypoint_names``.

    Examples:
        >>> infer = LandmarkInferencer('exported', det_model='detector')
        >>> found = infer('street.jpg', out_dir='out')['predictions'][0]

    Args:
        folder (str | Path): See :class:`LiteInferencer`.
        det_model (str | Path, optional): Folder of an exported Match R-CNN
            that finds the garments. Defaults to None: each image is one
            garment, whose category is guessed.
        det_cat_ids (int | Sequence[int], optional): Labels of the detector
            to use. Defaults to None: all.
        threads (int, optional): See there.
        batch_size (int): Images that are read together, and garments that go
            through the network together.
        show_progress (bool): See there.

    Raises:
        UserError: See there, or ``det_cat_ids`` without ``det_model``.
    """

    system = 'landmark'

    def __init__(
        self,
        folder: str | Path,
        *,
        det_model: str | Path | None = None,
        det_cat_ids: int | Sequence[int] | None = None,
        threads: int | None = None,
        batch_size: int = 1,
        show_progress: bool = True,
    ) -> None:
        if det_model is None and det_cat_ids is not None:
            raise UserError(
                'det_cat_ids belongs to a detector: pass det_model too, or '
                'leave it out'
            )
        super().__init__(
            folder,
            threads=threads,
            batch_size=batch_size,
            show_progress=show_progress,
        )
        self.detector = None
        if det_model is not None:
            self.detector = ClothesInferencer(
                det_model, threads=threads, show_progress=False
            )
        if isinstance(det_cat_ids, int):
            det_cat_ids = [det_cat_ids]
        self.det_cat_ids = det_cat_ids

    def __call__(
        self,
        inputs: object,
        *,
        bboxes: object = None,
        out_dir: str | Path | None = None,
        draw: bool = False,
        show: bool = False,
        stream: bool = False,
        bbox_thr: float = 0.3,
        nms_thr: float = 0.3,
        kpt_thr: float = 0.3,
        draw_bbox: bool = True,
        draw_duplicate_iou: float | None = DUPLICATE_IOU,
    ) -> dict | PredictionStream:
        """Find the landmarks of the clothes in images or videos.

        Args:
            inputs (object): Images (h, w, 3) uint8 BGR, paths, folders,
                videos ...: see ``landmark.LandmarkInferencer``.
            bboxes (object, optional): Boxes (n, 4) xyxy px of each image,
                see there.
            out_dir (str | Path, optional): Write the results to this folder.
            draw (bool): Add ``visualization``, (h, w, 3) uint8 BGR.
            show (bool): Show each drawn image in a window.
            stream (bool): Return an iterator over the predictions.
            bbox_thr (float): Score, 0-1, that a detected box must exceed.
            nms_thr (float): Highest IoU of two detected boxes of one label.
            kpt_thr (float): Lowest score, 0-1, of a drawn landmark.
            draw_bbox (bool): Draw the boxes and categories too.
            draw_duplicate_iou (float, optional): Of two detected garments
                that overlap more (IoU, 0-1), the better one is drawn.

        Returns:
            dict | PredictionStream: ``predictions`` and ``skipped``.

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
            options={
                'bbox_thr': bbox_thr,
                'nms_thr': nms_thr,
                'kpt_thr': kpt_thr,
                'draw_bbox': draw_bbox,
                'draw_duplicate_iou': draw_duplicate_iou,
            },
        )

    def _load(self, item: NamedInput) -> GarmentImage:
        return load_garment_image(item)

    def _predict(
        self, loaded: list[GarmentImage], options: dict
    ) -> list[dict]:
        """Return the predictions of some images, without their names."""
        garments = [self._garments(image, options) for image in loaded]
        together = [garment for own in garments for garment in own]
        landmarks: list[dict] = []
        for start in range(0, len(together), self.batch_size):
            batch = together[start : start + self.batch_size]
            landmarks += self._landmarks(batch)
        found = iter(landmarks)
        return [
            self._merge(own, list(islice(found, len(own)))) for own in garments
        ]

    def _garments(self, image: GarmentImage, options: dict) -> list[_Garment]:
        """Cut out the garments of an image."""
        content = self.graphs.content
        boxes, scores, ids = self._boxes(image, options)
        known = content['category_ids']
        if len(known) == 1:
            ids = np.where(ids == 0, known[0], ids)
        garments = []
        for box, score, category in zip(
            boxes, scores, ids.tolist(), strict=True
        ):
            if category and category not in known:
                continue
            cut, center, sides = crop(
                image.image,
                box,
                content['input']['size'],
                content['input']['padding'],
            )
            label = category - 1 if content['has_categories'] else -1
            garments.append(
                _Garment(
                    normalise(cut, content['input']),
                    center,
                    sides,
                    box,
                    float(score),
                    label,
                )
            )
        return garments

    def _boxes(
        self, image: GarmentImage, options: dict
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return boxes (n, 4) xyxy px, scores (n,), category ids (n,)."""
        if image.boxes is None and self.detector is not None:
            found: Any = self.detector(image.image)
            (found,) = found['predictions']
            chosen = select_boxes(
                found['bboxes'],
                found['scores'],
                found['labels'],
                options['bbox_thr'],
                options['nms_thr'],
                self.det_cat_ids,
            )
            return (
                found['bboxes'][chosen],
                found['scores'][chosen],
                found['labels'][chosen] + 1,
            )
        return image.given_boxes()

    def _landmarks(self, garments: list[_Garment]) -> list[dict]:
        """Return label, landmarks (K, 2) px and scores (K,) of garments."""
        content = self.graphs.content
        crops = np.concatenate([garment.tensor for garment in garments])
        (feats,) = self.graphs.run('features', crops=crops)
        labels = np.array([garment.label for garment in garments])
        if content['labelled'] and (labels < 0).any():
            labels = np.where(labels < 0, self._guess(feats), labels)
        maps = self._maps(feats, labels)
        if content['flip_test']:
            mirrored = np.ascontiguousarray(crops[..., ::-1])
            (feats,) = self.graphs.run('features', crops=mirrored)
            maps = (maps + self._unflip(self._maps(feats, labels), labels)) / 2
        return [
            self._decode(garment, int(label), own)
            for garment, label, own in zip(garments, labels, maps, strict=True)
        ]

    def _maps(self, feats: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the heat maps (B, K, H, W) of features."""
        inputs = {'feats': feats}
        if self.graphs.content['labelled']:
            inputs['labels'] = labels.astype(np.int64)
        return self.graphs.run('maps', **inputs)[0]

    def _guess(self, feats: np.ndarray) -> np.ndarray:
        """Return the most confident category (B,) 0..12 of each garment."""
        scores = []
        for label, category in enumerate(CATEGORIES):
            maps = self._maps(feats, np.full(len(feats), label))
            best = maps[:, : category.num_landmarks].max(axis=(2, 3))
            scores.append(best.mean(axis=1))
        return np.argmax(scores, axis=0)

    def _unflip(self, maps: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Mirror the maps (B, K, H, W) of mirrored crops back."""
        maps = maps[..., ::-1].copy()
        if self.graphs.content['shift_heatmap']:
            maps[..., 1:] = maps[..., :-1].copy()
        partners = np.array(self.graphs.content['partners'])
        if partners.ndim == 1:
            return maps[:, partners]
        rows = partners[labels][..., None, None]
        return np.take_along_axis(maps, rows, axis=1)

    def _decode(self, garment: _Garment, label: int, maps: np.ndarray) -> dict:
        """Return label, landmarks (K, 2) px and scores (K,) of one garment."""
        content = self.graphs.content
        if content['labelled']:
            maps = maps[: CATEGORIES[label].num_landmarks]
        points, scores = decode_heatmaps(
            maps, content['blur_kernel_size'], content['input']['size']
        )
        points = points / content['input']['size'] * garment.sides
        points = points + garment.center - 0.5 * garment.sides
        if content['has_categories'] and not content['labelled']:
            if label < 0:
                means = [scores[c.slice].mean() for c in CATEGORIES]
                label = int(np.argmax(means))
            part = CATEGORIES[label].slice
            points, scores = points[part], scores[part]
        return {
            'label': label,
            'keypoints': points.astype(np.float32),
            'keypoint_scores': scores.astype(np.float32),
        }

    def _merge(self, garments: list[_Garment], landmarks: list[dict]) -> dict:
        """Return the prediction of an image from its N garments."""
        content = self.graphs.content
        labels = [found['label'] for found in landmarks]
        parts = [slice(None)] * len(labels)
        if content['has_categories']:
            parts = [CATEGORIES[label].slice for label in labels]
        boxes = np.array([garment.box for garment in garments], np.float32)
        scores = [garment.score for garment in garments]
        return {
            'bboxes': boxes.reshape(-1, 4),
            'scores': np.array(scores, np.float32),
            'labels': (
                np.array(labels, int) if content['has_categories'] else None
            ),
            'categories': (
                [CATEGORIES[label].name for label in labels]
                if content['has_categories']
                else None
            ),
            'keypoints': [found['keypoints'] for found in landmarks],
            'keypoint_scores': [
                found['keypoint_scores'] for found in landmarks
            ],
            'keypoint_names': [content['names'][part] for part in parts],
        }

    def _to_prediction(self, sample: dict) -> dict:
        return sample

    def _draw(
        self, loaded: GarmentImage, sample: dict, options: dict
    ) -> np.ndarray:
        chosen = np.arange(len(sample['scores']))
        if loaded.boxes is None:  # detected
            chosen = distinct_items(
                sample['bboxes'],
                sample['scores'],
                options['draw_duplicate_iou'],
            )
        return draw_items(
            loaded.image,
            sample,
            chosen,
            options['kpt_thr'],
            options['draw_bbox'],
        )
