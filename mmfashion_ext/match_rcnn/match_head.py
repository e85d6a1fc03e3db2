# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Match head of Match R-CNN: scores whether two RoIs show one garment.

arXiv:1901.07973, section 4.1.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..registry import MODELS
from ..retrieval.pair_similarity import PairSimilarity
from ..utils.distributed import gather_rows
from .pair_stream_head import FEATURES, MatchTrunk, PairStreamHead

__all__ = ['FEATURES', 'MatchHead', 'MatchTrunk']


@MODELS.register_module()
class MatchHead(PairStreamHead):
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
        super().__init__(
            feature,
            in_channels,
            conv_channels,
            out_channels,
            merge,
            roi_iou_thr,
            rois_per_image,
            fill,
            conv_cfg=conv_cfg,
            init_cfg=init_cfg,
        )
        self.loss_weight = loss_weight
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

    def pair_logits(self, users: Tensor, shops: Tensor) -> Tensor:
        """Compute the logits of all pairs, (U, S, 2), from (U, D), (S, D)."""
        difference = users[:, None] - shops[None, :]
        return self.fc_pair(difference.square())

    def similarity(self) -> PairSimilarity:
        """Return what ranks pairs: the similar minus the different logit."""
        return PairSimilarity.from_linear(
            self.fc_pair.weight.detach(), self.fc_pair.bias.detach()
        )

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
