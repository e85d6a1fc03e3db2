# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The two losses of SCAN: who is it (OIM), and is it the same (pairs)."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..errors import UserError
from ..registry import MODELS
from ..utils.distributed import gather_rows


class StepDecay(NamedTuple):
    """A number that is multiplied every few epochs.

    Attributes:
        base (float): Its value at first.
        factor (float): Multiplies it ...
        step (int): ... every so many epochs.
    """

    base: float = 1.0
    factor: float = 1e-6
    step: int = 30

    def at(self, epoch: int) -> float:
        """The value in an epoch, counted from 0."""
        return self.base * self.factor ** (epoch // self.step)


@torch.no_grad()
def update_table(
    table: Tensor, features: Tensor, labels: Tensor, momentum: float
) -> None:
    """Let each identity's entry follow its samples, one after another.

    In the order of the rows: v_y <- momentum v_y + (1 - momentum) x, then
    v_y <- v_y / |v_y|. Samples of one identity compound; different identities
    do not meet, so the k-th sample of each is done at once.

    Args:
        table (Tensor): (C, D) v, changed in place.
        features (Tensor): (N, D) x.
        labels (Tensor): (N,) y, 0..C-1.
        momentum (float): 0-1.
    """
    order = labels.argsort(stable=True)
    _, counts = labels.unique(return_counts=True)
    starts = counts.cumsum(0) - counts
    for turn in range(int(counts.max())):
        rows = order[starts[counts > turn] + turn]
        mixed = momentum * table[labels[rows]]
        mixed += (1 - momentum) * features[rows]
        table[labels[rows]] = mixed / mixed.norm(dim=1, keepdim=True)


class _TableProduct(torch.autograd.Function):
    """x . table^T, whose backward pass also updates the table."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, labels: Tensor, table: Tensor, momentum: float
    ) -> Tensor:
        ctx.save_for_backward(table.clone())
        ctx.table, ctx.momentum = table, momentum
        if ctx.needs_input_grad[0]:
            # every process sees all samples, so that all tables stay equal
            ctx.seen = gather_rows(x.detach()), gather_rows(labels)
        return x @ table.T

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (before,) = ctx.saved_tensors
        update_table(ctx.table, *ctx.seen, ctx.momentum)
        return gradient @ before, None, None, None


@MODELS.register_module()
class OIMLoss(nn.Module):
    """Online instance matching: a softmax over remembered identities.

    The logits of a feature x are scalar * x . table^T; the table holds one
    remembered feature per identity instead of learned weights. It starts at
    zero, and each backward pass lets it follow the batch (see
    :func:`update_table`), after the gradient was computed with the table as
    it was. A forward pass alone changes nothing. The table is a buffer: it is
    saved with the model, and a resumed training goes on with it.

    In distributed training the table follows the samples of all processes in
    the order of their ranks, the same everywhere. The loss is that of the
    process's own samples, as usual.

    Args:
        num_classes (int): C, identities to train on.
        channels (int): D.
        scalar (float): Sharpness of the softmax.
        momentum (float): What an entry keeps of itself per sample, 0-1.
    """

    def __init__(
        self,
        num_classes: int,
        channels: int = 128,
        scalar: float = 30.0,
        momentum: float = 0.5,
    ) -> None:
        super().__init__()
        self.scalar = scalar
        self.momentum = momentum
        self.register_buffer('table', torch.zeros(num_classes, channels))

    def forward(
        self, features: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy.

        Args:
            features (Tensor): (N, D) x, L2-normalised.
            labels (Tensor): (N,) int64, 0..C-1.

        Returns:
            tuple[Tensor, Tensor]: The loss, and the (N, C) scaled logits.

        Raises:
            UserError: A label is not in the table.
        """
        self._check(labels)
        logits = self.scalar * _TableProduct.apply(
            features, labels, self.table, self.momentum
        )
        return F.cross_entropy(logits, labels), logits

    def _check(self, labels: Tensor) -> None:
        low, high = (int(bound) for bound in labels.aminmax())
        if low < 0 or high >= len(self.table):
            wrong = low if low < 0 else high
            raise UserError(
                f'label {wrong} is not among the {len(self.table)} identities '
                'of the OIM table (0 and up; clips of a test set have -1): '
                'set oim_loss.num_classes to the number of persons that the '
                'training set prints'
            )


@MODELS.register_module()
class PairLoss(nn.Module):
    """Weighted binary cross-entropy of all pairs of probe and gallery.

    Pairs of equal labels are positive, also those that the sampler did not
    mean as pairs. Negatives weigh ``sampling_rate`` times as much as
    positives altogether, and all weights together are 0.1. The weighted terms
    are **summed**. Without a negative pair (one identity in the batch; the
    reference divides by zero) the positives have the whole weight.

    Args:
        sampling_rate (float): Weight of the negatives to the positives.
        eps (float): Added inside both logarithms, as the reference's PyTorch
            0.2 did: a pair's term is at most 27.6. 0: no logarithm is below
            -100, as in today's ``binary_cross_entropy``.
    """

    def __init__(self, sampling_rate: float = 3.0, eps: float = 1e-12) -> None:
        super().__init__()
        self.sampling_rate = sampling_rate
        self.eps = eps

    def weights(self, target: Tensor) -> Tensor:
        """(P, G) weights of the pairs, of which ``target`` is 1 if same."""
        same = target > 0
        positives = same.sum().clamp(min=1)
        negative = self.sampling_rate * positives / (~same).sum()
        # without negatives the quotient is infinite, but nobody gets it
        weights = torch.where(same, torch.ones_like(target), negative)
        return weights / weights.sum() / 10

    def forward(self, same: Tensor, probe: Tensor, gallery: Tensor) -> Tensor:
        """The loss.

        Args:
            same (Tensor): (P, G) probability that a pair is one person, 0-1.
            probe (Tensor): (P,) labels.
            gallery (Tensor): (G,) labels.

        Returns:
            Tensor: A number.
        """
        target = (probe[:, None] == gallery).to(same)
        weights = self.weights(target)
        if not self.eps:
            return F.binary_cross_entropy(
                same, target, weights, reduction='sum'
            )
        likelihood = torch.where(target > 0, same, 1 - same)
        return -(weights * (likelihood + self.eps).log()).sum()
