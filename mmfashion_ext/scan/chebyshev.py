# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Chebyshev interpolation of attention pooling, with an error bound.

See :mod:`.pair_distances` for F, the function of one guide that the
polynomial replaces. Its error has this bound: let a be half the length of a
channel's interval, e its middle, R the largest range of the keys of a clip, X
the largest |x - e|. On the strip |Im c| <= b < pi / R, the denominator of P(c)
obeys ::

    |sum_t exp(c h_t)| >= cos(b R / 2) sum_t |exp(c h_t)|

(turn all phases by that of the middle key), so P is analytic on the strip and
|P(c) - e| <= X / cos(b R / 2). The ellipse around the interval with the
semi-axes a (r + 1/r) / 2 and a (r - 1/r) / 2 = b lies in the strip; on it
|F| <= B = |weight| a (1 + (r + 1/r) / 2) X / cos(b R / 2), and the polynomial
through J Chebyshev nodes has an error of at most ::

    4 B r^(1 - J) / (r - 1)

(Trefethen, Approximation Theory and Approximation Practice, theorem 8.2).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .attention import attend
from .clip_features import ClipFeatures, parts, step_memory


class ChannelRanges(NamedTuple):
    """Ranges of D channels, of which the number of nodes follows.

    Attributes:
        low (Tensor): (D,) float64 smallest guide.
        high (Tensor): (D,) float64 largest guide.
        spread (Tensor): (D,) float64 largest range of the keys of a clip.
        x_low (Tensor): (D,) float64 smallest embedding.
        x_high (Tensor): (D,) float64 largest embedding.
    """

    low: Tensor
    high: Tensor
    spread: Tensor
    x_low: Tensor
    x_high: Tensor

    def merged(self, other: 'ChannelRanges') -> 'ChannelRanges':
        """Return the ranges (D,) of the clips of both, without rounding."""
        return ChannelRanges(
            torch.minimum(self.low, other.low),
            torch.maximum(self.high, other.high),
            torch.maximum(self.spread, other.spread),
            torch.minimum(self.x_low, other.x_low),
            torch.maximum(self.x_high, other.x_high),
        )


def channel_ranges(clips: ClipFeatures, guides: Tensor) -> ChannelRanges:
    """Return the ranges (D,) of clips and guides.

    Args:
        clips (ClipFeatures): (M, T, D).
        guides (Tensor): (m, D) float64.
    """
    x, h = clips
    ranges = h.amax(1).double() - h.amin(1).double()
    return ChannelRanges(
        guides.amin(0),
        guides.amax(0),
        ranges.amax(0),
        x.amin((0, 1)).double(),
        x.amax((0, 1)).double(),
    )


def nodes_needed(
    ranges: ChannelRanges, weight: Tensor, tolerance: float
) -> Tensor:
    """Return the number of nodes that keeps all distance errors small enough.

    F and G of D channels have a common error budget of 4 times the tolerance,
    because the slope of the sigmoid is at most 1/4. The smallest number over
    a few values of b is used, see the module.

    Args:
        ranges (ChannelRanges): (D,) each, of the clips of both sides.
        weight (Tensor): (D,) float64, see :func:`.pair_distances`.
        tolerance (float): Largest error of a distance; 0 returns 2^31.

    Returns:
        Tensor: (D,) int64 number of nodes, at least 2.
    """
    low, high = ranges.low, ranges.high
    if tolerance <= 0:
        return torch.full_like(low, 2**31).long()
    tiny = 1e-9  # keeps the quotients finite; far below any real spread
    half = ((high - low) / 2).clamp_(min=tiny)
    middle = (high + low) / 2
    spread = ranges.spread.clamp(min=tiny)
    reach = torch.maximum(
        (ranges.x_high - middle).abs(), (ranges.x_low - middle).abs()
    )
    budget = 4 * tolerance / (2 * len(weight))  # error of one F of a channel
    fewest = torch.full_like(half, torch.inf)
    for fraction in (0.5, 0.7, 0.8, 0.9, 0.95, 0.98):  # b R / pi
        y = fraction * math.pi / spread / half
        r = y + (y**2 + 1).sqrt()
        bound = weight.abs() * half * (1 + (r + 1 / r) / 2) * reach
        bound /= math.cos(fraction * math.pi / 2)
        needed = 1 + (4 * bound / (r - 1) / budget).log() / r.log()
        fewest = torch.minimum(fewest, needed)
    return fewest.clamp_(2, 2**31).ceil_().long()


class Chebyshev:
    """Interpolation polynomials on one interval for each of d channels.

    Each clip is pooled under the guides ``nodes`` (J, d), once for all pairs.

    Args:
        low (Tensor): (d,) lower ends of the intervals.
        high (Tensor): (d,) upper ends.
        count (int): J, Chebyshev nodes of each channel.
    """

    def __init__(self, low: Tensor, high: Tensor, count: int) -> None:
        self.middle = (high + low) / 2  # (d,)
        self.half = ((high - low) / 2).clamp(min=torch.finfo(low.dtype).tiny)
        self.degrees = torch.arange(count, device=low.device).to(low)
        angles = (self.degrees + 0.5) * (math.pi / count)
        #: (J, d) nodes: the guides under which each clip is pooled
        self.nodes = self.middle + angles.cos()[:, None] * self.half
        to_series = (angles[:, None] * self.degrees).cos() * (2 / count)
        to_series[:, 0] /= 2
        self._to_series = to_series  # (J of nodes, J of degrees)

    def __call__(self, points: Tensor) -> Tensor:
        """Evaluate the J Chebyshev polynomials of each channel.

        Args:
            points (Tensor): (m, d) guides; cut off at the interval's ends.

        Returns:
            Tensor: (m, d J) values.
        """
        unit = ((points - self.middle) / self.half).clamp_(-1, 1)
        return (unit.acos_()[..., None] * self.degrees).cos_().flatten(1)

    def fit(
        self, clips: ClipFeatures, guides: Tensor, weight: Tensor, memory: int
    ) -> Tensor:
        """Fit the coefficients of F for each clip and channel.

        Args:
            clips (ClipFeatures): (m, T, d).
            guides (Tensor): (m, d) u of these clips.
            weight (Tensor): (d,), see :func:`.pair_distances`.
            memory (int): Budget in bytes.

        Returns:
            Tensor: (m, d J) coefficients; F is their product with the
            polynomials of :meth:`__call__`, summed over d and J.
        """
        count, size = self.nodes.shape
        series = guides.new_empty(len(guides), size * count)
        clips = ClipFeatures(*(_at_least_float(part) for part in clips))
        nodes = self.nodes.to(clips.keys)
        doubles = 2 * count * clips.keys.shape[1] * size
        for part in parts(len(guides), doubles, step_memory(memory, guides)):
            x, h = clips.clips(part)
            values = attend(x[:, None], h[:, None], nodes)  # (m, J, d)
            values = values - self.middle
            values *= (guides[part, None] - self.nodes).mul_(weight)
            series[part] = (values.mT @ self._to_series).flatten(1)
        return series


def _at_least_float(values: Tensor) -> Tensor:
    """Return float16 and bfloat16 as float32, others unchanged."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
