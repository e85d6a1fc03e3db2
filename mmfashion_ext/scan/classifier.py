# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Are two clips one person? The generalised similarity and its classifier."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn


class PairClassifier(BaseModule):
    """Generalised similarity, batch normalisation, two logits.

    A pair's similarity is the element-wise product of two differences of its
    clips: as each is by itself, and as each is seen by the other. It does not
    change if probe and gallery change places.

    Args:
        channels (int): D.
        chunk (int, optional): In training, batch statistics are taken of the
            pairs of this many probes at a time, as published. None: of all
            pairs at once.
    """

    #: Channels of the logits.
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
        """Logits of all pairs.

        Args:
            probe (Tensor): (P, 1, D) by itself.
            gallery2 (Tensor): (P, G, D) gallery j as seen by probe i.
            probe2 (Tensor): (P, G, D) probe i as seen by gallery j.
            gallery (Tensor): (1, G, D) by itself.

        Returns:
            Tensor: (P, G, 2).
        """
        similarity = (probe - gallery) * (probe2 - gallery2)
        size = self.chunk if self.training and self.chunk else len(similarity)
        normed = [self._normalise(rows) for rows in similarity.split(size)]
        return self.linear(torch.cat(normed))

    def _normalise(self, similarity: Tensor) -> Tensor:
        """Over the pairs; a single one has no statistics of its own."""
        rows = similarity.flatten(0, 1)
        self.norm.train(self.training and len(rows) > 1)
        normed = self.norm(rows).view_as(similarity)
        self.norm.train(self.training)
        return normed

    def folded(self) -> tuple[Tensor, Tensor]:
        """What is left of both layers in evaluation.

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
