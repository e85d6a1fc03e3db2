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
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import UserError
from .attention import attend
from .block_compare import BLOCK_CLIPS
from .chebyshev import (
    ChannelRanges,
    Chebyshev,
    channel_ranges,
    nodes_needed,
)
from .clip_features import DOUBLE, MEMORY, ClipFeatures, parts, step_memory

#: Largest error of a distance, besides rounding.
TOLERANCE = 1e-6
#: Bytes of the logits of two blocks.
_BLOCK_BYTES = BLOCK_CLIPS * BLOCK_CLIPS * DOUBLE


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
    plan: 'PairPlan | None' = None,
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
        plan (PairPlan, optional): Of :func:`plan_pairs`, for clips that are
            a block of more. Defaults to None: made for these clips.

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
    if not distances.numel():
        return distances
    weight = weight.double()
    if plan is None:
        sides = (query, u), (gallery, v)
        plan = _plan([[x] for x in sides], weight, memory, tolerance)
    for cols in parts(len(v), BLOCK_CLIPS, _BLOCK_BYTES):
        for rows in parts(len(u), BLOCK_CLIPS, min(memory, _BLOCK_BYTES)):
            logits = _logits(
                (query.clips(rows), gallery.clips(cols)),
                (u[rows], v[cols]),
                *(weight, memory, plan),
            )
            logits = logits.add_(float(bias)).sigmoid_()
            distances[rows, cols] = logits
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


class PairPlan(NamedTuple):
    """How the logits of D channels are computed, the same in all blocks.

    Attributes:
        low (Tensor): (D,) float64 smallest guide.
        high (Tensor): (D,) float64 largest guide.
        nodes (Tensor): (D,) int64 number of nodes.
        smooth (Tensor): (D,) bool; others are computed pair by pair.
        groups (list[Tensor]): Channels (d,) int64 that are summed together.
    """

    low: Tensor
    high: Tensor
    nodes: Tensor
    smooth: Tensor
    groups: list[Tensor]


@torch.no_grad()
def plan_pairs(
    query: Iterable[ClipFeatures],
    gallery: Iterable[ClipFeatures],
    weight: Tensor,
    pool: Callable[[ClipFeatures], Tensor],
    *,
    memory: int = MEMORY,
    tolerance: float = TOLERANCE,
) -> PairPlan:
    """Plan the comparison of clips that come in blocks.

    Each block of query clips can then be compared with each block of gallery
    clips by :func:`pair_distances`. The numbers of nodes are those of all
    clips, so that a distance does not depend on how they are divided, besides
    the rounding of float64 sums.

    Args:
        query (Iterable[ClipFeatures]): Blocks of clips (m, T, D), M in all.
        gallery (Iterable[ClipFeatures]): Blocks of clips (n, T', D).
        weight (Tensor): (D,), see :func:`pair_distances`.
        pool (callable): Returns the guides (m, D) of clips.
        memory (int): Bytes that a block of the usual size may need.
        tolerance (float): See :func:`pair_distances`.
    """
    sides = [
        ((clips, pool(clips).double()) for clips in side)
        for side in (query, gallery)
    ]
    return _plan(sides, weight, memory, tolerance)


def _plan(
    sides: Sequence[Iterable[tuple[ClipFeatures, Tensor]]],
    weight: Tensor,
    memory: int,
    tolerance: float,
) -> PairPlan:
    """Plan by the clips (m, T, D) and guides (m, D) of blocks of two sides."""
    ranges: ChannelRanges | None = None
    counts, frames = [0, 0], 0
    for side, blocks in enumerate(sides):
        for clips, guides in blocks:
            found = channel_ranges(clips, guides)
            ranges = found if ranges is None else ranges.merged(found)
            counts[side] += len(guides)
            frames = max(frames, clips.keys.shape[1])
    assert ranges is not None, 'no clips'
    nodes = nodes_needed(ranges, weight.to(ranges.low), tolerance)
    nodes = _round_up(nodes)
    m, n = counts
    # pooling under J guides a clip, or under all clips of the other side
    smooth = nodes * (m + n) <= 2 * m * n
    # bytes of a channel of two blocks: coefficients of one side, polynomials
    # of the other and their angles, embeddings and keys. Those of whole
    # blocks, so that the groups do not depend on the number of clips
    row = 2 * BLOCK_CLIPS * (3 * nodes + 2 * frames) * DOUBLE
    groups = [*_groups(nodes, row, smooth, memory)]
    return PairPlan(ranges.low, ranges.high, nodes, smooth, groups)


def _round_up(nodes: Tensor) -> Tensor:
    """Round numbers of nodes (D,) up to steps of at most a quarter.

    Channels with one number are computed together; so the numbers, and the
    distances, do not depend on how many fit into memory.
    """
    steps = [2]
    while steps[-1] < 2**31:
        steps.append(min(steps[-1] * 5 // 4 + 1, 2**31))
    levels = torch.tensor(steps, device=nodes.device)
    return levels[torch.searchsorted(levels, nodes)]


def _logits(
    sides: tuple[ClipFeatures, ClipFeatures],
    guides: tuple[Tensor, Tensor],
    weight: Tensor,
    memory: int,
    plan: PairPlan,
) -> Tensor:
    """Compute the logits (M, N) float64 without bias; see the module."""
    (query, gallery), (u, v) = sides, guides
    logits = u.new_zeros(len(u), len(v))
    for channels in plan.groups:
        count = int(plan.nodes[channels[0]])
        basis = Chebyshev(plan.low[channels], plan.high[channels], count)
        part = u[:, channels], v[:, channels], weight[channels]
        f = basis.fit(query.channels(channels), part[0], part[2], memory)
        logits.addmm_(f, basis(part[1]).T)
        g = basis.fit(gallery.channels(channels), part[1], part[2], memory)
        logits.addmm_(basis(part[0]), g.T)
    _add_pairs(logits, sides, guides, weight, ~plan.smooth, memory)
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
    """Yield chosen channels with one number of nodes that fit into memory."""
    channels = nodes.argsort()
    channels = channels[chosen[channels]]
    while len(channels):
        size = torch.arange(1, len(channels) + 1, device=nodes.device)
        fits = size * bytes_[channels] <= memory
        fits &= nodes[channels] == nodes[channels[0]]
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
