# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""SCAN as a model of MMEngine."""

from typing import Literal

import torch
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from torch import Tensor

from ..errors import UserError
from ..registry import MODELS
from ..utils.distributed import gather_rows
from .classifier import PairClassifier
from .clip_features import ClipFeatures
from .losses import StepDecay
from .structures import ClipDataSample

Losses = dict[str, Tensor]


@MODELS.register_module()
class SCANRecognizer(BaseModel):
    """Recognise people in video clips.

    loss = oim_rate(epoch) OIM(frames) + pair_weight PairLoss(pairs): each
    frame is to find its identity, each probe clip of a batch its like among
    the gallery clips. A batch is probe, gallery, probe, gallery ... as
    ``CrossCameraPairSampler`` gives it.

    Args:
        frame_cnn (dict): :class:`FrameCNN`.
        matcher (dict): :class:`SCANMatcher`.
        oim_loss (dict): :class:`OIMLoss`.
        pair_loss (dict): :class:`PairLoss`.
        oim_rate (dict): Schedule of the weight of OIM, see
            :class:`StepDecay`: base * factor^floor(epoch / step).
        pair_weight (float): Of the pair loss.
        gather (bool): In distributed training, take the pairs of all
            processes' probes and galleries, as if one process had the whole
            batch (the published training did so). False: each process has
            its own pairs.
        data_preprocessor (dict, optional): :class:`ClipDataPreprocessor`.

    Symbols: B clips, T frames, R raw and D embedded channels.
    """

    def __init__(
        self,
        frame_cnn: dict,
        matcher: dict,
        oim_loss: dict,
        pair_loss: dict,
        oim_rate: dict | None = None,
        pair_weight: float = 100.0,
        gather: bool = True,
        data_preprocessor: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.frame_cnn = MODELS.build(frame_cnn)
        self.matcher = MODELS.build(matcher)
        self.oim_loss = MODELS.build(oim_loss)
        self.pair_loss = MODELS.build(pair_loss)
        self.oim_rate = StepDecay(**(oim_rate or {}))
        self.pair_weight = pair_weight
        self.gather = gather

    def forward(
        self,
        inputs: dict[str, Tensor],
        data_samples: list[ClipDataSample] | None = None,
        mode: Literal['tensor', 'loss', 'predict'] = 'tensor',
    ) -> Losses | list[ClipDataSample] | ClipFeatures:
        """Features, losses or data samples with features.

        Args:
            inputs (dict[str, Tensor]): ``img`` and perhaps ``flow``, each
                (B, T, 3, H, W), normalised.
            data_samples (list[ClipDataSample], optional): B of them.
            mode (str): ``'tensor'``, ``'loss'`` or ``'predict'``.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self.extract(inputs)
        raise ValueError(f'mode must be tensor, loss or predict, got {mode!r}')

    def extract(self, inputs: dict[str, Tensor]) -> ClipFeatures:
        """Embeddings x and keys h of B clips, (B, T, D) each."""
        x, raw = self.frame_cnn(**inputs)
        with torch.autocast(x.device.type, enabled=False):
            return ClipFeatures(x, self.matcher.keys(raw))

    def predict(
        self, inputs: dict[str, Tensor], data_samples: list[ClipDataSample]
    ) -> list[ClipDataSample]:
        """Put ``embeddings`` and ``attention_keys`` into the data samples."""
        features = self.extract(inputs)
        for sample, x, h in zip(data_samples, *features, strict=True):
            sample.embeddings, sample.attention_keys = x, h
        return data_samples

    def loss(
        self, inputs: dict[str, Tensor], data_samples: list[ClipDataSample]
    ) -> Losses:
        """Both losses, weighted, and what share is decided right (0-1)."""
        if len(data_samples) % 2:
            raise UserError(
                f'a batch must hold pairs of clips, got {len(data_samples)} '
                'clips: use an even batch_size and CrossCameraPairSampler'
            )
        x, raw = self.frame_cnn(**inputs)
        labels = torch.tensor(
            [sample.label for sample in data_samples], device=x.device
        )
        with torch.autocast(x.device.type, enabled=False):
            return self._oim(x, labels) | self._pairs(x, raw, labels)

    def _oim(self, x: Tensor, labels: Tensor) -> Losses:
        labels = labels.repeat_interleave(x.shape[1])
        loss, logits = self.oim_loss(x.flatten(0, 1), labels)
        epoch = MessageHub.get_current_instance().get_info('epoch', 0)
        right = logits.argmax(dim=1) == labels
        return {
            'loss_oim': self.oim_rate.at(epoch) * loss,
            'oim_acc': right.float().mean(),
        }

    def _pairs(self, x: Tensor, raw: Tensor, labels: Tensor) -> Losses:
        if self.gather:
            x, raw, labels = map(gather_rows, (x, raw, labels))
        probe, gallery = labels[0::2], labels[1::2]
        logits = self.matcher(x, raw)
        same = logits.softmax(dim=-1)[..., PairClassifier.SAME]
        right = (same > 0.5) == (probe[:, None] == gallery)
        return {
            'loss_pair': self.pair_weight
            * self.pair_loss(same, probe, gallery),
            'pair_acc': right.float().mean(),
        }
