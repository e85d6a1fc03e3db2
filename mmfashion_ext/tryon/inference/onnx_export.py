# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Export the student, from input images to the try-on, to one ONNX file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import UserError
from ...utils.onnx_export import export_graph, require_onnx
from ..data_preprocessor import DIVISOR
from ..student import ParserFreeTryOn

INPUTS = ('person', 'cloth', 'cloth_mask')
OUTPUTS = ('try_on', 'warped_cloth', 'warped_mask')
_ABOUT = (
    'Virtual try-on, PF-AFN. person, cloth: (batch, 3, h, w) float32, RGB in '
    '[-1, 1]; cloth_mask: (batch, 1, h, w), 0 or 1. h and w are multiples of '
    f'{DIVISOR} from {2 * DIVISOR}. try_on, warped_cloth: (batch, 3, h, w), '
    'RGB in [-1, 1]; warped_mask: (batch, 1, h, w), 0 to 1.'
)


class TryOnGraph(nn.Module):
    """Graph that ONNX export traces: three images in, three images out.

    Images are (B, 3, H, W), masks (B, 1, H, W).

    Args:
        model (ParserFreeTryOn): With a generator.
    """

    def __init__(self, model: ParserFreeTryOn) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, person: Tensor, cloth: Tensor, cloth_mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Put cloths on persons.

        Args:
            person (Tensor): (B, 3, H, W), RGB in [-1, 1], sides divisible by
                32.
            cloth (Tensor): (B, 3, H, W), RGB in [-1, 1], on any background.
            cloth_mask (Tensor): (B, 1, H, W), 0 or 1.

        Returns:
            tuple[Tensor, Tensor, Tensor]: The try-on, the warped cloth
            (B, 3, H, W), RGB in [-1, 1], and its mask (B, 1, H, W), 0-1.
        """
        composition, result = self.model.try_on(
            {
                'person': person,
                'cloth': cloth * cloth_mask,
                'cloth_mask': cloth_mask,
            }
        )
        # export_onnx checks that the model has a generator
        assert composition is not None
        return composition.try_on, result.warped_cloth, result.warped_mask


def export_onnx(model: ParserFreeTryOn, path: str | Path) -> None:
    """Export a model to ONNX, for any batch and any size.

    Inputs are person (B, 3, h, w) and cloth (B, 3, h, w) with its mask. Sides
    are multiples of 32 from 64: the coarsest map needs two pixels.

    Args:
        model (ParserFreeTryOn): On the CPU.
        path (str | Path): File to write.

    Raises:
        ImportError: ``onnx`` is not installed.
        UserError: The model has no generator.
    """
    if model.generator is None:
        raise UserError(
            'the model has no generator (it is of a warp stage); export a '
            'model of the last stage, pf-afn_e2e_*'
        )
    axes = {0: 'batch', 2: 'h', 3: 'w'}
    export_graph(
        TryOnGraph(model),
        path,
        dict(
            zip(INPUTS, _make_inputs((2 * DIVISOR, 3 * DIVISOR)), strict=True)
        ),
        OUTPUTS,
        dict.fromkeys((*INPUTS, *OUTPUTS), axes),
        _ABOUT,
    )


def check_sizes(sizes: Sequence[tuple[int, int]]) -> None:
    """Check that exported files can run at sizes.

    Args:
        sizes (Sequence[tuple[int, int]]): (h, w) px.

    Raises:
        UserError: A side is not a multiple of 32, or less than 64 px.
    """
    for h, w in sizes:
        if any(side % DIVISOR or side < 2 * DIVISOR for side in (h, w)):
            raise UserError(
                f'heights and widths must be multiples of {DIVISOR} from '
                f'{2 * DIVISOR}, got {h} {w}'
            )


@torch.no_grad()
def check_onnx(
    model: ParserFreeTryOn,
    path: str | Path,
    sizes: Sequence[tuple[int, int]] = ((256, 192), (192, 256)),
    tolerance: float = 1e-3,
) -> dict[tuple[int, int], float]:
    """Compare an exported file, run by ONNX Runtime, with its model.

    Args:
        model (ParserFreeTryOn): The model that was exported.
        path (str | Path): The ONNX file.
        sizes (Sequence[tuple[int, int]]): (h, w) px to compare at, multiples
            of 32 from 64.
        tolerance (float): Largest accepted difference of an output; images
            are in [-1, 1].

    Returns:
        dict[tuple[int, int], float]: Size (h, w) -> largest difference.

    Raises:
        ImportError: ``onnxruntime`` is not installed.
        UserError: The outputs differ by more, or cannot be computed at a
            size.
    """
    check_sizes(sizes)
    require_onnx('onnxruntime')
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        str(path), options, providers=['CPUExecutionProvider']
    )
    graph = TryOnGraph(model).eval()
    differences = {}
    for size in sizes:
        inputs = _make_inputs(size)
        arrays = (value.numpy() for value in inputs)
        outputs = session.run(OUTPUTS, dict(zip(INPUTS, arrays, strict=True)))
        worst = max(
            float(np.abs(output - expected.numpy()).max())
            for output, expected in zip(outputs, graph(*inputs), strict=True)
        )
        differences[size] = worst
        if not worst <= tolerance:
            raise UserError(
                f'{path}: differs from the model by {worst:.2g} at '
                f'{size[0]} x {size[1]} px (h x w), expected at most '
                f'{tolerance:g}; export the model again'
            )
    return differences


def _make_inputs(size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Generate person, cloth and mask of noise, the same for the same size."""
    generator = torch.Generator().manual_seed(0)
    # smooth noise: rounding of a flow changes colours only slightly
    noise = torch.rand(1, 7, size[0] // 8, size[1] // 8, generator=generator)
    noise = nn.functional.interpolate(noise, size=size, mode='bilinear')
    person, cloth = noise[:, :3] * 2 - 1, noise[:, 3:6] * 2 - 1
    return person, cloth, (noise[:, 6:] > 0.3).float()
