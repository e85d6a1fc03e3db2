# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""OIM loss (identity of each frame) and pair loss (same person or not)."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..errors import UserError
from ..registry import MODELS
from ..utils.distributed import gather_rows


class StepDecay(NamedTuple):
    """Step schedule of a loss weight: base * factor^floor(epoch / step).

    Attributes:
        base (float): Value of the first epochs.
        factor (float): Multiplies the value every ``step`` epochs.
        step (int): Epochs, 1 or more.
    """

    base: float = 1.0
    factor: float = 1e-6
    step: int = 30

    def at(self, epoch: int) -> float:
        """Return the value in an epoch, counted from 0."""
        return self.base * self.factor ** (epoch // self.step)


@torch.no_grad()
def update_table(
    table: Tensor, features: Tensor, labels: Tensor, momentum: float
) -> None:
    """Update the OIM table with a batch, one sample after another.

    In the order of the rows: v_y <- momentum v_y + (1 - momentum) x, then
    v_y <- v_y / |v_y|. Samples of one identity compound; identities do not
    influence each other, so the k-th samples of all are processed at once.

    Args:
        table (Tensor): (C, D) v, changed in place.
        features (Tensor): (N, D) x.
        labels (Tensor): (N,) int64 y, 0..C-1.
        momentum (float): Weight of the old entry, 0-1.
    """
    sorted_rows = labels.argsort(stable=True)
    _, counts = labels.unique(return_counts=True)
    starts = counts.cumsum(0) - counts
    for turn in range(int(counts.max())):
        rows = sorted_rows[starts[counts > turn] + turn]
        mixed = momentum * table[labels[rows]]
        mixed += (1 - momentum) * features[rows]
        table[labels[rows]] = mixed / mixed.norm(dim=1, keepdim=True)


class _TableProduct(torch.autograd.Function):
    """Compute x . table^T; the backward pass also updates the table."""

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
        (old_table,) = ctx.saved_tensors
        update_table(ctx.table, *ctx.seen, ctx.momentum)
        return gradient @ old_table, None, None, None


@MODELS.register_module()
class OIMLoss(nn.Module):
    """Online instance matching (OIM) loss: softmax over a feature table.

    The logits of a feature x are scalar * x . table^T; the table (C, D) holds
    one running feature per identity instead of learned weights. It starts at
    zero. Each backward pass updates it with the batch (see
    :func:`update_table`); the gradient uses the table before the update. A
    forward pass alone changes nothing. The table is a buffer: it is saved
    with the model, and a resumed training continues with it.

    In distributed training the table is updated with the samples of all
    processes in the order of their ranks, so it is the same in all of them.
    The loss is that of the process's own samples, as usual.

    Args:
        num_classes (int): C, identities to train on.
        channels (int): D.
        scalar (float): Inverse temperature of the softmax.
        momentum (float): Weight of an entry's old value per sample, 0-1.
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

    def _load_from_state_dict(
        self, state_dict: dict, prefix: str, *args: Any
    ) -> None:
        """Keep the table if the weights have none: inference needs none.

        The published checkpoints do not hold it.
        """
        state_dict.setdefault(f'{prefix}table', self.table)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(
        self, features: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Compute the mean cross-entropy.

        Args:
            features (Tensor): (N, D) x, L2-normalised.
            labels (Tensor): (N,) int64, 0..C-1.

        Returns:
            tuple[Tensor, Tensor]: The loss (), and the (N, C) scaled logits.

        Raises:
            UserError: A label is not in the table.
        """
        self._check_labels(labels)
        logits = self.scalar * _TableProduct.apply(
            features, labels, self.table, self.momentum
        )
        return F.cross_entropy(logits, labels), logits

    def _check_labels(self, labels: Tensor) -> None:
        """Check that the table has an entry for each label."""
        low, high = (int(bound) for bound in labels.aminmax())
        if low < 0 or high >= len(self.table):
            wrong = low if low < 0 else high
            raise UserError(
                f'label {wrong} is not among the {len(self.table)} identities '
                'of the OIM table (0 and up; clips of a test set have -1): '
                'set oim_loss.num_classes to the number of persons that the '
                'training set logs'
            )


@MODELS.register_module()
class PairLoss(nn.Module):
    """Weighted binary cross-entropy of all pairs of probe and gallery.

    P probes and G galleries give probabilities (P, G) of the same person.
    Pairs of equal labels are positive, including those that the sampler did
    not draw as pairs. The total weight of the negatives is ``sampling_rate``
    times that of the positives, and all weights sum to 0.1. The weighted
    terms are **summed**. Without a negative pair (one identity in the batch;
    the reference divides by zero) the positives have the whole weight.

    Args:
        sampling_rate (float): Total weight of the negatives, relative to the
            positives.
        eps (float): Added inside both logarithms, as the reference's PyTorch
            0.2 did: a pair's term is at most 27.6. 0: no logarithm is below
            -100, as in today's ``binary_cross_entropy``.
    """

    def __init__(self, sampling_rate: float = 3.0, eps: float = 1e-12) -> None:
        super().__init__()
        self.sampling_rate = sampling_rate
        self.eps = eps

    def weights(self, target: Tensor) -> Tensor:
        """Compute the weights of the pairs.

        Args:
            target (Tensor): (P, G) 1 for the same person, else 0.

        Returns:
            Tensor: (P, G), sum 0.1.
        """
        same = target > 0
        positives = same.sum().clamp(min=1)
        negative = self.sampling_rate * positives / (~same).sum()
        # without negatives the quotient is infinite, but is not used
        weights = torch.where(same, torch.ones_like(target), negative)
        return weights / weights.sum() / 10

    def forward(self, same: Tensor, probe: Tensor, gallery: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            same (Tensor): (P, G) probability of the same person, 0-1.
            probe (Tensor): (P,) int64 labels.
            gallery (Tensor): (G,) int64 labels.

        Returns:
            Tensor: () loss.
        """
        target = (probe[:, None] == gallery).to(same)
        weights = self.weights(target)
        if not self.eps:
            return F.binary_cross_entropy(
                same, target, weights, reduction='sum'
            )
        likelihood = torch.where(target > 0, same, 1 - same)
        return -(weights * (likelihood + self.eps).log()).sum()
