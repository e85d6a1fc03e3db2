# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""SCAN recognizer: MMEngine model of frame CNN, matcher and losses."""

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
    """Video person re-identification by comparing pairs of clips.

    loss = oim_rate(epoch) OIM(frames) + pair_weight PairLoss(pairs): OIM
    classifies the identity of each frame, the pair loss decides for each
    probe and gallery clip of a batch whether they show the same person. A
    batch (B, T, 3, H, W) is probe, gallery, probe, gallery ... as
    ``CrossCameraPairSampler`` draws it.

    Args:
        frame_cnn (dict): Config of :class:`.FrameCNN`.
        matcher (dict): Config of :class:`.SCANMatcher`.
        oim_loss (dict): Config of :class:`.OIMLoss`.
        pair_loss (dict): Config of :class:`.PairLoss`.
        oim_rate (dict): Schedule of the OIM weight, see
            :class:`.StepDecay`: base * factor^floor(epoch / step).
        pair_weight (float): Weight of the pair loss.
        gather (bool): In distributed training, compare the probes and
            galleries of all processes, as if one process had the whole batch
            (the published training did so). False: each process compares
            its own clips only.
        data_preprocessor (dict, optional): Config of
            :class:`.ClipDataPreprocessor`.

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
        """Compute features, losses, or data samples with features.

        Args:
            inputs (dict[str, Tensor]): ``img`` and optionally ``flow``, each
                (B, T, 3, H, W), normalised.
            data_samples (list[ClipDataSample], optional): B of them.
            mode (str): ``'tensor'``, ``'loss'`` or ``'predict'``.

        Returns:
            What :meth:`extract`, :meth:`loss` or :meth:`predict` returns.

        Raises:
            ValueError: ``mode`` has another value, or needs data samples that
                were not passed.
        """
        if mode == 'tensor':
            return self.extract(inputs)
        if mode not in ('loss', 'predict'):
            raise ValueError(
                f'mode must be tensor, loss or predict, got {mode!r}'
            )
        if data_samples is None:
            raise ValueError(f'mode {mode!r} needs data_samples, got None')
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        return self.predict(inputs, data_samples)

    def extract(self, inputs: dict[str, Tensor]) -> ClipFeatures:
        """Extract features of clips.

        Args:
            inputs (dict[str, Tensor]): ``img`` and optionally ``flow``, each
                (B, T, 3, H, W), normalised.

        Returns:
            ClipFeatures: Embeddings x and keys h, (B, T, D) each, at least
            float32.
        """
        x, raw = self.frame_cnn(**inputs)
        with torch.autocast(x.device.type, enabled=False):
            return ClipFeatures(x, self.matcher.keys(raw))

    def predict(
        self, inputs: dict[str, Tensor], data_samples: list[ClipDataSample]
    ) -> list[ClipDataSample]:
        """Add ``embeddings`` and ``attention_keys`` to the data samples.

        Args:
            inputs (dict[str, Tensor]): As :meth:`extract`.
            data_samples (list[ClipDataSample]): B of them.

        Returns:
            list[ClipDataSample]: The same, with (T, D) features each.
        """
        features = self.extract(inputs)
        for sample, x, h in zip(data_samples, *features, strict=True):
            sample.embeddings, sample.attention_keys = x, h
        return data_samples

    def loss(
        self, inputs: dict[str, Tensor], data_samples: list[ClipDataSample]
    ) -> Losses:
        """Compute both losses, and the accuracy of each.

        Args:
            inputs (dict[str, Tensor]): ``img`` and optionally ``flow``, each
                (B, T, 3, H, W), normalised.
            data_samples (list[ClipDataSample]): B of them, with ``label``.

        Returns:
            dict[str, Tensor]: ``loss_oim`` and ``loss_pair``, weighted;
            ``oim_acc`` and ``pair_acc``, 0-1; scalars.

        Raises:
            UserError: B is odd, or a label is not in the OIM table.
        """
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
        """Compute the OIM loss of x (B, T, D), labels (B,)."""
        labels = labels.repeat_interleave(x.shape[1])
        loss, logits = self.oim_loss(x.flatten(0, 1), labels)
        epoch = MessageHub.get_current_instance().get_info('epoch', 0)
        correct = logits.argmax(dim=1) == labels
        return {
            'loss_oim': self.oim_rate.at(epoch) * loss,
            'oim_acc': correct.float().mean(),
        }

    def _pairs(self, x: Tensor, raw: Tensor, labels: Tensor) -> Losses:
        """Compute the pair loss of x (B, T, D), raw (B, T, R), labels (B,)."""
        if self.gather:
            x, raw, labels = map(gather_rows, (x, raw, labels))
        probe, gallery = labels[0::2], labels[1::2]
        logits = self.matcher(x, raw)
        same = logits.softmax(dim=-1)[..., PairClassifier.SAME]
        correct = (same > 0.5) == (probe[:, None] == gallery)
        return {
            'loss_pair': self.pair_weight
            * self.pair_loss(same, probe, gallery),
            'pair_acc': correct.float().mean(),
        }
