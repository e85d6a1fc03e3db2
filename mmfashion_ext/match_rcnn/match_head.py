# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Match head of Match R-CNN: scores whether two RoIs show one garment.

arXiv:1901.07973, section 4.1.
"""

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
from ..registry import MODELS
from ..retrieval.pair_similarity import PairSimilarity
from ..utils.distributed import gather_rows
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

    def forward(self, feats: Tensor) -> Tensor:
        """Map (R, C, H, W), any H and W, to (R, conv_channels[-1])."""
        return super().forward(feats).mean(dim=(2, 3))


@MODELS.register_module()
class MatchHead(RoIStreamHead):
    """Match head: do a user's and a shop's RoI show the same garment?

    Each RoI passes convolutions (256, 256, 256, 1024), global average
    pooling, a linear layer (256) and batch normalisation: its feature vector.
    A pair's two logits, similar and different, are a linear layer on the
    element-wise square of the difference of its two vectors.

    The combined features read two streams of different size. How the paper
    merges them is unpublished; ``merge`` says how it is done here.

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
            concatenated, so that each keeps its resolution and each is the
            network the author describes. ``'early'``: the larger features
            are pooled to the smaller size and the channels concatenated,
            which costs one network only.
        roi_iou_thr (float): A RoI is trained if its overlap (IoU, 0-1) with
            an identified item is larger.
        rois_per_image (int): RoIs that an image is trained with.
        fill (bool): Repeat RoIs of an image that has fewer, so that every
            image weighs the same: the author's batches always hold 8 of
            each. False: train with fewer.
        loss_weight (float): Weight of L_pair. The paper's weights were never
            published.
        conv_cfg (dict, optional): Type of convolution.
        init_cfg (dict, optional): Initialisation.

    Raises:
        UserError: ``feature`` or ``merge`` has another value.
    """

    #: Channels of a pair's logits: index 0 is similar, 1 is different.
    SIMILAR, DIFFERENT = 0, 1
    num_classes = len(CATEGORIES)

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
        loss_weight: float = 1.0,
        conv_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        if feature not in FEATURES:
            raise UserError(
                f'feature of MatchHead must be one of {", ".join(FEATURES)}, '
                f'got {feature!r}'
            )
        if merge not in ('late', 'early'):
            raise UserError(
                f"merge of MatchHead must be 'late' or 'early', got {merge!r}"
            )
        super().__init__(init_cfg or {'type': 'Kaiming', 'layer': 'Conv2d'})
        self.roi_features = FEATURES[feature]
        self.early = merge == 'early'
        self.roi_iou_thr = roi_iou_thr
        self.rois_per_image = rois_per_image
        self.fill = fill
        self.loss_weight = loss_weight
        num_trunks = 1 if self.early else len(self.roi_features)
        width = in_channels * len(self.roi_features) // num_trunks
        self.trunks = nn.ModuleList(
            MatchTrunk(width, tuple(conv_channels), conv_cfg)
            for _ in range(num_trunks)
        )
        self.fc = nn.Linear(num_trunks * conv_channels[-1], out_channels)
        self.norm = nn.BatchNorm1d(out_channels)
        self.fc_pair = nn.Linear(out_channels, 2)
        self._init_as_distance()

    @torch.no_grad()
    def _init_as_distance(self) -> None:
        """Initialise the pair logits so that a small distance is similar.

        The difference of a pair's logits starts as 2 - 2 mean((a - b)^2), and
        the mean is 2 for normalised features of two different garments. With
        random weights, half of the squared differences would raise the
        similarity, so outliers would match everything.
        """
        scale = 1 / self.fc_pair.in_features
        signs = self.fc_pair.weight.new_ones(2, 1)
        signs[self.SIMILAR] = -1
        self.fc_pair.weight.copy_(signs * scale)
        self.fc_pair.bias.copy_(-signs[:, 0])

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
            trunk(feat)
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

    def pair_logits(self, users: Tensor, shops: Tensor) -> Tensor:
        """Compute the logits of all pairs, (U, S, 2), from (U, D), (S, D)."""
        difference = users[:, None] - shops[None, :]
        return self.fc_pair(difference.square())

    def similarity(self) -> PairSimilarity:
        """Return what ranks pairs: the similar minus the different logit."""
        return PairSimilarity.from_linear(
            self.fc_pair.weight.detach(), self.fc_pair.bias.detach()
        )

    def loss(
        self, feats: RoIFeatures, rois: TrainingRoIs
    ) -> dict[str, Tensor]:
        """Compute L_pair on RoIs that overlap an item with a style.

        Args:
            feats (RoIFeatures): Reads the features of ``roi_features``.
            rois (TrainingRoIs): Proposals (P, 4) xyxy px, items with
                ``styles`` (N,) and each image's ``source`` and ``pair_id``.

        Returns:
            dict[str, Tensor]: ``loss_match`` and, if there are pairs,
            ``match_acc``; see :meth:`loss_by_feat`.
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
        """Add ``match_features``, and what to compare them with.

        Args:
            feats (RoIFeatures): Reads the features of ``roi_features``.
            boxes (list[Tensor]): (n, 4) xyxy px of the network's input.
            results (list[InstanceData]): Detections of each image; get
                ``match_features`` (n, D).
            data_samples (list[DetDataSample]): Images; their metainfo gets
                ``match_similarity``, ``weight`` (D,) and ``bias``.
        """
        vectors = self(self._read(feats, boxes)).split(
            [len(result) for result in results]
        )
        similarity = self.similarity()
        parameters = {'weight': similarity.weight, 'bias': similarity.bias}
        for result, features, data_sample in zip(
            results, vectors, data_samples, strict=True
        ):
            result.match_features = features
            data_sample.set_metainfo({'match_similarity': parameters})

    def loss_by_feat(
        self, feats: dict[str, Tensor], index: Tensor, identities: Tensor
    ) -> dict[str, Tensor]:
        """Compute L_pair over all user x shop pairs of all processes.

        It is a cross-entropy with two classes, similar and different.

        Two RoIs are similar iff their pair ids and their styles are equal.
        Without a user or without a shop RoI the loss is zero, with a
        gradient; without a similar pair all pairs are trained as different.

        Args:
            feats (dict[str, Tensor]): Name of each RoI feature ->
                (R, in_channels, H, W).
            index (Tensor): (M,) int64, which of the R RoIs to train with;
                some may be repeated.
            identities (Tensor): (M, 3) int64: pair id, style (> 0), and 1
                for a user's, 0 for a shop's image.

        Returns:
            dict[str, Tensor]: ``loss_match`` and, if there are pairs,
            ``match_acc``, the percentage of pairs decided right.
        """
        # as if one process had all images
        vectors = gather_rows(self.embed(feats)[index])
        identities = gather_rows(identities)
        with torch.autocast(vectors.device.type, enabled=False):
            vectors = self.normalise(vectors)
            user = identities[:, 2] == 1
            logits = self.pair_logits(vectors[user], vectors[~user])
            logits = logits.flatten(0, 1)
            if not len(logits):
                # an empty sum that still reaches every parameter
                zero = vectors.sum() * 0 + self.fc_pair(vectors[:0]).sum()
                return {'loss_match': zero}
            garments = identities[:, :2]  # pair id and style
            same = garments[user][:, None] == garments[~user][None, :]
            same = same.all(dim=2)
            target = torch.where(same.flatten(), self.SIMILAR, self.DIFFERENT)
            loss = F.cross_entropy(logits, target)
        accuracy = (logits.argmax(dim=1) == target).float().mean()
        return {
            'loss_match': self.loss_weight * loss,
            'match_acc': 100 * accuracy.detach(),
        }
