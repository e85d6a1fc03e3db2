# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Embedding head: one vector of each garment, compared by cosine.

A strong baseline of re-identification, as arXiv:2003.04094 carries it over to
clothes: generalised-mean pooling (2104.13643), a batch normalisation between
the two losses (BNNeck) and batch-hard triplets (1903.07071).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..registry import MODELS
from ..retrieval.pair_similarity import PairSimilarity
from ..utils.distributed import gather_rows
from .embedding_losses import (
    GeneralizedMeanPool,
    IdentityClassifier,
    IdentityLoss,
    batch_hard_triplet,
)
from .pair_stream_head import PairStreamHead


@MODELS.register_module()
class EmbeddingHead(PairStreamHead):
    """Embedding head: vectors (R, D) whose cosine says how alike garments are.

    ::

        RoI features - convolutions - GeM - fc - t - batch norm - i
                                               |                |
                                       triplet loss        identity loss

    Before the batch normalisation distances are Euclidean, after it the
    classifier wants angles: the BNNeck lets each loss have its space. The
    batch normalisation has no shift, so that i is centred. Vectors that are
    compared are i, of unit length.

    It stands in place of the match head (``match_head=dict(type=
    'mmfashion_ext.EmbeddingHead')``) or beside it (``heads=dict(embedding=
    dict(type=..., field='embedding'))``) on the same RoI features, and is
    trained with the same pairs.

    Args:
        feature (str): See :class:`~.pair_stream_head.PairStreamHead`, as the
            other arguments that are in ``kwargs``.
        num_identities (int): Classes of the identity loss: at least the
            number of garments, i.e. of different (pair id, style), of the
            training set. 0: no identity loss.
        identity_loss (str): ``'softmax'`` or ``'arcface'``.
        label_smoothing (float): Of the softmax, 0-1.
        arc_scale (float): Scale of ArcFace.
        arc_margin (float): Margin of ArcFace, radians.
        triplet_margin (float, optional): None: the soft margin.
        identity_weight (float): Weight of the identity loss.
        triplet_weight (float): Weight of the triplet loss.
        pool_p (float): Exponent of GeM at the start; it learns.
        **kwargs: Arguments of :class:`~.pair_stream_head.PairStreamHead`.

    Raises:
        UserError: An argument has another value.
    """

    score_kind = 'cosine'

    def __init__(
        self,
        feature: str = 'class',
        num_identities: int = 0,
        identity_loss: IdentityLoss = 'softmax',
        label_smoothing: float = 0.1,
        arc_scale: float = 30.0,
        arc_margin: float = 0.3,
        triplet_margin: float | None = 0.3,
        identity_weight: float = 1.0,
        triplet_weight: float = 1.0,
        pool_p: float = 3.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(feature, **kwargs)
        self.norm.register_parameter('bias', None)
        self.gem = GeneralizedMeanPool(pool_p)
        self.classifier = (
            IdentityClassifier(
                num_identities,
                self.fc.out_features,
                identity_loss,
                label_smoothing,
                arc_scale,
                arc_margin,
            )
            if num_identities
            else None
        )
        self.triplet_margin = triplet_margin
        self.identity_weight = identity_weight
        self.triplet_weight = triplet_weight

    def pool(self, maps: Tensor) -> Tensor:
        """Pool maps (R, C, H, W) to (R, C), by their generalised mean."""
        return self.gem(maps).to(maps.dtype)

    def forward(self, feats: dict[str, Tensor]) -> Tensor:
        """Compute the vectors (R, D) float32, of unit length."""
        return F.normalize(super().forward(feats))

    def similarity(self) -> PairSimilarity:
        """Return the cosine of two vectors (D,) of unit length."""
        return PairSimilarity.cosine(self.fc.out_features)

    def loss_by_feat(
        self, feats: dict[str, Tensor], index: Tensor, identities: Tensor
    ) -> dict[str, Tensor]:
        """Compute identity and triplet loss over the RoIs of all processes.

        A garment is a pair id and a style, in user and shop images alike.

        Args:
            feats (dict[str, Tensor]): Name of each RoI feature ->
                (R, in_channels, H, W).
            index (Tensor): (M,) int64, which of the R RoIs to train with.
            identities (Tensor): (M, 3) int64: pair id, style (> 0), and 1
                for a user's, 0 for a shop's image.

        Returns:
            dict[str, Tensor]: ``loss_triplet`` and, with a classifier,
            ``loss_identity`` and ``identity_acc`` (percent). Without rows
            they are zero, with a gradient for every parameter.
        """
        # as if one process had all images
        vectors = gather_rows(self.embed(feats)[index])
        garments = gather_rows(identities)[:, :2]
        with torch.autocast(vectors.device.type, enabled=False):
            losses = {}
            triplet = batch_hard_triplet(
                vectors, garments, self.triplet_margin
            )
            normalised = self.normalise(vectors)
            # reaches the batch norm's weight without a classifier too
            triplet = triplet + normalised.sum() * 0
            losses['loss_triplet'] = self.triplet_weight * triplet
            if self.classifier is not None:
                found = self.classifier(normalised, garments)
                found['loss_identity'] = (
                    self.identity_weight * found['loss_identity']
                )
                losses.update(found)
        return losses
