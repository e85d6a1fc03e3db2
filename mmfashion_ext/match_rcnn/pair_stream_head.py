# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Base class of the heads that compare garments by a vector of each RoI.

The match head and the embedding head read the same RoI features through the
same layers; they differ in pooling, losses and in how two vectors are scored.
"""

from abc import abstractmethod
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmdet.structures import SampleList
from mmdet.utils import InstanceList
from torch import Tensor, nn

from ..errors import UserError
from ..formats.deepfashion2.constants import CATEGORIES
from ..retrieval.pair_similarity import PairSimilarity
from .match_roi_sampling import sample_match_rois
from .roi_stream_head import RoIFeatures, RoIStreamHead, TrainingRoIs

#: ``feature`` of a match head -> names of the RoI features that it reads.
FEATURES: dict[str, tuple[str, ...]] = {
    'class': ('class',),
    'pose': ('pose',),
    'mask': ('mask',),
    'pose+class': ('pose', 'class'),
    'mask+class': ('mask', 'class'),
}


class MatchTrunk(nn.Sequential):
    """Convolutions and a mean: from RoI features to one vector each.

    Features are (R, C, H, W) of R RoIs.

    Args:
        in_channels (int): C of the RoI features.
        conv_channels (tuple[int]): Channels of the 3 x 3 convolutions, each
            padded by 1 and followed by a ReLU.
        conv_cfg (dict, optional): Type of convolution.
    """

    def __init__(
        self,
        in_channels: int,
        conv_channels: tuple[int, ...],
        conv_cfg: dict | None = None,
    ) -> None:
        sizes = [in_channels, *conv_channels]
        super().__init__(
            *(
                ConvModule(size_in, size_out, 3, padding=1, conv_cfg=conv_cfg)
                for size_in, size_out in pairwise(sizes)
            )
        )

    def maps(self, feats: Tensor) -> Tensor:
        """Map (R, C, H, W), any H and W, to (R, conv_channels[-1], H, W)."""
        return super().forward(feats)

    def forward(self, feats: Tensor) -> Tensor:
        """Map (R, C, H, W), any H and W, to (R, conv_channels[-1])."""
        return self.maps(feats).mean(dim=(2, 3))


class PairStreamHead(RoIStreamHead):
    """Base class of heads that give each RoI a vector (D,) to compare.

    Args:
        feature (str): Streams to read RoI features of: ``'class'`` (7 x 7),
            ``'pose'``, ``'mask'`` (14 x 14), ``'pose+class'`` or
            ``'mask+class'``: the input of the stream's own layers, as the
            author describes it.
        in_channels (int): Channels of the RoI features of a stream.
        conv_channels (tuple[int]): Channels of the convolutions.
        out_channels (int): D, length of a feature vector.
        merge (str): Of a combined feature. ``'late'``: each stream has
            convolutions of its own, and their pooled vectors are
            concatenated. ``'early'``: the larger features are pooled to the
            smaller size and the channels concatenated.
        roi_iou_thr (float): A RoI is trained if its overlap (IoU, 0-1) with
            an identified item is larger.
        rois_per_image (int): RoIs that an image is trained with.
        fill (bool): Repeat RoIs of an image that has fewer.
        field (str): The predictions get ``{field}_features`` (N, D), and the
            metainfo ``{field}_similarity``.
        conv_cfg (dict, optional): Type of convolution.
        init_cfg (dict, optional): Initialisation.

    Raises:
        UserError: ``feature`` or ``merge`` has another value.
    """

    num_classes = len(CATEGORIES)
    #: How scores are shown: 'logit' of a probability, or 'cosine'.
    score_kind = 'logit'

    def __init__(
        self,
        feature: str = 'class',
        in_channels: int = 256,
        conv_channels: tuple[int, ...] = (256, 256, 256, 1024),
        out_channels: int = 256,
        merge: Literal['late', 'early'] = 'late',
        roi_iou_thr: float = 0.7,
        rois_per_image: int = 8,
        fill: bool = True,
        field: str = 'match',
        conv_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        name = type(self).__name__
        if feature not in FEATURES:
            raise UserError(
                f'feature of {name} must be one of {", ".join(FEATURES)}, '
                f'got {feature!r}'
            )
        if merge not in ('late', 'early'):
            raise UserError(
                f"merge of {name} must be 'late' or 'early', got {merge!r}"
            )
        super().__init__(init_cfg or {'type': 'Kaiming', 'layer': 'Conv2d'})
        self.roi_features = FEATURES[feature]
        self.early = merge == 'early'
        self.roi_iou_thr = roi_iou_thr
        self.rois_per_image = rois_per_image
        self.fill = fill
        self.field = field
        num_trunks = 1 if self.early else len(self.roi_features)
        width = in_channels * len(self.roi_features) // num_trunks
        self.trunks = nn.ModuleList(
            MatchTrunk(width, tuple(conv_channels), conv_cfg)
            for _ in range(num_trunks)
        )
        self.fc = nn.Linear(num_trunks * conv_channels[-1], out_channels)
        self.norm = nn.BatchNorm1d(out_channels)

    def pool(self, maps: Tensor) -> Tensor:
        """Pool maps (R, C, H, W) to (R, C); by their mean."""
        return maps.mean(dim=(2, 3))

    def embed(self, feats: dict[str, Tensor]) -> Tensor:
        """Compute the feature vectors before batch normalisation.

        Args:
            feats (dict[str, Tensor]): Name of each RoI feature ->
                (R, in_channels, H, W).

        Returns:
            Tensor: (R, D), at least float32, because batch statistics follow.
        """
        chosen = [feats[name] for name in self.roi_features]
        if self.early:
            size = min(feat.shape[-1] for feat in chosen)
            chosen = [
                torch.cat([F.adaptive_avg_pool2d(f, size) for f in chosen], 1)
            ]
        pooled = [
            self.pool(trunk.maps(feat))
            for trunk, feat in zip(self.trunks, chosen, strict=True)
        ]
        vectors = self.fc(torch.cat(pooled, dim=1))
        return vectors.to(torch.promote_types(vectors.dtype, torch.float32))

    def normalise(self, vectors: Tensor) -> Tensor:
        """Batch-normalise (R, D); with R below 2 by the running statistics."""
        norm = self.norm
        return F.batch_norm(
            vectors,
            norm.running_mean,
            norm.running_var,
            norm.weight,
            norm.bias,
            training=norm.training and len(vectors) > 1,
            momentum=norm.momentum,
            eps=norm.eps,
        )

    def forward(self, feats: dict[str, Tensor]) -> Tensor:
        """Compute the feature vectors, (R, D) float32; see ``embed``."""
        return self.normalise(self.embed(feats))

    def loss(
        self, feats: RoIFeatures, rois: TrainingRoIs
    ) -> dict[str, Tensor]:
        """Compute the losses on RoIs that overlap an item with a style.

        Args:
            feats (RoIFeatures): Reads the features of ``roi_features``.
            rois (TrainingRoIs): Proposals (P, 4) xyxy px, items with
                ``styles`` (N,) and each image's ``source`` and ``pair_id``.

        Returns:
            dict[str, Tensor]: See :meth:`loss_by_feat`.
        """
        chosen = sample_match_rois(
            rois.proposals,
            rois.gt_instances,
            rois.data_samples,
            iou_thr=self.roi_iou_thr,
            num=self.rois_per_image,
            with_landmarks='pose' in self.roi_features,
            fill=self.fill,
        )
        return self.loss_by_feat(
            self._read(feats, chosen.boxes), chosen.index, chosen.identities
        )

    def _read(
        self, feats: RoIFeatures, boxes: list[Tensor]
    ) -> dict[str, Tensor]:
        """Read the RoI features of boxes, one (n, 4) tensor per image."""
        return {name: feats.read(name, boxes) for name in self.roi_features}

    def add_predictions(
        self,
        feats: RoIFeatures,
        boxes: list[Tensor],
        results: InstanceList,
        data_samples: SampleList,
    ) -> None:
        """Add the feature vectors, and what to compare them with.

        Args:
            feats (RoIFeatures): Reads the features of ``roi_features``.
            boxes (list[Tensor]): (n, 4) xyxy px of the network's input.
            results (list[InstanceData]): Detections of each image; get
                ``{field}_features`` (n, D).
            data_samples (list[DetDataSample]): Images; their metainfo gets
                ``{field}_similarity``, ``weight`` (D,) and ``bias``.
        """
        vectors = self(self._read(feats, boxes)).split(
            [len(result) for result in results]
        )
        similarity = self.similarity()
        parameters = {'weight': similarity.weight, 'bias': similarity.bias}
        for result, features, data_sample in zip(
            results, vectors, data_samples, strict=True
        ):
            result.set_field(features, f'{self.field}_features')
            data_sample.set_metainfo({f'{self.field}_similarity': parameters})

    @abstractmethod
    def similarity(self) -> PairSimilarity:
        """Return what scores pairs of vectors (D,)."""

    @abstractmethod
    def loss_by_feat(
        self, feats: dict[str, Tensor], index: Tensor, identities: Tensor
    ) -> dict[str, Tensor]:
        """Compute the losses over the RoIs of all processes.

        Args:
            feats (dict[str, Tensor]): Name of each RoI feature ->
                (R, in_channels, H, W).
            index (Tensor): (M,) int64, which of the R RoIs to train with;
                some may be repeated.
            identities (Tensor): (M, 3) int64: pair id, style (> 0), and 1
                for a user's, 0 for a shop's image.

        Returns:
            dict[str, Tensor]: Scalars.
        """
