# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Pooling and losses of embeddings: GeM, batch-hard triplet, identities.

Generalised-mean pooling as in arXiv:2104.13643, batch-hard triplets and the
classification of identities with smoothed labels as in arXiv:1903.07071 and
2003.04094; ArcFace is arXiv:1801.07698.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import UserError

IdentityLoss = Literal['softmax', 'arcface']


class GeneralizedMeanPool(nn.Module):
    """Generalised-mean pooling: ``(mean(x ** p)) ** (1 / p)`` per channel.

    p = 1 is the mean; the maximum is approached as p grows.

    Args:
        p (float): Exponent at the start, at least 1; it learns.
        eps (float): Lowest value of x; negative values count as this.

    Raises:
        UserError: ``p`` is below 1.
    """

    def __init__(self, p: float = 3.0, eps: float = 1e-6) -> None:
        super().__init__()
        if p < 1:
            raise UserError(f'p of GeM pooling must be at least 1, got {p}')
        self.p = nn.Parameter(torch.tensor(float(p)))
        self.eps = eps

    def forward(self, maps: Tensor) -> Tensor:
        """Pool (R, C, H, W) to (R, C), at least float32.

        Each channel is divided by its largest value first, so that no power
        overflows.
        """
        dtype = torch.promote_types(maps.dtype, torch.float32)
        p = self.p.clamp(min=1).to(dtype)
        maps = maps.to(dtype).clamp(min=self.eps)
        largest = maps.detach().amax((2, 3), keepdim=True)
        mean = (maps / largest).pow(p).mean((2, 3))
        return mean.pow(1 / p) * largest[:, :, 0, 0]


def batch_hard_triplet(
    vectors: Tensor, garments: Tensor, margin: float | None = 0.3
) -> Tensor:
    """Compute the batch-hard triplet loss on Euclidean distances.

    For each row: the farthest row of its garment against the nearest row of
    another. Rows without both are left out.

    Args:
        vectors (Tensor): (M, D).
        garments (Tensor): (M, n) int64; rows that are equal are one garment.
        margin (float, optional): ``max(0, margin + d_p - d_n)``. None: the
            soft margin ``log(1 + exp(d_p - d_n))``.

    Returns:
        Tensor: Scalar, mean over the rows; 0, with a gradient of 0, without
        any triplet.
    """
    if not len(vectors):
        return vectors.sum()
    # the product of matrices would round small distances to 0
    distances = torch.cdist(
        vectors, vectors, compute_mode='donot_use_mm_for_euclid_dist'
    )
    same = (garments[:, None] == garments[None]).all(dim=2)
    positives = same & ~torch.eye(
        len(same), dtype=torch.bool, device=same.device
    )
    usable = positives.any(dim=1) & (~same).any(dim=1)
    if not usable.any():
        return vectors.sum() * 0
    farthest = distances.masked_fill(~positives, -torch.inf).amax(dim=1)
    nearest = distances.masked_fill(same, torch.inf).amin(dim=1)
    gap = farthest[usable] - nearest[usable]
    if margin is None:
        return F.softplus(gap).mean()
    return F.relu(gap + margin).mean()


def arcface_logits(
    cosines: Tensor, target: Tensor, scale: float, margin: float
) -> Tensor:
    """Add an angular margin to the logit of the right class.

    ``scale * cos(angle + margin)`` of the right class, ``scale * cos(angle)``
    of the others. Beyond ``angle + margin = pi``, where the cosine would rise
    again, it falls on linearly.

    Args:
        cosines (Tensor): (M, K), -1 to 1.
        target (Tensor): (M,) int64, the right class of each row.
        scale (float): Factor of all.
        margin (float): Radians.

    Returns:
        Tensor: (M, K).
    """
    right = cosines.gather(1, target[:, None])
    sine = (1 - right.square()).clamp(min=1e-12).sqrt()
    moved = right * math.cos(margin) - sine * math.sin(margin)
    beyond = right < math.cos(math.pi - margin)
    fallback = right - margin * math.sin(margin)
    moved = torch.where(beyond, fallback, moved)
    return scale * cosines.scatter(1, target[:, None], moved)


class IdentityClassifier(nn.Module):
    """Classify vectors (M, D) as one of the garments seen in training.

    A garment gets the next free class when it is seen first. Which one is
    part of the state dict, so a resumed training goes on with the same.

    Args:
        num_identities (int): K, at least the number of garments, i.e. of
            different (pair id, style).
        channels (int): D.
        kind (str): ``'softmax'``, a linear layer without bias, or
            ``'arcface'``, cosines with an angular margin.
        label_smoothing (float): Of the softmax, 0-1.
        scale (float): Of ArcFace.
        margin (float): Of ArcFace, radians.

    Raises:
        UserError: Another ``kind``, or ``num_identities`` below 1.
    """

    keys: Tensor

    def __init__(
        self,
        num_identities: int,
        channels: int,
        kind: IdentityLoss = 'softmax',
        label_smoothing: float = 0.1,
        scale: float = 30.0,
        margin: float = 0.3,
    ) -> None:
        super().__init__()
        if kind not in ('softmax', 'arcface'):
            raise UserError(
                f"identity_loss must be 'softmax' or 'arcface', got {kind!r}"
            )
        if num_identities < 1:
            raise UserError(
                f'num_identities must be at least 1, got {num_identities}'
            )
        self.kind = kind
        self.label_smoothing = label_smoothing
        self.scale, self.margin = scale, margin
        self.weight = nn.Parameter(torch.empty(num_identities, channels))
        nn.init.normal_(self.weight, std=0.001 if kind == 'softmax' else 1.0)
        # pair id and style of each class; a free one has style 0
        self.register_buffer(
            'keys', torch.zeros(num_identities, 2, dtype=torch.long)
        )

    @torch.no_grad()
    def classes_of(self, garments: Tensor) -> Tensor:
        """Return the class of each garment; new ones get a free one.

        Args:
            garments (Tensor): (M, 2) int64: pair id, style (> 0).

        Returns:
            Tensor: (M,) int64, 0 to K - 1.

        Raises:
            UserError: There are more garments than classes.
        """
        unique, inverse = garments.unique(dim=0, return_inverse=True)
        match = (unique[:, None] == self.keys[None]).all(dim=2)
        known = match.any(dim=1)
        used = int((self.keys[:, 1] > 0).sum())
        new = unique[~known]
        if used + len(new) > len(self.keys):
            raise UserError(
                f'num_identities of the embedding head is {len(self.keys)}, '
                'but the dataset has more garments; set it to at least the '
                'number of different pairs of pair id and style'
            )
        self.keys[used : used + len(new)] = new
        classes = match.int().argmax(dim=1)
        classes[~known] = used + torch.arange(len(new), device=classes.device)
        return classes[inverse]

    def forward(self, vectors: Tensor, garments: Tensor) -> dict[str, Tensor]:
        """Compute the cross-entropy of vectors, and how many are right.

        Args:
            vectors (Tensor): (M, D), after batch normalisation.
            garments (Tensor): (M, 2) int64: pair id, style (> 0).

        Returns:
            dict[str, Tensor]: ``loss_identity``, a scalar, 0 with a gradient
            of 0 without rows; with rows also ``identity_acc``, percent.
        """
        if not len(vectors):
            zero = vectors.sum() + self.weight.sum() * 0
            return {'loss_identity': zero}
        target = self.classes_of(garments)
        if self.kind == 'softmax':
            logits = vectors @ self.weight.to(vectors.dtype).T
            loss = F.cross_entropy(
                logits, target, label_smoothing=self.label_smoothing
            )
        else:
            logits = F.normalize(vectors) @ F.normalize(self.weight).T
            loss = F.cross_entropy(
                arcface_logits(logits, target, self.scale, self.margin), target
            )
        right = (logits.argmax(dim=1) == target).float().mean()
        return {'loss_identity': loss, 'identity_acc': 100 * right.detach()}
