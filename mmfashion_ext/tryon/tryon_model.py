# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What tutor and student have in common."""

from typing import Literal

from mmengine.model import BaseModel
from torch import Tensor, nn

from ..registry import MODELS
from .conditions import person_cloth_mask
from .generator import Composition, compose
from .structures import TryOnDataSample
from .warp_net import WarpResult

Inputs = dict[str, Tensor]
Losses = dict[str, Tensor]


class TryOnModel(BaseModel):
    """What tutor and student have in common.

    Without a generator only the warp network is trained and tested (the first
    of a network's two stages): the "try-on" is then the warped cloth.

    Args:
        warp_net (dict): :class:`AppearanceFlowWarp`.
        generator (dict, optional): :class:`TryOnGenerator`.
        warp_loss (dict, optional): :class:`WarpLoss`; needed to train.
        try_on_loss (dict, optional): :class:`TryOnLoss`; needed to train a
            generator.
        perceptual (dict, optional): :class:`PerceptualLoss`, one VGG for all
            losses. None: no perceptual terms.
        warp_weight (float): Of everything that is said about the warp, in the
            sum with the losses of the generator: 1 in a warp stage, 0.5 in
            the tutor's and 0.25 in the student's end-to-end stage.
        data_preprocessor (dict, optional): :class:`TryOnDataPreprocessor`.
    """

    def __init__(
        self,
        warp_net: dict,
        generator: dict | None = None,
        warp_loss: dict | None = None,
        try_on_loss: dict | None = None,
        perceptual: dict | None = None,
        warp_weight: float = 1.0,
        data_preprocessor: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.warp_net = MODELS.build(warp_net)
        self.generator = generator and MODELS.build(generator)
        self.perceptual = perceptual and MODELS.build(perceptual)
        self.warp_loss = self._build_loss(warp_loss)
        self.try_on_loss = self._build_loss(try_on_loss)
        self.warp_weight = warp_weight

    def _build_loss(self, cfg: dict | None) -> nn.Module | None:
        """Build a loss that shares the model's VGG."""
        return cfg and MODELS.build(dict(cfg, perceptual=self.perceptual))

    def forward(
        self,
        inputs: Inputs,
        data_samples: list[TryOnDataSample] | None = None,
        mode: Literal['tensor', 'loss', 'predict'] = 'tensor',
    ) -> Losses | list[TryOnDataSample] | tuple[Composition, WarpResult]:
        """Losses, data samples with predictions, or the raw results.

        Args:
            inputs (dict[str, Tensor]): See :class:`TryOnDataPreprocessor`.
            data_samples (list[TryOnDataSample], optional): B of them.
            mode (str): ``'tensor'``, ``'loss'`` or ``'predict'``.
        """
        if mode == 'loss':
            return self.loss(inputs)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self.try_on(inputs)
        raise ValueError(f'mode must be tensor, loss or predict, got {mode!r}')

    def condition(self, inputs: Inputs) -> Tensor:
        """What the warp network knows of the person, (B, channels, H, W)."""
        raise NotImplementedError

    def generator_input(
        self, inputs: Inputs, result: WarpResult, arms_under: Tensor
    ) -> Tensor:
        """Person and warped cloth.

        ``arms_under`` (B, 1, H, W): where cloth covers the arms, 0-1.
        """
        raise NotImplementedError

    def try_on(self, inputs: Inputs) -> tuple[Composition | None, WarpResult]:
        """Dress the persons; None without a generator."""
        result = self.warp_net(
            self.condition(inputs),
            inputs['cloth'],
            inputs['cloth_mask'],
            all_scales=False,
        )
        if self.generator is None:
            return None, result
        raw = self.generator(
            self.generator_input(inputs, result, result.warped_mask)
        )
        return compose(raw, result.warped_cloth, result.warped_mask), result

    def predict(
        self, inputs: Inputs, data_samples: list[TryOnDataSample]
    ) -> list[TryOnDataSample]:
        """Fill the data samples, see :class:`TryOnDataSample`."""
        composition, result = self.try_on(inputs)
        warped = result.warped_cloth
        fields = {
            'try_on': warped if composition is None else composition.try_on,
            'warped_cloth': warped,
            'warped_mask': result.warped_mask,
            **{kind: inputs[kind] for kind in ('person', 'cloth')},
            'cloth_mask': inputs['cloth_mask'],
        }
        if 'flow' in inputs:
            fields['gt_flow'] = inputs['flow']
        if 'truth' in inputs:  # the parse map is of the garment taken off
            fields['gt_try_on'] = inputs['truth']
            shown = inputs['flow'].isfinite().all(dim=1, keepdim=True)
            fields['person_cloth_mask'] = shown
        elif 'parse' in inputs:
            parse = inputs.get('true_parse', inputs['parse'])
            fields['person_cloth_mask'] = person_cloth_mask(parse)
        for i, sample in enumerate(data_samples):
            h, w = sample.ori_shape
            for name, batch in fields.items():
                sample.set_data({name: batch[i, :, :h, :w].float()})
            sample.flow = crop_grid(result.grid[i], (h, w))
        return data_samples

    def loss(self, inputs: Inputs) -> Losses:
        """All losses of the stage, weighted."""
        raise NotImplementedError

    def _warp_losses(self, inputs: Inputs, result: WarpResult) -> Losses:
        worn = person_cloth_mask(inputs['parse'])
        losses = self.warp_loss(result, inputs['person'] * worn, worn)
        return self._weighted(losses)

    def _weighted(self, losses: Losses) -> Losses:
        """Losses of the warp, in proportion to those of the generator."""
        return {
            name: value * self.warp_weight if 'loss' in name else value
            for name, value in losses.items()
        }

    def _compose_paired(
        self, inputs: Inputs, result: WarpResult, generator_input: Tensor
    ) -> Composition:
        """The person in the garment truly worn, which tells where it is."""
        return compose(
            self.generator(generator_input),
            result.warped_cloth,
            result.warped_mask,
            person_cloth_mask(inputs['parse']),
        )


def crop_grid(grid: Tensor, size: tuple[int, int]) -> Tensor:
    """A grid of a padded picture for the one before padding.

    Args:
        grid (Tensor): (2, H, W), x first, -1 to 1 over (H, W).
        size (tuple): (h, w), at most (H, W).

    Returns:
        Tensor: (2, h, w), -1 to 1 over (h, w).
    """
    h, w = size
    full = grid.new_tensor([grid.shape[2] - 1, grid.shape[1] - 1])
    cropped = grid.new_tensor([w - 1, h - 1]).clamp(min=1)
    scale = (full / cropped).view(2, 1, 1)
    return (grid[:, :h, :w].float() + 1) * scale - 1
