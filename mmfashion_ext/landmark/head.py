# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Category-aware landmark heads: heatmaps, SimCC and RLE regression.

mmpose's heads for DeepFashion2 predict 294 landmarks, of which at most 39
belong to a garment. These heads predict the landmarks of the garment's
category, with one output for each of the 294 landmarks
(``points='separate'``) or for each of the 81 points that categories share
(``points='aggregated'``, Lin, arXiv:2005.00419, section 3).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.models.heads import BaseHead, HeatmapHead, RLEHead, RTMCCHead
from mmpose.models.utils.tta import flip_coordinates, flip_heatmaps
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from ..errors import UserError
from ..formats.deepfashion2.constants import CATEGORIES, NUM_LANDMARKS
from ..registry import MODELS
from .aggregation import (
    MAX_LANDMARKS,
    Points,
    category_rows,
    flip_rows,
    landmark_channels,
)


class LabelledFeatures(NamedTuple):
    """Features of a batch of garments, and the garments' labels.

    Attributes:
        feats (tuple[Tensor]): As a head of mmpose reads them; the last is
            (B, C, H, W).
        labels (Tensor): (B,) int64, 0..12.
    """

    feats: tuple[Tensor, ...]
    labels: Tensor


class CategoryAware(BaseHead):
    """Base of the category-aware heads, a mixin for a head of mmpose.

    ``forward`` of plain features, as mmpose's complexity tools call it,
    returns all outputs. ``forward`` of :class:`LabelledFeatures` returns
    (B, 39, ...): the landmarks of each garment's category first, in their
    order, then padding, which is not used. These outputs are float32 under
    AMP too, because the losses and NumPy, which computes accuracies, need it.

    With ``conditioned=True`` the head's input features are scaled and shifted
    channel by channel with learned vectors of the garment's category (FiLM,
    arXiv:1709.07871). The papers do not have this: it tells a head with
    shared points which category's hem to look for.

    Args:
        in_channels (int): C of the last features.
        points (str): ``'separate'`` (294 outputs) or ``'aggregated'`` (81).
        conditioned (bool): See above.
        **kwargs: Arguments of mmpose's head. Its number of outputs follows
            from ``points``: leave it out, or None in a config that inherits
            another head's.

    Raises:
        UserError: Another number of outputs was given.
    """

    channels: Tensor
    is_landmark: Tensor
    condition: nn.Embedding | None

    #: Name of the argument of mmpose's head for its number of outputs.
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
        given = kwargs.pop(self.OUTPUTS, None)
        if given not in (None, outputs):
            raise UserError(
                f'{type(self).__name__}: {self.OUTPUTS} is {given}, expected '
                f'{outputs}, since points is {points!r}; leave it out, or set '
                f'{self.OUTPUTS}=None where the config inherits another '
                "head's"
            )
        super().__init__(in_channels, **{self.OUTPUTS: outputs}, **kwargs)
        self.condition = None
        if conditioned:
            self.condition = nn.Embedding(len(CATEGORIES), 2 * in_channels)
            nn.init.zeros_(self.condition.weight)  # starts as no change
        rows = category_rows(channels)
        # padding reads any output: its weight is 0 and it is dropped later
        channels = torch.from_numpy(rows.clip(min=0))
        self.register_buffer('channels', channels, persistent=False)
        is_landmark = torch.from_numpy(rows >= 0)
        self.register_buffer('is_landmark', is_landmark, persistent=False)

    def loss(
        self,
        feats: tuple[Tensor, ...],
        batch_data_samples: Sequence[PoseDataSample],
        train_cfg: dict | None = None,
    ) -> dict[str, Tensor]:
        """Compute mmpose's loss over the landmarks of each category.

        Args:
            feats (tuple[Tensor]): Features of B garments, the last is
                (B, C, H, W).
            batch_data_samples (Sequence[PoseDataSample]): B samples with
                ``category_id`` and targets of 39 landmarks, see
                :class:`SelectCategoryLandmarks`.
            train_cfg (dict, optional): As in mmpose.

        Returns:
            dict[str, Tensor]: As mmpose's head: loss and accuracy, scalars.

        Raises:
            UserError: A sample has no category.
        """
        labels = self._labels(batch_data_samples)
        if (labels < 0).any():
            raise UserError(
                f'{type(self).__name__} needs a category_id (1..13) in each '
                'training sample; use DeepFashion2LandmarkDataset'
            )
        inputs = LabelledFeatures(feats, labels)
        return super().loss(inputs, batch_data_samples, train_cfg or {})

    @torch.no_grad()
    def predict(
        self,
        feats: Any,
        batch_data_samples: Sequence[PoseDataSample],
        test_cfg: dict | None = None,
    ) -> list[InstanceData]:
        """Predict the landmarks of each garment.

        Args:
            feats (tuple[Tensor] | list[tuple[Tensor]]): Features of B
                garments, or with ``flip_test`` a pair: features of the images
                and of the mirrored images.
            batch_data_samples (Sequence[PoseDataSample]): B samples with
                ``category_id``. A sample without it, as in mmpose's own
                inferencer, gets the category whose landmarks have the
                highest mean score.
            test_cfg (dict, optional): ``flip_test`` and its options, as in
                mmpose.

        Returns:
            list[InstanceData]: For each garment ``keypoints`` (1, 294, 2) px
            of the network's input, ``keypoint_scores`` (1, 294) and
            ``labels`` (1,), 0..12. Outside the slice of its category the
            scores are 0 and the keypoints are the mean of the slice.
        """
        test_cfg = test_cfg or {}
        flip_test = test_cfg.get('flip_test', False)
        feats, mirrored = feats if flip_test else (feats, ())
        labels = self._labels(batch_data_samples)
        if (labels < 0).any():
            labels = torch.where(labels < 0, self._guess(feats), labels)
        outputs = self._activate(self.forward(LabelledFeatures(feats, labels)))
        if flip_test:
            meta = batch_data_samples[0].metainfo
            rows = torch.from_numpy(flip_rows(meta.get('flip_indices')))
            partners = rows.to(labels.device)[labels]
            inputs = LabelledFeatures(mirrored, labels)
            flipped = self._activate(self.forward(inputs))
            flipped = self._unflip(flipped, partners, test_cfg, meta)
            outputs = _mean(outputs, flipped)
        return [
            _expand_to_all(pred, label)
            for pred, label in zip(
                self.decode(outputs), labels.tolist(), strict=True
            )
        ]

    def _features(self, inputs: LabelledFeatures) -> Tensor:
        """Return the last features (B, C, H, W), conditioned if enabled."""
        x = inputs.feats[-1]
        if self.condition is None:
            return x
        change = self.condition(inputs.labels)[..., None, None]
        scale, shift = change.to(x.dtype).chunk(2, dim=1)
        return x * (1 + scale) + shift

    def _labels(self, samples: Sequence[PoseDataSample]) -> Tensor:
        """Return labels (B,) 0..12, -1 where a sample has no category."""
        ids = [int(s.metainfo.get('category_id', 0)) for s in samples]
        return torch.tensor(ids, device=self.channels.device) - 1

    def _guess(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Return the most confident category (B,) 0..12 of each garment."""
        scores = []
        for label, category in enumerate(CATEGORIES):
            labels = self.channels.new_full((len(feats[-1]),), label)
            inputs = LabelledFeatures(feats, labels)
            preds = self.decode(self._activate(self.forward(inputs)))
            num = category.num_landmarks
            scores.append([p.keypoint_scores[0, :num].mean() for p in preds])
        best = np.argmax(np.array(scores), axis=0)
        return torch.from_numpy(best).to(self.channels.device)

    def _activate(self, outputs: Any) -> Any:
        """Apply the last activation of a test to the outputs."""
        return outputs

    def _unflip(
        self, outputs: Any, partners: Tensor, test_cfg: dict, meta: dict
    ) -> Any:
        """Mirror the outputs of mirrored images back."""
        raise NotImplementedError


@MODELS.register_module()
class CategoryHeatmapHead(CategoryAware, HeatmapHead):
    """Heatmap head (MSRA, UDP, DARK by the codec) of a category's landmarks.

    Only the maps of the garment's category are computed: the last layer is a
    matrix product with the rows of its weight that belong to the category.

    Its arguments are those of :class:`CategoryAware` and of mmpose's
    ``HeatmapHead``.
    """

    def forward(self, feats: tuple[Tensor, ...] | LabelledFeatures) -> Tensor:
        """Compute the heatmaps of each garment's category.

        Args:
            feats (tuple[Tensor] | LabelledFeatures): The last is
                (B, C, H, W).

        Returns:
            Tensor: (B, 39, h, w); without labels (B, 294 or 81, h, w).
        """
        if not isinstance(feats, LabelledFeatures):
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
    """RTMPose's SimCC head with attention over the category's landmarks.

    Without this, each of 294 tokens would attend to 255 or more landmarks
    that the garment does not have. Padding is zero, which adds nothing to a
    gated attention unit without biases. The features are (B, C, H, W).

    Its arguments are those of :class:`CategoryAware` and of mmpose's
    ``RTMCCHead``.
    """

    def forward(
        self, feats: tuple[Tensor, ...] | LabelledFeatures
    ) -> tuple[Tensor, Tensor]:
        """Compute the SimCC vectors of each garment's category.

        Args:
            feats (tuple[Tensor] | LabelledFeatures): The last is
                (B, C, H, W).

        Returns:
            tuple[Tensor, Tensor]: (B, 39, Wx) of x and (B, 39, Wy) of y;
            without labels 294 or 81 instead of 39.
        """
        if not isinstance(feats, LabelledFeatures):
            return super().forward(feats)
        maps = self.final_layer(self._features(feats)).flatten(2)
        channels = self.channels[feats.labels]
        tokens = maps.gather(
            1, channels[..., None].expand(-1, -1, maps.size(2))
        )
        mask = self.is_landmark[feats.labels]
        tokens = tokens * mask[..., None].to(tokens.dtype)
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
    """Regression head (RLE, arXiv:2107.11291): coordinates and deviations.

    The features are pooled: (B, C, 1, 1).

    Its arguments are those of :class:`CategoryAware` and of mmpose's
    ``RLEHead``.
    """

    OUTPUTS = 'num_joints'

    def forward(self, feats: tuple[Tensor, ...] | LabelledFeatures) -> Tensor:
        """Compute the coordinates and sigmas of each garment's category.

        Args:
            feats (tuple[Tensor] | LabelledFeatures): The last is
                (B, C, 1, 1).

        Returns:
            Tensor: (B, 39, 4): x and y as fractions of the input's width and
            height, and the sigmas of both before the sigmoid; without labels
            (B, 294 or 81, 4).
        """
        if not isinstance(feats, LabelledFeatures):
            return super().forward(feats)
        outputs = super().forward((self._features(feats),))
        index = self.channels[feats.labels][..., None]
        index = index.expand(-1, -1, outputs.size(2))
        return _single(outputs.gather(1, index))

    def decode(self, batch_outputs: Tensor) -> list[InstanceData]:
        """Decode (B, K, 4), with the axis of instances that codecs expect.

        Returns:
            list[InstanceData]: B instances with ``keypoints`` (1, K, 2) px of
            the network's input and ``keypoint_scores`` (1, K).
        """
        return super().decode(batch_outputs[:, None])

    def _activate(self, outputs: Tensor) -> Tensor:
        sigmas = outputs[..., 2:].sigmoid()
        return torch.cat((outputs[..., :2], sigmas), dim=-1)

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
    """Convert half precision to float32; leave the rest as it is."""
    return outputs.float() if outputs.element_size() < 4 else outputs


def _mean(a: Any, b: Any) -> Any:
    """Return the mean of two outputs, which may be tuples of tensors."""
    if isinstance(a, tuple):
        return tuple(_mean(*pair) for pair in zip(a, b, strict=True))
    return (a + b) * 0.5


def _expand_to_all(pred: InstanceData, label: int) -> InstanceData:
    """Move landmarks (1, 39, 2) to their category's slice of the 294."""
    category = CATEGORIES[label]
    num = category.num_landmarks
    points = pred.keypoints[:, :num]
    # the others are the mean: the extent of all is the extent of the slice
    keypoints = np.repeat(points.mean(1, keepdims=True), NUM_LANDMARKS, axis=1)
    scores = np.zeros((1, NUM_LANDMARKS), pred.keypoint_scores.dtype)
    keypoints[:, category.slice] = points
    scores[:, category.slice] = pred.keypoint_scores[:, :num]
    return InstanceData(
        keypoints=keypoints, keypoint_scores=scores, labels=np.array([label])
    )
