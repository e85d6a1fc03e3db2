# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The match network of Match R-CNN (arXiv:1901.07973, section 4.1)."""

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..registry import MODELS
from ..retrieval.pair_similarity import PairSimilarity
from ..utils.distributed import gather_rows

Stream = Literal['class', 'pose', 'mask']

#: ``feature`` of a match head -> the streams whose RoI features it reads.
FEATURES: dict[str, tuple[Stream, ...]] = {
    'class': ('class',),
    'pose': ('pose',),
    'mask': ('mask',),
    'pose+class': ('pose', 'class'),
    'mask+class': ('mask', 'class'),
}


class MatchTrunk(nn.Sequential):
    """RoI features of one stream to one vector: convolutions and a mean.

    Args:
        in_channels (int): C of the RoI features.
        conv_channels (tuple[int]): Channels of the 3 x 3 convolutions, each
            padded by 1 and followed by a ReLU.
        conv_cfg (dict, optional): Kind of convolution.
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
                ConvModule(before, after, 3, padding=1, conv_cfg=conv_cfg)
                for before, after in pairwise(sizes)
            )
        )

    def forward(self, feats: Tensor) -> Tensor:
        """(R, C, H, W), any H and W, to (R, conv_channels[-1])."""
        return super().forward(feats).mean(dim=(2, 3))


@MODELS.register_module()
class MatchHead(BaseModule):
    """Decide whether two RoIs, of a user and of a shop, show one garment.

    Each RoI passes convolutions (256, 256, 256, 1024), global average
    pooling, a linear layer (256) and batch normalisation: its feature vector.
    A pair's two logits, similar and different, are a linear layer on the
    element-wise square of the difference of its two vectors.

    The combined features read two streams of different size. How the paper
    merges them is unpublished; ``merge`` says how it is done here.

    Args:
        feature (str): Streams to read RoI features of: ``'class'`` (7 x 7),
            ``'pose'``, ``'mask'`` (14 x 14), ``'pose+class'`` or
            ``'mask+class'``. They are those that the stream's own layers
            start from, as the author describes it.
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
        conv_cfg (dict, optional): Kind of convolution.
        init_cfg (dict, optional): Initialisation.
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
        if feature not in FEATURES:
            raise ValueError(
                f'feature must be one of {", ".join(FEATURES)}, got '
                f'{feature!r}'
            )
        if merge not in ('late', 'early'):
            raise ValueError(f"merge must be 'late' or 'early', got {merge!r}")
        super().__init__(init_cfg or {'type': 'Kaiming', 'layer': 'Conv2d'})
        self.streams = FEATURES[feature]
        self.early = merge == 'early'
        self.roi_iou_thr = roi_iou_thr
        self.rois_per_image = rois_per_image
        self.fill = fill
        self.loss_weight = loss_weight
        parts = 1 if self.early else len(self.streams)
        width = in_channels * len(self.streams) // parts
        self.trunks = nn.ModuleList(
            MatchTrunk(width, tuple(conv_channels), conv_cfg)
            for _ in range(parts)
        )
        self.fc = nn.Linear(parts * conv_channels[-1], out_channels)
        self.norm = nn.BatchNorm1d(out_channels)
        self.fc_pair = nn.Linear(out_channels, 2)
        self._start_with_distances()

    @torch.no_grad()
    def _start_with_distances(self) -> None:
        """Let near mean similar from the start, halfway to the average pair.

        The difference of a pair's logits starts as 2 - 2 mean((a - b)^2),
        and normalised features of two strangers differ by 2 in the mean.
        PyTorch's random weights would take half of the D differences for a
        sign of similarity, and whoever is far off would be similar to all.
        """
        share = 1 / self.fc_pair.in_features
        signs = self.fc_pair.weight.new_ones(2, 1)
        signs[self.SIMILAR] = -1
        self.fc_pair.weight.copy_(signs * share)
        self.fc_pair.bias.copy_(-signs[:, 0])

    def embed(self, feats: dict[Stream, Tensor]) -> Tensor:
        """The vectors before batch normalisation.

        Args:
            feats (dict[str, Tensor]): Stream -> (R, in_channels, H, W).

        Returns:
            Tensor: (R, D), at least float32: batch statistics follow.
        """
        chosen = [feats[stream] for stream in self.streams]
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
        """Batch normalisation; statistics of fewer than two are no use."""
        norm = self.norm
        return F.batch_norm(
            vectors,
            norm.running_mean,
            norm.running_var,
            norm.weight,
            norm.bias,
            training=self.training and len(vectors) > 1,
            momentum=norm.momentum,
            eps=norm.eps,
        )

    def forward(self, feats: dict[Stream, Tensor]) -> Tensor:
        """Feature vectors, (R, D) float32; see ``embed``."""
        return self.normalise(self.embed(feats))

    def pair_logits(self, users: Tensor, shops: Tensor) -> Tensor:
        """Logits of all pairs, (U, S, 2), from (U, D) and (S, D)."""
        difference = users[:, None] - shops[None, :]
        return self.fc_pair(difference.square())

    def similarity(self) -> PairSimilarity:
        """What ranks pairs: the similar minus the different logit."""
        return PairSimilarity.from_linear(
            self.fc_pair.weight.detach(), self.fc_pair.bias.detach()
        )

    def loss(
        self, feats: dict[Stream, Tensor], order: Tensor, identities: Tensor
    ) -> dict[str, Tensor]:
        """L_pair: cross-entropy over all user x shop pairs of all processes.

        Two RoIs are similar iff their pair ids and their styles are equal.
        Without a user or without a shop RoI the loss is zero, with a
        gradient; without a similar pair all pairs are trained as different.

        Args:
            feats (dict[str, Tensor]): Stream -> (R, in_channels, H, W).
            order (Tensor): (M,) which of the R RoIs to train, some repeated.
            identities (Tensor): (M, 3) int64: pair id, style (> 0), and 1
                for a user's, 0 for a shop's picture.

        Returns:
            dict[str, Tensor]: ``loss_match`` and, if there are pairs,
            ``match_acc``, the share of pairs decided right in %.
        """
        # as if one process had all images
        vectors = gather_rows(self.embed(feats)[order])
        identities = gather_rows(identities)
        with torch.autocast(vectors.device.type, enabled=False):
            vectors = self.normalise(vectors)
            user = identities[:, 2] == 1
            logits = self.pair_logits(vectors[user], vectors[~user])
            logits = logits.flatten(0, 1)
            if not len(logits):
                # an empty sum that still reaches every parameter
                none = vectors.sum() * 0 + self.fc_pair(vectors[:0]).sum()
                return {'loss_match': none}
            names = identities[:, :2]
            same = (names[user][:, None] == names[~user][None, :]).all(dim=2)
            target = torch.where(same.flatten(), self.SIMILAR, self.DIFFERENT)
            loss = F.cross_entropy(logits, target)
        accuracy = (logits.argmax(dim=1) == target).float().mean()
        return {
            'loss_match': self.loss_weight * loss,
            'match_acc': 100 * accuracy.detach(),
        }
