# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Graphs of Match R-CNN that ONNX export traces, see :mod:`.onnx_export`.

R boxes go through a graph together, of a single image.
"""

from typing import Any

import torch
import torchvision
from mmdet.models.detectors import TwoStageDetector
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from torch import Tensor, nn

from ..formats.deepfashion2.constants import CATEGORIES
from .landmark_head import decode_landmarks


class FeatureGraph(nn.Module):
    """Graph from an image to feature maps and RPN outputs.

    Args:
        model (TwoStageDetector): The detector.
        num_maps (int): Feature maps that RoI features are read from.
    """

    def __init__(self, model: TwoStageDetector, num_maps: int) -> None:
        super().__init__()
        self.model = model
        self.num_maps = num_maps

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Compute the maps.

        Args:
            image (Tensor): (1, 3, h, w), normalised and padded.

        Returns:
            tuple[Tensor, ...]: Maps (1, C, h_i, w_i) of the RoIs; for each
            level of the RPN the scores (n,) 0-1 of its anchors; for each
            level their box deltas (n, 4).
        """
        maps = self.model.extract_feat(image)
        logits, deltas = self.model.rpn_head(maps)
        return (
            *maps[: self.num_maps],
            *(x.sigmoid().permute(0, 2, 3, 1).flatten() for x in logits),
            *(x.permute(0, 2, 3, 1).reshape(-1, 4) for x in deltas),
        )


class RoIGraph(nn.Module):
    """Graph of mmdet's SingleRoIExtractor in operators that ONNX has.

    RoI features are (R, C, size, size), each read from the map of its level.

    Args:
        extractor (SingleRoIExtractor): Of RoIAlign.
    """

    def __init__(self, extractor: SingleRoIExtractor) -> None:
        super().__init__()
        self.finest_scale = extractor.finest_scale
        self.layers = [
            (
                tuple(layer.output_size),
                layer.spatial_scale,
                layer.sampling_ratio or -1,
                layer.aligned,
            )
            for layer in extractor.roi_layers
        ]

    def forward(self, maps: tuple[Tensor, ...], boxes: Tensor) -> Tensor:
        """Read the RoI features (R, C, S, S) of boxes (R, 4) xyxy px."""
        rois = torch.cat([torch.zeros_like(boxes[:, :1]), boxes], dim=1)
        scale = torch.sqrt(
            (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        )
        level = torch.floor(torch.log2(scale / self.finest_scale + 1e-6))
        level = level.clamp(0, len(self.layers) - 1)
        parts, indices = [], []
        for number, (size, *how) in enumerate(self.layers):
            index = (level == number).nonzero()[:, 0]
            indices.append(index)
            parts.append(
                torchvision.ops.roi_align(
                    maps[number], rois[index], size, *how
                )
            )
        order = torch.cat(indices)
        back = torch.zeros_like(order).scatter(
            0, order, torch.arange(order.shape[0])
        )
        return torch.cat(parts)[back]


class BoxGraph(nn.Module):
    """Graph from proposals to category scores and box deltas.

    Args:
        roi_head (nn.Module): RoI head of the detector.
    """

    def __init__(self, roi_head: nn.Module) -> None:
        super().__init__()
        self.head = roi_head.bbox_head
        self.rois = RoIGraph(roi_head.bbox_roi_extractor)

    def forward(
        self, boxes: Tensor, *maps: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Classify proposals.

        Args:
            boxes (Tensor): (R, 4) xyxy px of the network's input.
            *maps (Tensor): (1, C, h_i, w_i).

        Returns:
            tuple[Tensor, Tensor, Tensor]: Scores (R, G) 0-1 of the G groups
            of categories (or categories), the likeliest category (R, G) of
            each, and box deltas (R, G or 1, 4).
        """
        head = self.head
        logits, deltas = head(self.rois(maps, boxes))
        scores = logits.softmax(dim=1)
        labels = torch.arange(head.num_classes).expand_as(scores[:, :-1])
        if getattr(head, 'category_groups', None) is not None:
            scores, labels = head._group_scores(scores)
            deltas = head._group_boxes(deltas, labels)
        return scores[:, :-1], labels, deltas.unflatten(1, (-1, 4))


class ItemGraph(nn.Module):
    """Graph from detected boxes to masks, landmarks and match features.

    Args:
        roi_head (nn.Module): RoI head of the detector.

    Attributes:
        outputs (list[str]): Names of what it returns.
    """

    def __init__(self, roi_head: nn.Module) -> None:
        super().__init__()
        self.mask_head: Any = (
            roi_head.mask_head if roi_head.with_mask else None
        )
        self.landmark_head: Any = getattr(roi_head, 'landmark_head', None)
        self.match_head: Any = getattr(roi_head, 'match_head', None)
        extractors = extractors_of(roi_head)
        names = []
        if self.mask_head is not None:
            names.append('mask')
        for head in (self.landmark_head, self.match_head):
            names += [] if head is None else head.roi_features
        # features that streams share are read once
        used = {extractors[name]: RoIGraph(extractors[name]) for name in names}
        self.readers = nn.ModuleList(used.values())
        order = list(used)
        self.reader_of = {x: order.index(extractors[x]) for x in names}
        self.outputs = []
        if self.mask_head is not None:
            self.outputs.append('masks')
        if self.landmark_head is not None:
            self.outputs += ['keypoints', 'keypoint_scores']
            self.register_buffer('rows', _landmark_rows(), persistent=False)
        if self.match_head is not None:
            self.outputs.append('match_features')

    def forward(
        self, boxes: Tensor, labels: Tensor, *maps: Tensor
    ) -> tuple[Tensor, ...]:
        """Compute masks, landmarks and match features, as there are heads.

        Args:
            boxes (Tensor): (R, 4) xyxy px of the network's input.
            labels (Tensor): (R,) int64, 0..12.
            *maps (Tensor): (1, C, h_i, w_i).

        Returns:
            tuple[Tensor, ...]: Masks (R, S, S) 0-1; landmarks (R, 39, 2) as
            fractions of the box, those of the category first, and their
            scores (R, 39) 0-1; match features (R, D).
        """
        read = [reader(maps, boxes) for reader in self.readers]
        feats = {name: read[index] for name, index in self.reader_of.items()}
        found: list[Tensor] = []
        if self.mask_head is not None:
            found.append(self._masks(feats['mask'], labels))
        if self.landmark_head is not None:
            (name,) = self.landmark_head.roi_features
            found += self._landmarks(feats[name], labels)
        if self.match_head is not None:
            found.append(self.match_head(feats))
        return tuple(found)

    def _masks(self, feats: Tensor, labels: Tensor) -> Tensor:
        masks = self.mask_head(feats).sigmoid()
        if self.mask_head.class_agnostic:
            return masks[:, 0]
        index = labels[:, None, None, None].expand(-1, 1, *masks.shape[2:])
        return masks.gather(1, index)[:, 0]

    def _landmarks(
        self, feats: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        head = self.landmark_head
        maps = head.upsample(head.convs(feats))
        index = self.rows[labels][..., None, None]
        maps = maps.gather(1, index.expand(-1, -1, *maps.shape[2:]))
        unit = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
        return decode_landmarks(head.enlarge(maps), unit, head.decode_window)


def _landmark_rows() -> Tensor:
    """Return the landmarks (13, 39) of each category, then padding."""
    longest = max(category.num_landmarks for category in CATEGORIES)
    rows = torch.arange(longest).repeat(len(CATEGORIES), 1)
    for label, category in enumerate(CATEGORIES):
        rows[label] = rows[label].clamp(max=category.num_landmarks - 1)
        rows[label] += category.offset
    return rows


def extractors_of(roi_head: nn.Module) -> dict[str, nn.Module]:
    """Return the RoI extractors by the name of their features."""
    if hasattr(roi_head, 'roi_extractors'):
        return roi_head.roi_extractors
    extractors = {'class': roi_head.bbox_roi_extractor}
    if roi_head.with_mask:
        extractors['mask'] = roi_head.mask_roi_extractor
    return extractors
