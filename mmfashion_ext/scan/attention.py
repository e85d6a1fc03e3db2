# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Self and collaborative attention of SCAN (arXiv:1807.05688).

Symbols: N clips, T frames, D channels; x (N, T, D) embeddings, h (N, T, D)
keys.
"""

from torch import Tensor, nn


def attend(x: Tensor, h: Tensor, guide: Tensor) -> Tensor:
    """Pool over time, every channel c by itself.

    sum_t w_tc x_tc, with w_tc the softmax over t of guide_c h_tc.

    Args:
        x (Tensor): (..., T, D) embeddings.
        h (Tensor): (..., T, D) keys.
        guide (Tensor): (..., D).

    Returns:
        Tensor: (..., D), not normalised.
    """
    weights = (guide.unsqueeze(-2) * h).softmax(dim=-2)
    return (weights * x).sum(dim=-2)


class SelfPooling(nn.Module):
    """Each clip is pooled under its own mean key."""

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """(N, T, D) twice, to (N, D)."""
        return attend(x, h, h.mean(dim=1))


class CollaborativePooling(nn.Module):
    """Each clip is pooled under what each clip of the other side is."""

    def forward(self, x: Tensor, h: Tensor, guides: Tensor) -> Tensor:
        """Pool N clips under M guides.

        Args:
            x (Tensor): (N, T, D).
            h (Tensor): (N, T, D).
            guides (Tensor): (M, D), the pooled clips of the other side.

        Returns:
            Tensor: (M, N, D), [i, j] is clip j as seen by guide i.
        """
        return attend(x, h, guides[:, None])
