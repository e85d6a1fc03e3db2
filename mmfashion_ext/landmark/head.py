# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Heads that know the category of a garment.

mmpose's heads for DeepFashion2 predict 294 landmarks of which at most 39 can
be right. These predict those of the item's category, by an output for each of
the 294 landmarks (``points='separate'``) or for each of the 81 points that
categories share (``points='aggregated'``, Lin, arXiv:2005.00419, section 3).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.models.heads import HeatmapHead, RLEHead, RTMCCHead
from mmpose.models.utils.tta import flip_coordinates, flip_heatmaps
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ..formats.deepfashion2.constants import CATEGORIES, NUM_LANDMARKS
from ..registry import MODELS
from .aggregation import (
    MAX_LANDMARKS,
    Points,
    category_rows,
    flip_rows,
    landmark_channels,
)


class Labelled(NamedTuple):
    """Features of a batch and the categories to predict from them.

    Attributes:
        feats (tuple[Tensor]): Of B items, as a head of mmpose reads them.
        labels (Tensor): (B,) int64, 0..12.
    """

    feats: tuple[Tensor, ...]
    labels: Tensor


class CategoryAware:
    """What the category-aware heads share; mixed into a head of mmpose.

    Without categories, as mmpose counts operations, ``forward`` gives all
    outputs; with them, (B, 39, ...): the landmarks of each item's category
    first, in their order, and what pads them, which is not used. These are
    float32 under AMP too: the losses and NumPy, which counts hits, want it.

    With ``conditioned=True`` the head's input features are scaled and shifted
    channel by channel with learned vectors of the item's category (FiLM,
    arXiv:1709.07871). It is no part of the papers: it tells a head with
    shared points whose hem it is to look for.

    Args:
        in_channels (int): C of the last features.
        points (str): ``'separate'`` (294 outputs) or ``'aggregated'`` (81).
        conditioned (bool): See above.
        **kwargs: Those of mmpose's head, its number of outputs excepted.
    """

    channels: Tensor
    condition: nn.Embedding | None

    #: What the head of mmpose calls its number of outputs.
    OUTPUTS = 'out_channels'

    def __init__(
        self,
        in_channels: int,
        points: Points = 'separate',
        conditioned: bool = False,
        **kwargs: Any,
    ) -> None:
        channels = landmark_channels(points)
        outputs = int(channels.max()) + 1
        super().__init__(in_channels, **{self.OUTPUTS: outputs}, **kwargs)
        self.condition = None
        if conditioned:
            self.condition = nn.Embedding(len(CATEGORIES), 2 * in_channels)
            nn.init.zeros_(self.condition.weight)  # starts as no change
        rows = category_rows(channels)
        # padding reads any output; its weight is 0 and nobody looks at it
        channels = torch.from_numpy(rows.clip(min=0))
        self.register_buffer('channels', channels, persistent=False)
        real = torch.from_numpy(rows >= 0)
        self.register_buffer('is_landmark', real, persistent=False)

    def loss(
        self,
        feats: tuple[Tensor, ...],
        batch_data_samples: Sequence[PoseDataSample],
        train_cfg: dict | None = None,
    ) -> dict[str, Tensor]:
        """The host's loss over the landmarks of each item's category.

        Args:
            feats (tuple[Tensor]): Features of B items.
            batch_data_samples (Sequence[PoseDataSample]): With
                ``category_id`` and targets of 39 landmarks, see
                :class:`SelectCategoryLandmarks`.
            train_cfg (dict, optional): As mmpose's.

        Raises:
            ValueError: A sample has no category.
        """
        labels = self._labels(batch_data_samples)
        if (labels < 0).any():
            raise ValueError(
                f'{type(self).__name__} is trained with a category_id in each '
                'sample; use DeepFashion2LandmarkDataset'
            )
        inputs = Labelled(feats, labels)
        return super().loss(inputs, batch_data_samples, train_cfg or {})

    @torch.no_grad()
    def predict(
        self,
        feats: Any,
        batch_data_samples: Sequence[PoseDataSample],
        test_cfg: dict | None = None,
    ) -> list[InstanceData]:
        """Landmarks of each item.

        Args:
            feats (tuple[Tensor] | list[tuple[Tensor]]): Features of B items,
                or with ``flip_test`` those of the images and of the mirrored
                images.
            batch_data_samples (Sequence[PoseDataSample]): With
                ``category_id``. Where there is none, as in mmpose's own
                inferencer, it is the category whose landmarks have the
                highest mean score.
            test_cfg (dict, optional): ``flip_test`` and what belongs to it,
                as mmpose's.

        Returns:
            list[InstanceData]: Of each item ``keypoints`` (1, 294, 2) px of
            the network's input, ``keypoint_scores`` (1, 294), 0 outside the
            slice of its category, where ``keypoints`` are the mean of the
            slice, and ``labels`` (1,), 0..12.
        """
        test_cfg = test_cfg or {}
        flip_test = test_cfg.get('flip_test', False)
        feats, mirrored = feats if flip_test else (feats, None)
        labels = self._labels(batch_data_samples)
        if (labels < 0).any():
            labels = torch.where(labels < 0, self._guess(feats), labels)
        outputs = self._activate(self.forward(Labelled(feats, labels)))
        if flip_test:
            meta = batch_data_samples[0].metainfo
            rows = torch.from_numpy(flip_rows(meta.get('flip_indices')))
            partners = rows.to(labels.device)[labels]
            flipped = self._activate(self.forward(Labelled(mirrored, labels)))
            flipped = self._unflip(flipped, partners, test_cfg, meta)
            outputs = _mean(outputs, flipped)
        return [
            _among_all(pred, label)
            for pred, label in zip(
                self.decode(outputs), labels.tolist(), strict=True
            )
        ]

    def _features(self, inputs: Labelled) -> Tensor:
        """The last features (B, C, H, W), told the category if asked for."""
        x = inputs.feats[-1]
        if self.condition is None:
            return x
        change = self.condition(inputs.labels)[..., None, None]
        scale, shift = change.to(x.dtype).chunk(2, dim=1)
        return x * (1 + scale) + shift

    def _labels(self, samples: Sequence[PoseDataSample]) -> Tensor:
        """(B,) labels 0..12, -1 where a sample has no category."""
        ids = [int(s.metainfo.get('category_id', 0)) for s in samples]
        return torch.tensor(ids, device=self.channels.device) - 1

    def _guess(self, feats: tuple[Tensor, ...]) -> Tensor:
        """(B,) the most confident category of each item."""
        scores = []
        for label, category in enumerate(CATEGORIES):
            labels = self.channels.new_full((len(feats[-1]),), label)
            outputs = self._activate(self.forward(Labelled(feats, labels)))
            own = slice(0, category.num_landmarks)
            preds = self.decode(outputs)
            scores.append([p.keypoint_scores[0, own].mean() for p in preds])
        best = np.argmax(np.array(scores), axis=0)
        return torch.from_numpy(best).to(self.channels.device)

    def _activate(self, outputs: Any) -> Any:
        """What follows the network in a test."""
        return outputs

    def _unflip(
        self, outputs: Any, partners: Tensor, test_cfg: dict, meta: dict
    ) -> Any:
        """Outputs of mirrored images as those of the images."""
        raise NotImplementedError


@MODELS.register_module()
class CategoryHeatmapHead(CategoryAware, HeatmapHead):
    """Heatmaps (MSRA, UDP, DARK by the codec) of the category's landmarks.

    Only the maps that are asked for are computed: the last layer is a matrix
    product with the rows of its weight that belong to each item's category.

    Args are those of :class:`CategoryAware` and of mmpose's ``HeatmapHead``.
    """

    def forward(self, feats: tuple[Tensor, ...] | Labelled) -> Tensor:
        """Maps (B, 39, h, w) of each item's category, or all of them.

        Args:
            feats (tuple[Tensor] | Labelled): The last is (B, C, H, W).
        """
        if not isinstance(feats, Labelled):
            return super().forward(feats)
        x = self.conv_layers(self.deconv_layers(self._features(feats)))
        channels, layer = self.channels[feats.labels], self.final_layer
        if not isinstance(layer, nn.Conv2d) or layer.kernel_size != (1, 1):
            index = channels[..., None, None].expand(-1, -1, *x.shape[2:])
            return _single(layer(x).gather(1, index))
        weight = layer.weight.flatten(1)[channels]
        bias = layer.bias[channels][..., None]
        maps = torch.baddbmm(bias, weight, x.flatten(2))
        return _single(maps.unflatten(2, x.shape[2:]))

    def _unflip(
        self, outputs: Tensor, partners: Tensor, test_cfg: dict, meta: dict
    ) -> Tensor:
        maps = flip_heatmaps(
            outputs, None, shift_heatmap=test_cfg.get('shift_heatmap', False)
        )
        index = partners[..., None, None].expand_as(maps)
        return maps.gather(1, index)


@MODELS.register_module()
class CategoryRTMCCHead(CategoryAware, RTMCCHead):
    """RTMPose's head; its attention runs over the category's landmarks.

    294 tokens would attend to 255 that are not there. Padding is zero, which
    adds nothing to a gated attention unit without biases.

    Args are those of :class:`CategoryAware` and of mmpose's ``RTMCCHead``.
    """

    def forward(
        self, feats: tuple[Tensor, ...] | Labelled
    ) -> tuple[Tensor, Tensor]:
        """SimCC vectors (B, 39, Wx) and (B, 39, Wy) of x and of y.

        Args:
            feats (tuple[Tensor] | Labelled): The last is (B, C, H, W).
        """
        if not isinstance(feats, Labelled):
            return super().forward(feats)
        maps = self.final_layer(self._features(feats)).flatten(2)
        channels = self.channels[feats.labels]
        tokens = maps.gather(
            1, channels[..., None].expand(-1, -1, maps.size(2))
        )
        real = self.is_landmark[feats.labels]
        tokens = tokens * real[..., None].to(tokens.dtype)
        tokens = self.gau(self.mlp(tokens))
        return _single(self.cls_x(tokens)), _single(self.cls_y(tokens))

    def _unflip(
        self,
        outputs: tuple[Tensor, Tensor],
        partners: Tensor,
        test_cfg: dict,
        meta: dict,
    ) -> tuple[Tensor, Tensor]:
        x, y = (v.gather(1, partners[..., None].expand_as(v)) for v in outputs)
        return x.flip(-1), y


@MODELS.register_module()
class CategoryRLEHead(CategoryAware, RLEHead):
    """Coordinates and their spread by regression (RLE, arXiv:2107.11291).

    Args are those of :class:`CategoryAware` and of mmpose's ``RLEHead``.
    """

    OUTPUTS = 'num_joints'

    def forward(self, feats: tuple[Tensor, ...] | Labelled) -> Tensor:
        """(B, 39, 4): x and y as a share of the input's size, two sigmas.

        Args:
            feats (tuple[Tensor] | Labelled): The last is (B, C, 1, 1).
        """
        if not isinstance(feats, Labelled):
            return super().forward(feats)
        outputs = super().forward((self._features(feats),))
        index = self.channels[feats.labels][..., None]
        index = index.expand(-1, -1, outputs.size(2))
        return _single(outputs.gather(1, index))

    def decode(self, batch_outputs: Tensor) -> list[InstanceData]:
        """Decode (B, K, 4); the codec wants an axis of instances."""
        return super().decode(batch_outputs[:, None])

    def _activate(self, outputs: Tensor) -> Tensor:
        spread = outputs[..., 2:].sigmoid()
        return torch.cat((outputs[..., :2], spread), dim=-1)

    def _unflip(
        self, outputs: Tensor, partners: Tensor, test_cfg: dict, meta: dict
    ) -> Tensor:
        coords = flip_coordinates(
            outputs,
            range(MAX_LANDMARKS),
            test_cfg.get('shift_coords', True),
            meta['input_size'],
        )
        return coords.gather(1, partners[..., None].expand_as(coords))


def _single(outputs: Tensor) -> Tensor:
    """At least single precision."""
    return outputs.float() if outputs.element_size() < 4 else outputs


def _mean(a: Any, b: Any) -> Any:
    """Mean of two outputs, which may be tuples of tensors."""
    if isinstance(a, tuple):
        return tuple(_mean(*pair) for pair in zip(a, b, strict=True))
    return (a + b) * 0.5


def _among_all(pred: InstanceData, label: int) -> InstanceData:
    """A category's landmarks (1, 39, 2) at their places among the 294."""
    category = CATEGORIES[label]
    own = slice(0, category.num_landmarks)
    points = pred.keypoints[:, own]
    # in the middle, so that the extent of all is the extent of the slice
    keypoints = np.repeat(points.mean(1, keepdims=True), NUM_LANDMARKS, axis=1)
    scores = np.zeros((1, NUM_LANDMARKS), pred.keypoint_scores.dtype)
    keypoints[:, category.slice] = points
    scores[:, category.slice] = pred.keypoint_scores[:, own]
    return InstanceData(
        keypoints=keypoints, keypoint_scores=scores, labels=np.array([label])
    )
