# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Self attention and collaborative attention over the frames of clips.

As published (SCAN, arXiv:1807.05688). Symbols: N clips, T frames, D channels;
x (N, T, D) embeddings, h (N, T, D) keys.
"""

from torch import Tensor, nn


def attend(x: Tensor, h: Tensor, guide: Tensor) -> Tensor:
    """Pool embeddings over time with attention weights, channel by channel.

    The result is sum_t w_tc x_tc, where w_tc is the softmax over t of
    guide_c h_tc. No scaling, no projection of the values.

    Args:
        x (Tensor): (..., T, D) embeddings.
        h (Tensor): (..., T, D) keys.
        guide (Tensor): (..., D) queries of the attention.

    Returns:
        Tensor: (..., D) pooled features, not normalised.
    """
    weights = (guide.unsqueeze(-2) * h).softmax(dim=-2)
    return (weights * x).sum(dim=-2)


class SelfPooling(nn.Module):
    """Self attention: pool each clip under its own mean key.

    A clip's embeddings (T, D) become one feature of D channels.
    """

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """Pool N clips.

        Args:
            x (Tensor): (N, T, D) embeddings.
            h (Tensor): (N, T, D) keys.

        Returns:
            Tensor: (N, D) pooled features.
        """
        return attend(x, h, h.mean(dim=1))


class CollaborativePooling(nn.Module):
    """Collaborative attention: pool each clip under its partners.

    N clips (N, T, D) under M guides (M, D) give features (M, N, D).
    """

    def forward(self, x: Tensor, h: Tensor, guides: Tensor) -> Tensor:
        """Pool N clips under M guides.

        Args:
            x (Tensor): (N, T, D) embeddings.
            h (Tensor): (N, T, D) keys.
            guides (Tensor): (M, D) pooled clips of the other side.

        Returns:
            Tensor: (M, N, D), [i, j] is clip j as seen by guide i.
        """
        return attend(x, h, guides[:, None])
