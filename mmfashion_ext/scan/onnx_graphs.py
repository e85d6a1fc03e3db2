# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Graphs of SCAN that ONNX export traces: frame CNN, pair similarity."""

from torch import Tensor, nn

from .attention import attend
from .matcher import SCANMatcher
from .recognizer import SCANRecognizer


class ClipGraph(nn.Module):
    """Graph from clips to their embeddings and attention keys.

    Args:
        model (SCANRecognizer): The model.
    """

    def __init__(self, model: SCANRecognizer) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, img: Tensor, flow: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Extract features.

        Args:
            img (Tensor): (B, T, 3, H, W), normalised RGB.
            flow (Tensor, optional): (B, T, 3, H, W), normalised; needed where
                the network uses flow.

        Returns:
            tuple[Tensor, Tensor]: Embeddings x and keys h, (B, T, D).
        """
        features = self.model.extract({'img': img, 'flow': flow})
        return features.embeddings, features.keys


class PairGraph(nn.Module):
    """Graph that compares every query clip with every gallery clip.

    It computes the definition (arXiv:1807.05688), with arrays of
    (M, N, T, D): callers bound M and N. Classifier and batch normalisation
    are folded to one weight of each channel and a bias.

    Args:
        matcher (SCANMatcher): The model's.
    """

    def __init__(self, matcher: SCANMatcher) -> None:
        super().__init__()
        weight, bias = matcher.classifier.folded()
        self.register_buffer('weight', weight.float())
        self.register_buffer('bias', bias.float())
        self.attends_to_itself = matcher.self_pooling is not None
        self.collaborates = matcher.cross_pooling is not None

    def _pool(self, x: Tensor, h: Tensor) -> Tensor:
        """Pool clips (M, T, D) alone to (M, D)."""
        if self.attends_to_itself:
            return attend(x, h, h.mean(dim=1))
        return x.mean(dim=1)

    def forward(
        self,
        query_embeddings: Tensor,
        query_keys: Tensor,
        gallery_embeddings: Tensor,
        gallery_keys: Tensor,
    ) -> Tensor:
        """Compare M query clips with N gallery clips.

        Args:
            query_embeddings (Tensor): (M, T, D).
            query_keys (Tensor): (M, T, D).
            gallery_embeddings (Tensor): (N, T', D).
            gallery_keys (Tensor): (N, T', D).

        Returns:
            Tensor: (M, N) probability of different people, 0-1.
        """
        u = self._pool(query_embeddings, query_keys)[:, None]
        v = self._pool(gallery_embeddings, gallery_keys)[None]
        difference = u - v
        other = difference
        if self.collaborates:
            other = attend(
                query_embeddings[:, None], query_keys[:, None], v
            ) - attend(gallery_embeddings[None], gallery_keys[None], u)
        logits = (difference * other) @ self.weight + self.bias
        return logits.sigmoid()
