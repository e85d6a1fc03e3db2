# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Visualizer of clothes: boxes, masks, landmarks and categories."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmdet.structures.bbox import get_box_tensor
from mmdet.structures.mask import BitmapMasks, PolygonMasks
from mmdet.visualization import DetLocalVisualizer
from mmengine.structures import InstanceData

from ..formats.deepfashion2.constants import CATEGORIES, CLASS_NAMES, PALETTE
from ..registry import VISUALIZERS
from ..utils.duplicates import DUPLICATE_IOU, distinct_items

#: OpenCV draws at 1 / 2**_SHIFT of a pixel.
_SHIFT = 4
_WHITE = (255, 255, 255)
_BLACK = (0, 0, 0)


@VISUALIZERS.register_module()
class ClothesVisualizer(DetLocalVisualizer):
    """Draw the boxes, masks, landmarks and skeletons of clothes.

    Images are (h, w, 3) uint8. An item has the colour of its category. Of the
    294 landmarks only the slice of the item's category is drawn: in ground
    truth a dot if visible and a ring if occluded, in predictions a dot where
    the score reaches ``kpt_thr``. Lines and letters grow with the image.

    It draws with OpenCV instead of the host's Matplotlib, which needs about
    a second per image. ``bbox_color``, ``text_color`` and ``mask_color`` of
    the host are not used.

    Args:
        name (str): Name of the instance.
        kpt_thr (float): Lowest score (0-1) of a predicted landmark to draw.
        line_width (float): Width of lines in px on an image of 1000 x 1000.
        alpha (float): Opacity (0-1) of masks.
        duplicate_iou (float, optional): Of two predicted items of any
            categories that overlap more (IoU, 0-1), the one with the lower
            score is not drawn. None: all are.
        **kwargs: ``image``, ``vis_backends`` and ``save_dir`` of the host.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        kpt_thr: float = 0.1,
        line_width: float = 3.0,
        alpha: float = 0.35,
        duplicate_iou: float | None = DUPLICATE_IOU,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name=name, line_width=line_width, alpha=alpha, **kwargs
        )
        self.kpt_thr, self.duplicate_iou = kpt_thr, duplicate_iou

    def draw_on(
        self, image: np.ndarray, instances: InstanceData
    ) -> np.ndarray:
        """Draw predictions on an image.

        Args:
            image (np.ndarray): (h, w, 3) uint8 BGR, left as it is.
            instances (InstanceData): On the CPU: ``labels`` (n,), ``scores``
                (n,) and, as far as present, ``bboxes`` (n, 4) xyxy px,
                ``masks`` (n, h, w) and ``keypoints`` (n, 294, 2) px.

        Returns:
            np.ndarray: (h, w, 3) uint8 BGR.
        """
        drawn = self._draw_instances(image[..., ::-1], instances, None, None)
        return np.ascontiguousarray(drawn[..., ::-1])

    def _draw_instances(
        self,
        image: np.ndarray,
        instances: InstanceData,
        classes: list[str] | None,
        palette: list[tuple] | None,
    ) -> np.ndarray:
        """Draw ground truth or predictions.

        Args:
            image (np.ndarray): (h, w, 3) uint8 RGB, left as it is.
            instances (InstanceData): ``labels`` and, as far as present,
                ``bboxes`` (n, 4) xyxy px of this image, ``masks`` (n, h, w),
                ``keypoints`` (n, 294, 2) px and ``scores`` (n,). Without any
                field nothing is drawn.
            classes (list[str], optional): Names of the labels.
            palette (list[tuple], optional): RGB colours of the labels.

        Returns:
            np.ndarray: (h, w, 3) uint8 RGB.
        """
        canvas = np.ascontiguousarray(image).copy()
        size = np.sqrt(canvas.shape[0] * canvas.shape[1])
        pen = _Pen(canvas, self.line_width * size / 1000)
        names: Sequence[str] = classes or CLASS_NAMES
        colours: Sequence[tuple] = palette or PALETTE
        fields = self._without_duplicates(_drawn_fields(instances))
        if 'labels' not in fields:  # a pipeline that loads no ground truth
            return canvas
        labels = fields['labels']
        colors = [tuple(colours[i % len(colours)]) for i in labels]
        items = _large_first(fields)
        for i in items if 'masks' in fields else ():
            pen.mask(fields['masks'][i], colors[i], self.alpha)
        for i in items if 'bboxes' in fields else ():
            pen.box(fields['bboxes'][i], colors[i])
        for i in items if 'keypoints' in fields else ():
            self._draw_landmarks(pen, fields, i, colors[i])
        for i in items if 'bboxes' in fields else ():
            text = names[labels[i]].replace('_', ' ')
            if 'scores' in fields:
                text += f' {fields["scores"][i]:.2f}'
            pen.label(text, fields['bboxes'][i], colors[i])
        return canvas

    def _without_duplicates(
        self, fields: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Leave out predictions that are another one's duplicate."""
        if 'scores' not in fields or 'bboxes' not in fields:
            return fields
        kept = distinct_items(
            fields['bboxes'], fields['scores'], self.duplicate_iou
        )
        return {name: values[kept] for name, values in fields.items()}

    def _draw_landmarks(
        self, pen: '_Pen', fields: dict, i: int, color: tuple
    ) -> None:
        """Draw the landmarks of item ``i`` and the lines between them."""
        category = CATEGORIES[fields['labels'][i]]
        points = fields['keypoints'][i, category.slice]
        if 'keypoints_visible' in fields:
            visible = fields['keypoints_visible'][i, category.slice]
        else:
            scores = fields['keypoint_scores'][i, category.slice]
            visible = np.where(scores >= self.kpt_thr, 2, 0)
        for first, last in category.skeleton:
            if visible[first - 1] and visible[last - 1]:
                pen.line(points[first - 1], points[last - 1], color)
        for point, v in zip(points, visible, strict=True):
            if v:
                pen.point(point, color, filled=v == 2)


class _Pen:
    """Drawing tool for a canvas, with a line width that suits its size.

    Args:
        canvas (np.ndarray): (h, w, 3) uint8, drawn on.
        width (float): Line width in px.
    """

    def __init__(self, canvas: np.ndarray, width: float) -> None:
        self.canvas = canvas
        self.width = max(1, round(width))
        self.radius = max(2.0, 1.5 * width)
        self.font_scale = max(0.36, 0.23 * width)
        self.taken: list[tuple[int, int, int, int]] = []

    def mask(self, mask: np.ndarray, color: tuple, alpha: float) -> None:
        """Tint a mask (h, w) and trace its outline."""
        tint = np.asarray(color) * alpha
        self.canvas[mask] = self.canvas[mask] * (1 - alpha) + tint
        outlines, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        thin = max(1, self.width // 2)
        cv2.drawContours(self.canvas, outlines, -1, color, thin, cv2.LINE_AA)

    def box(self, box: np.ndarray, color: tuple) -> None:
        """Draw a box (4,) xyxy px."""
        x1, y1, x2, y2 = (round(float(v)) for v in box)
        cv2.rectangle(self.canvas, (x1, y1), (x2, y2), color, self.width)

    def line(self, start: np.ndarray, end: np.ndarray, color: tuple) -> None:
        """Draw a line between points (2,) px, edged so that it stands out."""
        ends = _to_fixed_point(start), _to_fixed_point(end)
        width = max(2, self.width)
        for stroke, w in ((_WHITE, width + width // 2), (color, width)):
            cv2.line(self.canvas, *ends, stroke, w, cv2.LINE_AA, _SHIFT)

    def point(self, point: np.ndarray, color: tuple, filled: bool) -> None:
        """Draw a dot, or a ring, at (2,) px."""
        inner, outer = (color, _WHITE) if filled else (_WHITE, color)
        edge = max(1.0, self.width / 2)
        for fill, extra in ((outer, edge), (inner, 0)):
            cv2.circle(
                self.canvas,
                _to_fixed_point(point),
                round((self.radius + extra) * 2**_SHIFT),
                fill,
                cv2.FILLED,
                cv2.LINE_AA,
                _SHIFT,
            )

    def label(self, text: str, box: np.ndarray, color: tuple) -> None:
        """Write text above a box (4,) xyxy px, beside other labels."""
        font = cv2.FONT_HERSHEY_SIMPLEX
        weight = max(1, round(self.font_scale * 1.6))
        (w, h), base = cv2.getTextSize(text, font, self.font_scale, weight)
        pad = max(2, self.width)
        w, h = w + 2 * pad, h + base + pad
        height, width = self.canvas.shape[:2]
        x = int(np.clip(box[0] - self.width / 2, 0, max(0, width - w)))
        y = int(np.clip(box[1] - h, 0, max(0, height - h)))
        while self._is_taken(x, y, w, h) and y + 2 * h <= height:
            y += h
        self.taken.append((x, y, w, h))
        cv2.rectangle(self.canvas, (x, y), (x + w, y + h), color, cv2.FILLED)
        # Rec. 601 luma: white letters on dark colours, black on light ones
        light = np.dot(color, (0.299, 0.587, 0.114)) > 150
        cv2.putText(
            self.canvas,
            text,
            (x + pad, y + h - base),
            font,
            self.font_scale,
            _BLACK if light else _WHITE,
            weight,
            cv2.LINE_AA,
        )

    def _is_taken(self, x: int, y: int, w: int, h: int) -> bool:
        return any(
            x < x2 + w2 and x2 < x + w and y < y2 + h2 and y2 < y + h
            for x2, y2, w2, h2 in self.taken
        )


def _to_fixed_point(point: np.ndarray) -> tuple[int, int]:
    """Convert a point (2,) px to OpenCV's fixed-point coordinates."""
    x, y = np.clip(point, -1e5, 1e5)
    return round(float(x) * 2**_SHIFT), round(float(y) * 2**_SHIFT)


def _drawn_fields(instances: InstanceData) -> dict[str, np.ndarray]:
    """Return the fields of instances that are drawn, as arrays."""
    fields = {}
    for name, value in instances.items():
        if name == 'masks':
            if isinstance(value, BitmapMasks | PolygonMasks):
                value = value.to_ndarray()
            fields[name] = np.asarray(value).astype(bool)
        elif name == 'bboxes':
            fields[name] = np.asarray(get_box_tensor(value))
        elif name in ('labels', 'scores') or name.startswith('keypoint'):
            fields[name] = np.asarray(value)
    return fields


def _large_first(fields: dict[str, np.ndarray]) -> np.ndarray:
    """Return the indices (n,) of items, largest first."""
    if 'bboxes' not in fields:
        return np.arange(len(fields['labels']))
    sides = fields['bboxes'][:, 2:] - fields['bboxes'][:, :2]
    return np.argsort(-sides.prod(axis=1), kind='stable')
