# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Distances of all query clips to all gallery clips, without M N D arrays.

SCAN compares a query clip m with a gallery clip n as follows (arXiv:
1807.05688). Each clip is pooled over time under a guide, channel by channel::

    P_d(c) = sum_t x_td softmax_t(c h_td),       x embeddings, h keys

The guide of self pooling is the clip's own mean key; its result, u for the
query and v for the gallery clip, is the guide under which the *other* clip is
pooled once more. The generalised similarity of the two is

    s_d = (u_d - v_d) (P_d^query(v_d) - P_d^gallery(u_d)),

and the network's batch normalisation and linear layer, folded, reduce it to
one number: logit = sum_d weight_d s_d + bias.

Computed literally, this costs M N T D exponentials for either side. But with
any constant e_d the logit is a sum of two one-sided terms,

    logit - bias = sum_d F_md(v_d) + sum_d G_nd(u_d),
    F_md(c) = weight_d (u_md - c) (P_md(c) - e_d),     G_nd like F_md, of n,

each a smooth function of **one number** c that depends on one clip only. On
the interval of a channel's guides, a polynomial through J_d Chebyshev nodes
replaces it. So a clip is pooled under J_d guides instead of under all clips
of the other side, and the sum over d becomes one matrix product of the
coefficients with the Chebyshev polynomials at c. No array has the size M N D
or M N J.

The error has a proven bound, see :func:`~.chebyshev.nodes_needed`; J_d,
typically 10 to 40, is the smallest number for which the distances err by less
than ``tolerance``. A channel for which this is more work than pooling all
pairs is computed pair by pair.

Symbols: M query clips, N gallery clips, T frames (may differ between the
sides), D channels, J nodes. Distances are probabilities of "different", 0-1.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ..errors import UserError
from .attention import attend
from .chebyshev import Chebyshev, nodes_needed
from .clip_features import DOUBLE, MEMORY, ClipFeatures, parts, step_memory

#: Largest error of a distance, besides rounding.
TOLERANCE = 1e-6


@torch.no_grad()
def self_pool(clips: ClipFeatures, memory: int = MEMORY) -> Tensor:
    """Self-pool each clip: attention under its own mean key.

    Args:
        clips (ClipFeatures): (M, T, D).
        memory (int): Budget in bytes.

    Returns:
        Tensor: (M, D) float64 pooled features.
    """
    pooled = clips.embeddings.new_empty(
        len(clips.keys), clips.keys.shape[-1], dtype=torch.float64
    )
    size = 5 * clips.keys.shape[1] * clips.keys.shape[2]
    for part in parts(len(pooled), size, step_memory(memory, pooled)):
        x, h = clips.clips(part).double()
        pooled[part] = attend(x, h, h.mean(dim=1))
    return pooled


@torch.no_grad()
def pair_distances(
    query: ClipFeatures,
    gallery: ClipFeatures,
    weight: Tensor,
    bias: Tensor | float,
    *,
    guides: tuple[Tensor, Tensor] | None = None,
    memory: int = MEMORY,
    tolerance: float = TOLERANCE,
) -> Tensor:
    """Compute the probability that two clips show different people.

    Args:
        query (ClipFeatures): (M, T, D) of any floating type.
        gallery (ClipFeatures): (N, T', D).
        weight (Tensor): (D,) of logit(different) - logit(same), batch
            normalisation and linear layer folded.
        bias (Tensor | float): Constant of the same affine map.
        guides (tuple[Tensor, Tensor], optional): (M, D) and (N, D) pooled
            features u and v: guides of the partner's pooling and operands of
            the first factor of s. Defaults to the self-pooled features.
        memory (int): Bytes to hold besides inputs and result, roughly (at
            least one channel of all clips and one row of the result).
        tolerance (float): Largest error of a distance, besides rounding
            (clips are pooled in their own precision, at least float32; all
            else is float64). 0 computes pair by pair, in float64.

    Returns:
        Tensor: (M, N) float32 distances of all pairs, 0-1.

    Raises:
        UserError: Features or classifier are not finite.
        ValueError: Shapes do not fit.
    """
    check_finite(query, gallery, weight, bias)
    if guides is None:
        guides = self_pool(query, memory), self_pool(gallery, memory)
    u, v = (guide.double() for guide in guides)
    distances = u.new_empty(len(u), len(v), dtype=torch.float32)
    for rows in parts(len(u), len(v), memory):
        sides, guides = (query.clips(rows), gallery), (u[rows], v)
        logits = _logits(sides, guides, weight.double(), memory, tolerance)
        distances[rows] = logits.add_(float(bias)).sigmoid_()
    return distances


@torch.no_grad()
def pooled_distances(
    query: Tensor, gallery: Tensor, weight: Tensor, bias: Tensor | float
) -> Tensor:
    """Compute distances of clips pooled without collaborative attention.

    Both factors of s are then equal: s_d = (u_d - v_d)^2.

    Args:
        query (Tensor): (M, D) pooled features.
        gallery (Tensor): (N, D) pooled features.
        weight (Tensor): (D,), see :func:`pair_distances`.
        bias (Tensor | float): Constant of the same affine map.

    Returns:
        Tensor: (M, N) float32 probability of different people, 0-1.
    """
    query, gallery, weight = (t.double() for t in (query, gallery, weight))
    logits = (query**2 @ weight)[:, None] + (gallery**2 @ weight)
    logits -= 2 * (query * weight) @ gallery.T
    return logits.add_(float(bias)).sigmoid_().float()


def _logits(
    sides: tuple[ClipFeatures, ClipFeatures],
    guides: tuple[Tensor, Tensor],
    weight: Tensor,
    memory: int,
    tolerance: float,
) -> Tensor:
    """Compute the logits (M, N) float64 without bias; see the module."""
    (query, gallery), (u, v) = sides, guides
    m, n = len(u), len(v)
    logits = u.new_zeros(m, n)
    if not logits.numel():
        return logits
    low = torch.minimum(u.amin(0), v.amin(0))
    high = torch.maximum(u.amax(0), v.amax(0))
    nodes = nodes_needed(query, gallery, weight, low, high, tolerance)
    # pooling under J guides a clip, or under all clips of the other side
    smooth = nodes * (m + n) <= 2 * m * n
    frames = max(query.keys.shape[1], gallery.keys.shape[1])
    # bytes of a channel: coefficients of one side, polynomials of the other
    # and their angles, embeddings and keys
    row = (m + n) * (3 * nodes + 2 * frames) * DOUBLE
    for channels in _groups(nodes, row, smooth, memory):
        count = int(nodes[channels].max())
        basis = Chebyshev(low[channels], high[channels], count)
        part = u[:, channels], v[:, channels], weight[channels]
        f = basis.fit(query.channels(channels), part[0], part[2], memory)
        logits.addmm_(f, basis(part[1]).T)
        g = basis.fit(gallery.channels(channels), part[1], part[2], memory)
        logits.addmm_(basis(part[0]), g.T)
    _add_pairs(logits, sides, guides, weight, ~smooth, memory)
    return logits


def _add_pairs(
    logits: Tensor,
    sides: tuple[ClipFeatures, ClipFeatures],
    guides: tuple[Tensor, Tensor],
    weight: Tensor,
    chosen: Tensor,
    memory: int,
) -> None:
    """Add weight_d s_d of some channels (bool (D,)), pair by pair."""
    channels = chosen.nonzero()[:, 0]
    query, gallery = (side.channels(channels) for side in sides)
    u, v = (guide[:, channels] for guide in guides)
    frames = max(query.keys.shape[1], gallery.keys.shape[1])
    size = 4 * (frames + 1) * len(channels)
    memory = step_memory(memory, logits)
    for cols in parts(len(v) if size else 0, size, memory):
        theirs = gallery.clips(cols).double()
        for rows in parts(len(u), size * len(v[cols]), memory):
            x, h = (part[:, None] for part in query.clips(rows).double())
            seen = attend(x, h, v[cols])
            seen -= attend(*theirs, u[rows, None])
            seen *= u[rows, None] - v[cols]
            logits[rows, cols] += seen @ weight[channels]


def _groups(
    nodes: Tensor, bytes_: Tensor, chosen: Tensor, memory: int
) -> Iterator[Tensor]:
    """Yield chosen channels with similar node counts that fit into memory."""
    channels = nodes.argsort()
    channels = channels[chosen[channels]]
    while len(channels):
        size = torch.arange(1, len(channels) + 1, device=nodes.device)
        fits = size * bytes_[channels] <= memory
        # at most a quarter more nodes than a channel needs
        fits &= 4 * nodes[channels] <= 5 * nodes[channels[0]]
        count = max(int(fits.sum()), 1)
        yield channels[:count]
        channels = channels[count:]


def check_finite(
    query: ClipFeatures,
    gallery: ClipFeatures,
    weight: Tensor,
    bias: Tensor | float,
) -> None:
    """Check shapes, and that all numbers are finite.

    Args:
        query (ClipFeatures): (M, T, D).
        gallery (ClipFeatures): (N, T', D).
        weight (Tensor): (D,), see :func:`pair_distances`.
        bias (Tensor | float): Constant of the same affine map.

    Raises:
        UserError: A number is not finite.
        ValueError: Shapes do not fit.
    """
    for name, (x, h) in (('query', query), ('gallery', gallery)):
        if x.shape != h.shape or x.shape[2:] != weight.shape or not x.shape[1]:
            raise ValueError(
                f'{name} clips: embeddings and keys must both be (clips, '
                f'frames, {len(weight)}) with 1 frame or more, got '
                f'{tuple(x.shape)} and {tuple(h.shape)}'
            )
        if not (x.isfinite().all() and h.isfinite().all()):
            raise UserError(
                f'{name} clips: embeddings or keys are not finite: the model '
                'diverged, or a clip is damaged. Use another checkpoint, or '
                'check the clips'
            )
    if not (weight.isfinite().all() and math.isfinite(bias)):
        raise UserError(
            "the pair classifier is not finite: the model's training "
            'diverged. Use another checkpoint'
        )
