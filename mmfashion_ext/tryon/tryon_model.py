# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Base of the try-on models: warp network, generator and losses."""

from typing import Literal

from mmengine.model import BaseModel
from torch import Tensor, nn

from ..errors import UserError
from ..registry import MODELS
from .conditions import person_cloth_mask
from .generator import Composition, compose
from .structures import TryOnDataSample
from .warp_net import WarpResult

Inputs = dict[str, Tensor]
Losses = dict[str, Tensor]


class TryOnModel(BaseModel):
    """Base model of tutor and student: warp the cloth, render the person.

    Persons and cloths are (B, 3, H, W), RGB in [-1, 1]. Without a generator
    (the warp stages) only the warp network is trained and tested, and
    ``try_on`` of a prediction is the warped cloth.

    Args:
        warp_net (dict): :class:`AppearanceFlowWarp`.
        generator (dict, optional): :class:`TryOnGenerator`.
        warp_loss (dict, optional): :class:`WarpLoss`; needed to train.
        try_on_loss (dict, optional): :class:`TryOnLoss`; needed to train a
            generator.
        perceptual (dict, optional): :class:`PerceptualLoss`, one VGG for all
            losses. None: no perceptual terms.
        warp_weight (float): Weight of all warp losses relative to the
            generator losses: 1 in a warp stage, 0.5 in the tutor's and 0.25
            in the student's end-to-end stage.
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
        self.generator = build_optional(generator)
        self.perceptual = build_optional(perceptual)
        self.warp_loss = self._build_loss(warp_loss)
        self.try_on_loss = self._build_loss(try_on_loss)
        self.warp_weight = warp_weight

    def _build_loss(self, cfg: dict | None) -> nn.Module | None:
        """Build a loss that shares the model's VGG."""
        if cfg is None:
            return None
        return MODELS.build(dict(cfg, perceptual=self.perceptual))

    def _loss(self, name: Literal['warp_loss', 'try_on_loss']) -> nn.Module:
        """Return a loss that training needs.

        Raises:
            UserError: The model was built without it.
        """
        loss = getattr(self, name)
        if loss is None:
            raise UserError(
                f'model.{name} is None, and training needs it: set it to the '
                'config of the loss'
            )
        return loss

    def forward(
        self,
        inputs: Inputs,
        data_samples: list[TryOnDataSample] | None = None,
        mode: Literal['tensor', 'loss', 'predict'] = 'tensor',
    ) -> (
        Losses | list[TryOnDataSample] | tuple[Composition | None, WarpResult]
    ):
        """Return losses, data samples with predictions, or raw results.

        Args:
            inputs (dict[str, Tensor]): (B, C, H, W) each, see
                :class:`TryOnDataPreprocessor`.
            data_samples (list[TryOnDataSample], optional): B of them; needed
                by ``'predict'``.
            mode (str): ``'tensor'``, ``'loss'`` or ``'predict'``.

        Raises:
            ValueError: Another mode, or no data samples to predict for.
        """
        if mode == 'loss':
            return self.loss(inputs)
        if mode == 'tensor':
            return self.try_on(inputs)
        if mode != 'predict':
            raise ValueError(
                f'mode must be tensor, loss or predict, got {mode!r}'
            )
        if data_samples is None:
            raise ValueError("mode 'predict' needs data_samples, got None")
        return self.predict(inputs, data_samples)

    def condition(self, inputs: Inputs) -> Tensor:
        """Return the warp network's condition, (B, channels, H, W)."""
        raise NotImplementedError

    def generator_input(
        self, inputs: Inputs, result: WarpResult, cloth_region: Tensor
    ) -> Tensor:
        """Concatenate person and warped cloth, (B, 7 or 8, H, W).

        Args:
            inputs (dict[str, Tensor]): See :class:`TryOnDataPreprocessor`.
            result (WarpResult): With the cloth at full size.
            cloth_region (Tensor): (B, 1, H, W), 0-1, where the cloth lies on
                the person, and covers the arms.
        """
        raise NotImplementedError

    def try_on(self, inputs: Inputs) -> tuple[Composition | None, WarpResult]:
        """Put B cloths on B persons, as at test time.

        Args:
            inputs (dict[str, Tensor]): ``person`` and ``cloth`` (B, 3, H, W),
                RGB in [-1, 1], ``cloth_mask`` (B, 1, H, W), 0-1, and what
                :meth:`condition` needs.

        Returns:
            tuple[Composition | None, WarpResult]: Try-ons (B, 3, H, W), None
            without a generator; flows and warped cloths at full size.
        """
        result = self.warp_net(
            self.condition(inputs),
            inputs['cloth'],
            inputs['cloth_mask'],
            all_scales=False,
        )
        if self.generator is None:
            return None, result
        generator_input = self.generator_input(
            inputs, result, result.warped_mask
        )
        photograph = self.kept_photograph(inputs)
        composition = self._compose(
            generator_input, result, photograph=photograph
        )
        return composition, result

    def kept_photograph(self, inputs: Inputs) -> Tensor | None:
        """Return what a composition may keep, (B, 3, H, W); None: nothing.

        Args:
            inputs (dict[str, Tensor]): See :class:`TryOnDataPreprocessor`.
        """
        return None

    def predict(
        self, inputs: Inputs, data_samples: list[TryOnDataSample]
    ) -> list[TryOnDataSample]:
        """Put predictions into the data samples.

        Args:
            inputs (dict[str, Tensor]): (B, C, H, W) each, see
                :class:`TryOnDataPreprocessor`.
            data_samples (list[TryOnDataSample]): B of them, with
                ``ori_shape`` (h, w).

        Returns:
            list[TryOnDataSample]: The same, with the fields (C, h, w) of
            :class:`TryOnDataSample`, cropped to ``ori_shape``, (h, w) px.
        """
        composition, result = self.try_on(inputs)
        warped = result.warped_cloth
        fields = {
            'try_on': warped if composition is None else composition.try_on,
            'warped_cloth': warped,
            'warped_mask': result.warped_mask,
            'person': inputs['person'],
            'cloth': inputs['cloth'],
            'cloth_mask': inputs['cloth_mask'],
        }
        if 'flow' in inputs:
            fields['gt_flow'] = inputs['flow']
        if 'truth' in inputs:  # the parse map shows another garment
            fields['gt_try_on'] = inputs['truth']
            visible = inputs['flow'].isfinite().all(dim=1, keepdim=True)
            fields['person_cloth_mask'] = inputs.get('garment_region', visible)
        elif 'parse' in inputs:
            parse = inputs.get('true_parse', inputs['parse'])
            fields['person_cloth_mask'] = person_cloth_mask(
                parse, inputs.get('cloth_class')
            )
        for i, data_sample in enumerate(data_samples):
            h, w = data_sample.ori_shape
            for name, batch in fields.items():
                data_sample.set_data({name: batch[i, :, :h, :w].float()})
            data_sample.flow = crop_grid(result.grid[i], (h, w))
        return data_samples

    def loss(self, inputs: Inputs) -> Losses:
        """Compute all losses of the stage, weighted; a pure function.

        Args:
            inputs (dict[str, Tensor]): ``person``, ``cloth`` (B, 3, H, W), RGB
                in [-1, 1], ``cloth_mask`` (B, 1, H, W), 0-1, ``parse``
                (B, 1, H, W), and what :meth:`condition` needs.

        Returns:
            dict[str, Tensor]: Name -> number; those named ``loss_*`` add up.
        """
        raise NotImplementedError

    def _weight_warp(self, losses: Losses) -> Losses:
        """Multiply losses of the warp by ``warp_weight``."""
        return {
            name: value * self.warp_weight if 'loss' in name else value
            for name, value in losses.items()
        }

    def _compose(
        self,
        generator_input: Tensor,
        result: WarpResult,
        worn_mask: Tensor | None = None,
        photograph: Tensor | None = None,
    ) -> Composition:
        """Render and compose; ``worn_mask`` (B, 1, H, W), 0-1, if paired.

        ``photograph`` (B, 3, H, W), RGB in [-1, 1], is what a generator with
        five output channels keeps.

        Raises:
            UserError: The model has no generator.
        """
        if self.generator is None:
            raise UserError(
                f'{type(self).__name__} has no generator to render with: set '
                'generator in its config (of a tutor, model.teacher.generator)'
            )
        return compose(
            self.generator(generator_input),
            result.warped_cloth,
            result.warped_mask,
            worn_mask,
            photograph,
        )


def build_optional(cfg: dict | None) -> nn.Module | None:
    """Build a network from its config; None for None."""
    return None if cfg is None else MODELS.build(cfg)


def crop_grid(grid: Tensor, size: tuple[int, int]) -> Tensor:
    """Convert the grid of a padded image to one of the image inside.

    Args:
        grid (Tensor): (2, H, W), x first, -1 to 1 over (H, W).
        size (tuple): (h, w) px of the image, at most (H, W).

    Returns:
        Tensor: (2, h, w), -1 to 1 over (h, w).
    """
    h, w = size
    full = grid.new_tensor([grid.shape[2] - 1, grid.shape[1] - 1])
    cropped = grid.new_tensor([w - 1, h - 1]).clamp(min=1)
    scale = (full / cropped).view(2, 1, 1)
    return (grid[:, :h, :w].float() + 1) * scale - 1
