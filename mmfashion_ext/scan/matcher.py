# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""SCAN's head: attention over the frames of clips, and pair logits."""

from collections.abc import Iterable
from typing import Literal

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..errors import UserError
from ..registry import MODELS
from .attention import CollaborativePooling, SelfPooling
from .classifier import PairClassifier
from .clip_features import MEMORY, ClipFeatures
from .pair_distances import (
    PairPlan,
    check_finite,
    pair_distances,
    plan_pairs,
    pooled_distances,
    self_pool,
)

POOLINGS = ('mean', 'self', 'collaborative', 'self+collaborative')


@MODELS.register_module()
class SCANMatcher(BaseModule):
    """Compare clips: self and collaborative attention, pair classifier.

    Clips are embeddings x (N, T, D) and raw features (N, T, R). Keys
    h = BN(Linear(raw)) (N, T, D) come from one block, ``feat_fc``, which both
    kinds of attention share. In a pair, a clip is first pooled alone (u the
    probe, v the gallery clip), then once more under its partner's u or v.
    ``pooling`` removes parts (the paper's ablation); the classifier stays
    the same::

        pooling               u, v             pooled under the partner
        'mean'                mean over time   u, v
        'self'                self attention   u, v
        'collaborative'       mean over time   collaborative attention
        'self+collaborative'  self attention   collaborative attention

    Args:
        raw_channels (int): R.
        channels (int): D.
        pooling (str): See above.
        bn (str): Batch statistics of the keys in training. ``'reference'``:
            keys are computed separately for each use (probes, galleries,
            galleries, probes), each time with the statistics of that side
            only, so that the running statistics are updated four times a
            step, as published. ``'joint'``: once, over all clips.
        chunk (int, optional): See :class:`.PairClassifier`.

    Symbols: P probes, G galleries, M query and N gallery clips, T frames.

    Raises:
        UserError: ``pooling`` or ``bn`` has another value.
    """

    def __init__(
        self,
        raw_channels: int = 2048,
        channels: int = 128,
        pooling: str = 'self+collaborative',
        bn: Literal['reference', 'joint'] = 'reference',
        chunk: int | None = 30,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        if pooling not in POOLINGS:
            raise UserError(
                f'pooling must be one of {", ".join(POOLINGS)}, got '
                f'{pooling!r}'
            )
        if bn not in ('reference', 'joint'):
            raise UserError(f"bn must be 'reference' or 'joint', got {bn!r}")
        super().__init__(init_cfg)
        self.pooling = pooling
        self.bn = bn
        self.channels = channels
        parts = pooling.split('+')
        self.self_pooling = SelfPooling() if 'self' in parts else None
        self.cross_pooling = (
            CollaborativePooling() if 'collaborative' in parts else None
        )
        if pooling != 'mean':
            linear = nn.Linear(raw_channels, channels)
            nn.init.kaiming_normal_(linear.weight, mode='fan_out')
            nn.init.zeros_(linear.bias)
            self.feat_fc = nn.Sequential(linear, nn.BatchNorm1d(channels))
        self.classifier = PairClassifier(channels, chunk)

    def keys(self, raw: Tensor) -> Tensor:
        """Compute the attention keys.

        Args:
            raw (Tensor): (N, T, R) raw features.

        Returns:
            Tensor: (N, T, D) keys h; zeros for ``pooling='mean'``, because
            attention under keys of zero is the mean over time.
        """
        if self.pooling == 'mean':
            return raw.new_zeros(*raw.shape[:2], self.channels)
        return self.feat_fc(raw.flatten(0, 1)).view(*raw.shape[:2], -1)

    def forward(self, x: Tensor, raw: Tensor) -> Tensor:
        """Compute the logits of all pairs of a probe and a gallery clip.

        Args:
            x (Tensor): (2P, T, D) embeddings of probe, gallery, probe ...
            raw (Tensor): (2P, T, R) raw features of the same clips.

        Returns:
            Tensor: (P, P, 2), see ``PairClassifier.DIFFERENT`` and ``SAME``.
        """
        joint = self.keys(raw) if self.bn == 'joint' else None

        def keys(side: slice) -> Tensor:
            return self.keys(raw[side]) if joint is None else joint[side]

        def pool(side: slice) -> Tensor:
            if self.self_pooling is None:
                return x[side].mean(dim=1)
            return self.self_pooling(x[side], keys(side))

        probe, gallery = slice(0, None, 2), slice(1, None, 2)
        u, v = pool(probe), pool(gallery)
        gallery2, probe2 = v[None], u[:, None]
        if self.cross_pooling is not None:
            gallery2 = self.cross_pooling(x[gallery], keys(gallery), u)
            probe2 = self.cross_pooling(x[probe], keys(probe), v)
            probe2 = probe2.transpose(0, 1)
        return self.classifier(u[:, None], gallery2, probe2, v[None])

    @torch.no_grad()
    def distances(
        self,
        query: ClipFeatures,
        gallery: ClipFeatures,
        memory: int = MEMORY,
        plan: PairPlan | None = None,
    ) -> Tensor:
        """Compute the probability that two clips show different people.

        Batch statistics are not used. The computation runs on the device of
        the features, not on the model's.

        Args:
            query (ClipFeatures): (M, T, D) embeddings and keys.
            gallery (ClipFeatures): (N, T', D) embeddings and keys.
            memory (int): Bytes to hold besides inputs and result, roughly.
            plan (PairPlan, optional): Of :meth:`plan`, if the clips are a
                block of more. Defaults to None.

        Returns:
            Tensor: (M, N) float32 distances of all pairs, 0-1.

        Raises:
            UserError: Features or classifier are not finite.
        """
        weight, bias = (
            part.to(query.keys.device) for part in self.classifier.folded()
        )
        check_finite(query, gallery, weight, bias)
        u, v = (self._pooled(clips, memory) for clips in (query, gallery))
        if self.cross_pooling is None:
            return pooled_distances(u, v, weight, bias)
        return pair_distances(
            *(query, gallery, weight, bias),
            guides=(u, v),
            memory=memory,
            plan=plan,
        )

    def plan(
        self, query: Iterable[ClipFeatures], gallery: Iterable[ClipFeatures]
    ) -> PairPlan | None:
        """Plan the comparison of clips that come in blocks.

        Args:
            query (Iterable[ClipFeatures]): Blocks of clips (m, T, D).
            gallery (Iterable[ClipFeatures]): Blocks of clips (n, T', D).

        Returns:
            PairPlan, optional: For :meth:`distances` of a block with another
            one. None: no plan is needed.
        """
        if self.cross_pooling is None:
            return None
        weight, _ = self.classifier.folded()
        return plan_pairs(query, gallery, weight, self._pooled)

    def _pooled(self, clips: ClipFeatures, memory: int = MEMORY) -> Tensor:
        """Return clips (M, T, D) pooled alone, (M, D) float64."""
        if self.self_pooling is None:
            return clips.embeddings.double().mean(dim=1)
        return self_pool(clips, memory)
