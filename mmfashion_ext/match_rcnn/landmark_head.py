# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Landmark head of Match R-CNN: 294 heat maps (arXiv:1901.07973, 4.1)."""

from typing import Literal

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule, build_upsample_layer
from mmdet.structures import SampleList
from mmdet.utils import InstanceList
from torch import Tensor, nn

from ..errors import UserError
from ..formats.deepfashion2.constants import CATEGORIES, class_landmark_mask
from ..registry import MODELS
from .roi_stream_head import RoIFeatures, RoIStreamHead, TrainingRoIs


def encode_landmarks(
    keypoints: Tensor, rois: Tensor, heatmap_size: int
) -> tuple[Tensor, Tensor]:
    """Compute the heat map cell of each landmark: the one-hot target.

    Args:
        keypoints (Tensor): (R, K, 2) x, y in pixels.
        rois (Tensor): (R, 4) xyxy in the same pixels.
        heatmap_size (int): S, cells along each side of a RoI.

    Returns:
        tuple[Tensor, Tensor]: (R, K) int64, the cell ``row * S + column``
        (0 where outside), and (R, K) bool, whether the landmark lies inside
        its RoI, right and lower edge included.
    """
    origin, size = rois[:, None, :2], rois[:, None, 2:] - rois[:, None, :2]
    relative = (keypoints - origin) / size.clamp(min=1e-6)  # 0-1 inside
    inside = ((relative >= 0) & (relative <= 1)).all(dim=-1)
    column, row = (
        (relative * heatmap_size)
        .long()
        .clamp(0, heatmap_size - 1)
        .unbind(dim=-1)
    )
    return (row * heatmap_size + column) * inside, inside


def decode_landmarks(
    logits: Tensor, rois: Tensor, window: int = 3
) -> tuple[Tensor, Tensor]:
    """Decode landmarks from heat maps with sub-cell precision.

    The softmax over all positions is a distribution. The landmark is its
    mean within ``window`` x ``window`` cells around the most likely one; a
    distribution wholly in one cell decodes to that cell's centre.

    Args:
        logits (Tensor): (R, K, S, S), before the softmax over positions.
        rois (Tensor): (R, 4) xyxy, in the pixels to give the landmarks in.
        window (int): Odd side length in cells; 1 gives the cell's centre.

    Returns:
        tuple[Tensor, Tensor]: (R, K, 2) x, y in pixels, inside their RoI,
        and (R, K) scores 0-1, the probability that lies in the window.
    """
    size = logits.shape[-1]
    flat = logits.flatten(2).float()
    best = flat.argmax(dim=2)
    log_total = flat.logsumexp(dim=2)
    reach = torch.arange(window, device=logits.device) - window // 2
    rows = (best // size)[..., None] + reach  # (R, K, window)
    columns = (best % size)[..., None] + reach
    cells = rows[..., :, None] * size + columns[..., None, :]
    on_map = ((rows >= 0) & (rows < size))[..., :, None] & (
        (columns >= 0) & (columns < size)
    )[..., None, :]
    near = flat.gather(2, (cells * on_map).flatten(2)).view_as(cells)
    prob = (near - log_total[..., None, None]).exp() * on_map
    score = prob.sum(dim=(2, 3))
    prob = prob / score[..., None, None].clamp(min=1e-12)
    x = (prob.sum(dim=2) * (columns + 0.5)).sum(dim=2)
    y = (prob.sum(dim=3) * (rows + 0.5)).sum(dim=2)
    relative = torch.stack((x, y), dim=2) / size
    origin, extent = rois[:, None, :2], rois[:, None, 2:] - rois[:, None, :2]
    return origin + relative * extent, score


@MODELS.register_module()
class LandmarkHead(RoIStreamHead):
    """Landmark head: a heat map for each of the 294 landmarks of a RoI.

    RoI features (R, C, 14, 14) pass ``num_convs`` 3 x 3 convolutions and a
    deconvolution (28 x 28); bilinear interpolation doubles the maps to
    (R, 294, 56, 56). A landmark's map is a softmax over its positions, trained
    by cross-entropy against the one cell that holds the landmark. The maps of
    all categories are predicted; those of the RoI's own are trained.

    Args:
        num_convs (int): Convolutions before the deconvolution.
        in_channels (int): Channels of the RoI features.
        conv_channels (int): Channels of each convolution.
        conv_cfg (dict, optional): Type of convolution.
        norm_cfg (dict, optional): Normalisation; the paper uses none.
        decode_window (int): Side of the window of ``decode_landmarks``.
        normalize (str): ``'roi'``: the loss is averaged over the landmarks of
            each RoI, then over RoIs, so that a dress (39 landmarks) weighs as
            much as a skirt (8). ``'landmark'``: averaged over all labelled
            landmarks of the batch, as in Detectron's keypoint head.
        loss_weight (float): Weight of the loss. The paper's weights were
            never published.
        init_cfg (dict, optional): Initialisation.

    Raises:
        UserError: ``normalize`` has another value.
    """

    roi_features = ('pose',)
    num_classes = len(CATEGORIES)

    def __init__(
        self,
        num_convs: int = 8,
        in_channels: int = 256,
        conv_channels: int = 512,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        decode_window: int = 3,
        normalize: Literal['roi', 'landmark'] = 'roi',
        loss_weight: float = 1.0,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        if normalize not in ('roi', 'landmark'):
            raise UserError(
                "normalize of LandmarkHead must be 'roi' or 'landmark', got "
                f'{normalize!r}'
            )
        super().__init__(
            init_cfg
            or [
                {'type': 'Kaiming', 'layer': 'Conv2d'},
                {'type': 'Normal', 'layer': 'ConvTranspose2d', 'std': 0.001},
            ]
        )
        class_landmarks = torch.from_numpy(class_landmark_mask())
        self.register_buffer(
            'class_landmarks', class_landmarks, persistent=False
        )
        self.decode_window = decode_window
        self.normalize = normalize
        self.loss_weight = loss_weight
        self.convs = nn.Sequential(
            *(
                ConvModule(
                    in_channels if i == 0 else conv_channels,
                    conv_channels,
                    3,
                    padding=1,
                    conv_cfg=conv_cfg,
                    norm_cfg=norm_cfg,
                )
                for i in range(num_convs)
            )
        )
        self.upsample = build_upsample_layer(
            {'type': 'deconv'},
            in_channels=conv_channels if num_convs else in_channels,
            out_channels=class_landmarks.shape[1],
            kernel_size=4,
            stride=2,
            padding=1,
        )

    def forward(self, feats: Tensor) -> Tensor:
        """Compute the heat maps of all categories.

        Args:
            feats (Tensor): (R, in_channels, H, H) RoI features, H = 14 in
                the paper.

        Returns:
            Tensor: (R, 294, 4H, 4H) logits, to be softmaxed over positions.
        """
        return self.enlarge(self.upsample(self.convs(feats)))

    @staticmethod
    def enlarge(maps: Tensor) -> Tensor:
        """Double maps bilinearly: (A, B, S, S) -> (A, B, 2S, 2S).

        Half precision becomes float32: a softmax over 3136 positions follows.
        """
        maps = maps.to(torch.promote_types(maps.dtype, torch.float32))
        return F.interpolate(
            maps, scale_factor=2, mode='bilinear', align_corners=False
        )

    def loss(
        self, feats: RoIFeatures, rois: TrainingRoIs
    ) -> dict[str, Tensor]:
        """Compute the loss of the positive RoIs whose item has a landmark.

        Args:
            feats (RoIFeatures): Reads the ``'pose'`` features.
            rois (TrainingRoIs): Items with ``keypoints`` (N, 294, 2) px of
                the network's input and ``keypoints_visible`` (N, 294).

        Returns:
            dict[str, Tensor]: ``loss_landmark``, see :meth:`loss_by_feat`.
        """
        visible = rois.positive_targets('keypoints_visible')
        labelled = (visible > 0).any(dim=1)
        return self.loss_by_feat(
            feats.read('pose', rois.positive_boxes)[labelled],
            torch.cat(rois.positive_boxes)[labelled],
            rois.positive_targets('labels')[labelled],
            rois.positive_targets('keypoints')[labelled],
            visible[labelled],
        )

    def loss_by_feat(
        self,
        feats: Tensor,
        rois: Tensor,
        labels: Tensor,
        keypoints: Tensor,
        visible: Tensor,
    ) -> dict[str, Tensor]:
        """Compute the cross-entropy over positions (Mask R-CNN, section 5).

        The same as on the maps of ``forward``, but only maps with a label
        are made: of each RoI those of its category, at most 39 of 294.

        Args:
            feats (Tensor): (R, in_channels, H, H) RoI features.
            rois (Tensor): (R, 4) xyxy, px of the network's input.
            labels (Tensor): (R,) category label 0..12 of the matched item.
            keypoints (Tensor): (R, 294, 2) its landmarks, px of the input.
            visible (Tensor): (R, 294) 2 visible, 1 occluded, 0 not labelled;
                1 and 2 are trained alike.

        Returns:
            dict[str, Tensor]: ``loss_landmark``, a scalar; zero, with a
            gradient, if nothing is labelled inside any RoI.
        """
        target, inside = encode_landmarks(keypoints, rois, 4 * feats.shape[-1])
        labelled = (visible > 0) & inside & self.class_landmarks[labels]
        weight = self._landmark_weight(labelled)
        feats = self.convs(feats)
        # an empty sum that still reaches every parameter
        loss = self.upsample(feats[:0]).sum()
        for label in labels.unique().tolist():
            in_class, part = labels == label, CATEGORIES[label].slice
            maps = F.conv_transpose2d(
                feats[in_class],
                self.upsample.weight[:, part],
                self.upsample.bias[part],
                stride=self.upsample.stride,
                padding=self.upsample.padding,
            )
            chosen = labelled[in_class, part]
            losses = F.cross_entropy(
                self.enlarge(maps[chosen][:, None]).flatten(1),
                target[in_class, part][chosen],
                reduction='none',
            )
            loss = loss + (losses * weight[in_class, part][chosen]).sum()
        return {'loss_landmark': self.loss_weight * loss}

    def _landmark_weight(self, labelled: Tensor) -> Tensor:
        """Weigh each landmark's loss, (R, 294); labelled ones add up to 1."""
        if self.normalize == 'landmark':
            return labelled / labelled.sum().clamp(min=1)
        count = labelled.sum(dim=1, keepdim=True)
        num_rois = (count > 0).sum().clamp(min=1)
        return labelled / (count.clamp(min=1) * num_rois)

    def add_predictions(
        self,
        feats: RoIFeatures,
        boxes: list[Tensor],
        results: InstanceList,
        data_samples: SampleList,
    ) -> None:
        """Add ``keypoints``, ``keypoint_scores``, ``keypoints_in_class``.

        Args:
            feats (RoIFeatures): Reads the ``'pose'`` features.
            boxes (list[Tensor]): (n, 4) xyxy px of the network's input.
            results (list[InstanceData]): Detections of each image; the
                landmarks are in the pixels of their ``bboxes``.
            data_samples (list[DetDataSample]): Not used.
        """
        roi_feats = feats.read('pose', boxes).split(
            [len(result) for result in results]
        )
        for result, image_feats in zip(results, roi_feats, strict=True):
            # landmarks are linear in the box: decoding in the box as it is
            # gives them in the same pixels
            result.set_data(
                self.predict(image_feats, result.bboxes, result.labels)
            )

    def predict(
        self, feats: Tensor, boxes: Tensor, labels: Tensor
    ) -> dict[str, Tensor]:
        """Predict the landmarks of all 294 maps.

        Args:
            feats (Tensor): (R, in_channels, H, H) RoI features.
            boxes (Tensor): (R, 4) xyxy in the pixels to give the landmarks
                in; the RoIs that the features were read from.
            labels (Tensor): (R,) predicted category labels 0..12.

        Returns:
            dict[str, Tensor]: ``keypoints`` (R, 294, 2) x, y;
            ``keypoint_scores`` (R, 294) 0-1; ``keypoints_in_class`` (R, 294)
            bool, the slice of the predicted category.
        """
        decoded = [
            # a few RoIs at a time: 32 x 294 maps of 56 x 56 are 118 MB
            decode_landmarks(self(some_feats), some_boxes, self.decode_window)
            for some_feats, some_boxes in zip(
                feats.split(32), boxes.split(32), strict=True
            )
        ]
        keypoints, scores = (
            torch.cat(parts) for parts in zip(*decoded, strict=True)
        )
        return {
            'keypoints': keypoints,
            'keypoint_scores': scores,
            'keypoints_in_class': self.class_landmarks[labels],
        }
