# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Pair classifier: generalised similarity, batch norm, two logits."""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn


class PairClassifier(BaseModule):
    """Classify pairs of clips as the same person or different people.

    The generalised similarity of a pair is the element-wise product of two
    differences of its clips: of their self-pooled features, and of their
    features pooled under each other, (P, G, D) for P probes and G galleries.
    Batch normalisation and a linear layer give two logits, (P, G, 2).
    Exchanging probe and gallery does not change the result.

    Args:
        channels (int): D.
        chunk (int, optional): In training, batch statistics are computed
            over the pairs of this many probes at a time, as published.
            None: over all pairs at once.
    """

    #: Index of each class in the logits.
    DIFFERENT, SAME = 0, 1

    def __init__(self, channels: int = 128, chunk: int | None = 30) -> None:
        super().__init__()
        self.chunk = chunk
        self.norm = nn.BatchNorm1d(channels)
        self.linear = nn.Linear(channels, 2)
        nn.init.normal_(self.linear.weight, std=0.001)
        nn.init.zeros_(self.linear.bias)

    def forward(
        self, probe: Tensor, gallery2: Tensor, probe2: Tensor, gallery: Tensor
    ) -> Tensor:
        """Compute the logits of all pairs.

        Args:
            probe (Tensor): (P, 1, D) self-pooled.
            gallery2 (Tensor): (P, G, D) gallery clip j pooled under probe i.
            probe2 (Tensor): (P, G, D) probe i pooled under gallery clip j.
            gallery (Tensor): (1, G, D) self-pooled.

        Returns:
            Tensor: (P, G, 2), see ``DIFFERENT`` and ``SAME``.
        """
        similarity = (probe - gallery) * (probe2 - gallery2)
        size = self.chunk if self.training and self.chunk else len(similarity)
        normed = [self._normalise(rows) for rows in similarity.split(size)]
        return self.linear(torch.cat(normed))

    def _normalise(self, similarity: Tensor) -> Tensor:
        """Batch-normalise (P, G, D); one pair uses the running statistics."""
        rows, norm = similarity.flatten(0, 1), self.norm
        if norm.training and len(rows) > 1:
            return norm(rows).view_as(similarity)
        normed = F.batch_norm(
            rows,
            norm.running_mean,
            norm.running_var,
            norm.weight,
            norm.bias,
            eps=norm.eps,
        )
        return normed.view_as(similarity)

    def folded(self) -> tuple[Tensor, Tensor]:
        """Fold both layers into one affine map, as in evaluation.

        Returns:
            tuple[Tensor, Tensor]: weight (D,) and bias (), float64, of
            logit(different) - logit(same) = weight . s + bias.
        """
        norm, linear = self.norm, self.linear
        scale = (norm.running_var.double() + norm.eps).rsqrt()
        scale = scale * norm.weight.double()
        shift = norm.bias.double() - norm.running_mean.double() * scale
        signs = linear.weight.new_tensor([1, -1]).double()
        weight = signs @ linear.weight.double()
        bias = signs @ linear.bias.double() + weight @ shift
        return (weight * scale).detach(), bias.detach()
