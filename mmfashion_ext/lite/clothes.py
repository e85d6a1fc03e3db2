# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Clothes inferencer of exported models: Match R-CNN without PyTorch."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ..formats.deepfashion2.constants import CATEGORIES
from ..formats.deepfashion2.landmark_names import LANDMARK_NAMES
from ..formats.run_lengths import encode_mask
from ..inferencer import PredictionStream
from ..utils.duplicates import DUPLICATE_IOU, distinct_items
from ..utils.image_inputs import (
    NamedInput,
    number_of_inputs,
    resolve_images,
    too_narrow,
)
from .base import LiteInferencer
from .detection import decode_deltas, grid_anchors, propose, select
from .drawing import draw_items
from .masks import paste_masks

#: Boxes that go through the graph of masks and landmarks together.
_TOGETHER = 32


class _LoadedImage(NamedTuple):
    """An image, and what the network reads of it.

    Attributes:
        image (np.ndarray): (h, w, 3) uint8 BGR.
        resized (tuple[int, int]): (h', w') px after resizing.
        tensor (np.ndarray): (1, 3, H, W) float32, padded.
    """

    image: np.ndarray
    resized: tuple[int, int]
    tensor: np.ndarray


class ClothesInferencer(LiteInferencer):
    """Detects clothes with masks and landmarks; an exported Match R-CNN.

    Predictions are those of ``mmfashion_ext.match_rcnn.ClothesInferencer``:
    ``bboxes`` (N, 4) xyxy px, ``scores`` (N,) 0-1, ``labels`` (N,) 0..12,
    ``categories``, and as the model has heads ``masks`` (N, h, w) bool,
    ``keypoints`` N x (K, 2) px, ``keypoint_scores``, ``keypoint_names`` and
    ``match_features`` (N, D).

    Examples:
        >>> infer = ClothesInferencer('exported')
        >>> found = infer('street.jpg', out_dir='out')['predictions'][0]

    Args:
        folder (str | Path): See :class:`LiteInferencer`.
        threads (int, optional): See there.
        batch_size (int): Images that are read together; they go through the
            network one by one.
        show_progress (bool): See there.

    Raises:
        UserError: See there.
    """

    system = 'match_rcnn'

    def __call__(
        self,
        inputs: object,
        *,
        out_dir: str | Path | None = None,
        draw: bool = False,
        show: bool = False,
        stream: bool = False,
        score_thr: float = 0.0,
        duplicate_iou: float | None = None,
        draw_score_thr: float = 0.3,
        draw_duplicate_iou: float | None = DUPLICATE_IOU,
        kpt_thr: float = 0.1,
    ) -> dict | PredictionStream:
        """Detect the clothes of images.

        Args:
            inputs (object): Images (h, w, 3) uint8 BGR, paths, folders,
                videos ...: see ``match_rcnn.ClothesInferencer``.
            out_dir (str | Path, optional): Write the results to this folder.
            draw (bool): Add ``visualization``, (h, w, 3) uint8 BGR.
            show (bool): Show each drawn image in a window.
            stream (bool): Return an iterator over the predictions.
            score_thr (float): Lowest score, 0-1, of an item, above that of
                the model.
            duplicate_iou (float, optional): Of two items that overlap more
                (IoU, 0-1), the one with the lower score is left out.
            draw_score_thr (float): Lowest score, 0-1, of a drawn item.
            draw_duplicate_iou (float, optional): As ``duplicate_iou``, of
                drawn items.
            kpt_thr (float): Lowest score, 0-1, of a drawn landmark.

        Returns:
            dict | PredictionStream: ``predictions`` and ``skipped``.

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
            options=dict(
                score_thr=score_thr,
                duplicate_iou=duplicate_iou,
                draw_score_thr=draw_score_thr,
                draw_duplicate_iou=draw_duplicate_iou,
                kpt_thr=kpt_thr,
            ),
        )

    def _load(self, item: NamedInput) -> _LoadedImage:
        image = super()._load(item)
        size = fit(image.shape[:2], self.graphs.content['input']['scale'])
        if 0 in size:
            raise too_narrow(item, image)
        resized = cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)
        tensor = normalise(resized, self.graphs.content['input'])
        return _LoadedImage(image, size, tensor)

    def _predict(
        self, loaded: list[_LoadedImage], options: dict
    ) -> list[dict]:
        return [self._detect(image, options) for image in loaded]

    def _detect(self, loaded: _LoadedImage, options: dict) -> dict:
        """Return the items of an image, arrays (N, ...) and lists."""
        content, size = self.graphs.content, loaded.image.shape[:2]
        outputs = self.graphs.run('features', image=loaded.tensor)
        count = content['num_maps']
        maps = {f'map_{i}': outputs[i] for i in range(count)}
        proposals = self._propose(loaded, outputs[count:])
        boxes, scores, labels = self._classify(loaded, proposals, maps)
        factor = np.array(
            [loaded.resized[1] / size[1], loaded.resized[0] / size[0]] * 2,
            np.float32,
        )
        if 'masks' in content['items']:  # mmdet suppresses in px of the input
            boxes, scores, labels = select(
                boxes, scores, labels, content['rcnn']
            )
            scaled = boxes / factor
        else:
            scaled, scores, labels = select(
                boxes * (1 / factor), scores, labels, content['rcnn']
            )
            boxes = scaled * factor
        kept = np.flatnonzero(scores >= options['score_thr'])
        kept = kept[
            distinct_items(
                scaled[kept], scores[kept], options['duplicate_iou']
            )
        ]
        boxes, scaled, labels = boxes[kept], scaled[kept], labels[kept]
        return {
            'bboxes': scaled,
            'scores': scores[kept],
            'labels': labels,
            'categories': [CATEGORIES[label].name for label in labels],
            **self._items(boxes, scaled, labels, maps, size),
        }

    def _propose(
        self, loaded: _LoadedImage, outputs: list[np.ndarray]
    ) -> np.ndarray:
        """Return proposals (R, 4) from the outputs of the RPN."""
        content = self.graphs.content
        levels = len(content['anchors'])
        padded = loaded.tensor.shape[2:]
        found = []
        for level in range(levels):
            base = np.array(content['anchors'][level], np.float32)
            stride = content['strides'][level]
            score, deltas = outputs[level], outputs[levels + level]
            cells = _map_size(padded, stride, len(score) // len(base))
            anchors = grid_anchors(base, stride, cells)
            found.append((anchors, score, deltas))
        return propose(found, loaded.resized, content['rpn'])

    def _classify(
        self,
        loaded: _LoadedImage,
        proposals: np.ndarray,
        maps: dict[str, np.ndarray],
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return boxes (R, G or 1, 4), scores and labels (R, G)."""
        if not len(proposals):
            nothing = np.zeros((0, 1), np.float32)
            return proposals[:, None], nothing, nothing.astype(np.int64)
        scores, labels, deltas = self.graphs.run(
            'boxes', boxes=proposals, **maps
        )
        rcnn = self.graphs.content['rcnn']
        boxes = decode_deltas(
            proposals[:, None],
            deltas,
            rcnn['means'],
            rcnn['stds'],
            loaded.resized,
        )
        return boxes, scores, labels

    def _items(
        self,
        boxes: np.ndarray,
        scaled: np.ndarray,
        labels: np.ndarray,
        maps: dict[str, np.ndarray],
        size: tuple[int, ...],
    ) -> dict:
        """Return masks, landmarks and match features of N boxes (N, 4)."""
        names = self.graphs.content['items']
        if not names:
            return {}
        shapes = {
            output.name: [n if isinstance(n, int) else 0 for n in output.shape]
            for output in self.graphs.load('items').get_outputs()
        }
        parts = [
            [np.zeros((0, *shapes[name][1:]), np.float32) for name in names]
        ]
        for start in range(0, len(boxes), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            parts.append(
                self.graphs.run(
                    'items', boxes=boxes[part], labels=labels[part], **maps
                )
            )
        if len(boxes):
            parts = parts[1:]
        values = dict(
            zip(
                names,
                map(np.concatenate, zip(*parts, strict=True)),
                strict=True,
            )
        )
        return self._to_items(values, scaled, labels, size)

    def _to_items(
        self,
        values: dict[str, np.ndarray],
        scaled: np.ndarray,
        labels: np.ndarray,
        size: tuple[int, ...],
    ) -> dict:
        """Turn outputs of the graph into fields of a prediction."""
        found: dict = {}
        if 'masks' in values:
            found['masks'] = paste_masks(
                values['masks'],
                scaled,
                (size[0], size[1]),
                self.graphs.content['rcnn']['mask_thr'],
            )
        if 'keypoints' in values:
            counts = [CATEGORIES[label].num_landmarks for label in labels]
            origin, extent = scaled[:, :2], scaled[:, 2:] - scaled[:, :2]
            points = origin[:, None] + values['keypoints'] * extent[:, None]
            for name, rows in (
                ('keypoints', points),
                ('keypoint_scores', values['keypoint_scores']),
            ):
                found[name] = [
                    row[:count]
                    for row, count in zip(rows, counts, strict=True)
                ]
            found['keypoint_names'] = [
                list(LANDMARK_NAMES[label]) for label in labels
            ]
        if 'match_features' in values:
            found['match_features'] = values['match_features']
        return found

    def _to_prediction(self, sample: dict) -> dict:
        return sample

    def to_json(self, prediction: dict) -> dict:
        """Return a prediction with masks (N, h, w) as COCO RLE."""
        if 'masks' not in prediction:
            return prediction
        masks = [encode_mask(mask) for mask in prediction['masks']]
        return {**prediction, 'masks': masks}

    def _draw(
        self, loaded: _LoadedImage, sample: dict, options: dict
    ) -> np.ndarray:
        shown = np.flatnonzero(sample['scores'] >= options['draw_score_thr'])
        distinct = distinct_items(
            sample['bboxes'][shown],
            sample['scores'][shown],
            options['draw_duplicate_iou'],
        )
        return draw_items(
            loaded.image, sample, shown[distinct], options['kpt_thr']
        )


def fit(size: tuple[int, ...], scale: list[int]) -> tuple[int, int]:
    """Return the size (h, w) that fits into a scale with the same ratio.

    Args:
        size (tuple[int, ...]): (h, w) px of an image.
        scale (list[int]): The longer and the shorter side, in any order.
    """
    h, w = size[:2]
    factor = min(max(scale) / max(h, w), min(scale) / min(h, w))
    return int(h * float(factor) + 0.5), int(w * float(factor) + 0.5)


def normalise(image: np.ndarray, options: dict) -> np.ndarray:
    """Return an image as the network reads it.

    Args:
        image (np.ndarray): (h, w, 3) uint8 BGR.
        options (dict): ``input`` of ``model.json``.

    Returns:
        np.ndarray: (1, 3, H, W) float32, padded right and below.
    """
    if options['to_rgb']:
        image = image[..., ::-1]
    values = image.astype(np.float32) - np.array(options['mean'], np.float32)
    values /= np.array(options['std'], np.float32)
    divisor = options['divisor']
    padding = [(-side % divisor) for side in values.shape[:2]]
    values = np.pad(
        values,
        ((0, padding[0]), (0, padding[1]), (0, 0)),
        constant_values=options['pad_value'],
    )
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def _map_size(
    padded: tuple[int, ...], stride: list[int], cells: int
) -> tuple[int, int]:
    """Return the (h, w) of a feature map of so many cells."""
    h, w = (
        -(-side // step)
        for side, step in zip(padded, stride[::-1], strict=True)
    )
    assert h * w == cells, (padded, stride, cells)
    return h, w
