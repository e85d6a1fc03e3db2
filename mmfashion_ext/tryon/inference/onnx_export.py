# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Export the student to ONNX: one file, or a folder of graphs in parts.

A folder holds ``try_on.onnx``, the whole network, and the same in parts:
``person.onnx`` and ``cloth.onnx`` encode either side, ``dress.onnx`` does the
rest. Of a network that keeps the photograph it also gives what
``compose.onnx`` needs to compose the try-on at the photograph's own size.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import UserError
from ...utils.exported import write_model
from ...utils.files import make_folder
from ...utils.onnx_export import OPSET, export_graph, require_onnx
from ..data_preprocessor import DIVISOR
from ..student import ParserFreeTryOn
from .onnx_graphs import (
    ClothGraph,
    ComposeGraph,
    DressGraph,
    PersonGraph,
    TryOnGraph,
    keeps_photograph,
)

INPUTS = ('person', 'cloth', 'cloth_mask')
OUTPUTS = ('try_on', 'warped_cloth', 'warped_mask')
#: (h, w) px of the images that are traced.
_EXAMPLE = (2 * DIVISOR, 3 * DIVISOR)
_AXES = {0: 'batch', 2: 'h', 3: 'w'}
_SIZES = f'h and w are multiples of {DIVISOR} from {2 * DIVISOR}.'
_ABOUT = (
    'Virtual try-on, PF-AFN. person, cloth: (batch, 3, h, w) float32, RGB in '
    f'[-1, 1]; cloth_mask: (batch, 1, h, w), 0 or 1. {_SIZES} '
    'try_on, warped_cloth: (batch, 3, h, w), RGB in [-1, 1]; warped_mask: '
    '(batch, 1, h, w), 0 to 1.'
)
_PARTS = 'Virtual try-on, PF-AFN, '


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
    _check_generator(model)
    export_graph(
        TryOnGraph(model),
        path,
        dict(zip(INPUTS, _make_inputs(_EXAMPLE), strict=True)),
        OUTPUTS,
        dict.fromkeys((*INPUTS, *OUTPUTS), _AXES),
        _ABOUT,
    )


def export_folder(
    model: ParserFreeTryOn,
    folder: str | Path,
    name: str,
    size: tuple[int, int] | None = None,
    whole: bool = True,
) -> None:
    """Export a model as a folder of graphs that ``lite`` and pages run.

    Args:
        model (ParserFreeTryOn): On the CPU; its graphs read images
            (B, 3, h, w), any batch, sides multiples of 32 from 64.
        folder (str | Path): Folder to write, made if missing.
        name (str): Name of the model, for ``model.json``.
        size (tuple[int, int], optional): (h, w) px that images are resized
            to. Defaults to None: they keep their size.
        whole (bool): Write ``try_on.onnx``, too. Defaults to True.

    Raises:
        ImportError: ``onnx`` is not installed.
        UserError: The model has no generator.
    """
    _check_generator(model)
    folder = Path(folder)
    make_folder(folder)
    images = dict(zip(INPUTS, _make_inputs(_EXAMPLE), strict=True))
    garment = {x: images[x] for x in ('cloth', 'cloth_mask')}
    graphs: dict[str, Any] = {}
    if whole:
        export_onnx(model, folder / 'try_on.onnx')
        graphs['try_on'] = _describe(INPUTS, OUTPUTS)
    maps: dict[str, Tensor] = {}
    for side, graph, inputs in (
        ('person', PersonGraph(model), {'person': images['person']}),
        ('cloth', ClothGraph(model), garment),
    ):
        with torch.no_grad():
            values = graph.eval()(*inputs.values())
        names = [f'{side}_map_{n}' for n in range(len(values))]
        maps |= zip(names, values, strict=True)
        graphs[side] = _describe(inputs, names)
        export_graph(
            graph,
            folder / f'{side}.onnx',
            inputs,
            names,
            _axes((*inputs, *names)),
            f'{_PARTS}from {" and ".join(inputs)} to feature maps. {_SIZES}',
        )
    dress = DressGraph(model)
    graphs['dress'] = _describe((*images, *maps), dress.outputs)
    export_graph(
        dress,
        folder / 'dress.onnx',
        {**images, **maps},
        dress.outputs,
        _axes((*images, *maps, *dress.outputs)),
        f'{_PARTS}from images and feature maps to the try-on. {_SIZES}',
    )
    if keeps_photograph(model):
        graphs['compose'] = _export_compose(folder)
    content = {
        'name': name,
        'opset': OPSET,
        'size': size and list(size),
        'divisor': DIVISOR,
        'keeps_photograph': keeps_photograph(model),
        'input': {'mean': [127.5] * 3, 'std': [127.5] * 3, 'to_rgb': True},
        'graphs': graphs,
    }
    write_model(folder, 'tryon', content)


def _export_compose(folder: Path) -> dict:
    """Write the graph that composes at the size (h, w) of a photograph."""
    size, photograph, cloth = (3, 4), (5, 7), (6, 8)
    channels = (2, 3, 1, 1, 3, 3, 1)
    sizes = (*[size] * 4, photograph, *[cloth] * 2)
    shapes = zip(channels, sizes, strict=True)
    values = [torch.rand(1, c, *hw) for c, hw in shapes]
    inputs = dict(
        zip(
            ComposeGraph.INPUTS,
            (*values, torch.ones(2), torch.zeros(2)),
            strict=True,
        )
    )
    kinds = (*['frame'] * 4, 'photograph', *['cloth'] * 2)
    axes = {
        name: {2: f'h_{kind}', 3: f'w_{kind}'}
        for name, kind in zip(inputs, kinds, strict=False)
    }
    for name in ComposeGraph.OUTPUTS:
        axes[name] = axes['photograph']
    export_graph(
        ComposeGraph(),
        folder / 'compose.onnx',
        inputs,
        ComposeGraph.OUTPUTS,
        axes,
        f'{_PARTS}composition at the size of the photograph.',
    )
    return _describe(inputs, ComposeGraph.OUTPUTS)


def _describe(inputs: Iterable[str], outputs: Iterable[str]) -> dict:
    """Return names of the inputs and outputs of a graph, for JSON."""
    return {'inputs': list(inputs), 'outputs': list(outputs)}


def _axes(names: Sequence[str]) -> dict[str, dict[int, str]]:
    """Name the axes of images (h, w) and maps (h_32, w_32 and so on)."""
    axes = {}
    for name in names:
        kind, _, level = name.rpartition('_map_')
        stride = f'_{DIVISOR >> int(level)}' if kind else ''
        axes[name] = {0: 'batch', 2: f'h{stride}', 3: f'w{stride}'}
    return axes


def _check_generator(model: ParserFreeTryOn) -> None:
    if model.generator is None:
        raise UserError(
            'the model has no generator (it is of a warp stage); export a '
            'model of the last stage, pf-afn_e2e_*'
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
    """Compare an export, run by ONNX Runtime, with its model.

    Args:
        model (ParserFreeTryOn): The model that was exported.
        path (str | Path): The ONNX file, or the folder; of a folder the whole
            network and the parts are compared.
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
    path = Path(path)
    runs = [_run_parts] if path.is_dir() else []
    whole = path / 'try_on.onnx' if path.is_dir() else path
    graph = TryOnGraph(model).eval()
    differences = {}
    for size in sizes:
        inputs = _make_inputs(size)
        arrays = {
            name: value.numpy()
            for name, value in zip(INPUTS, inputs, strict=True)
        }
        expected = graph(*inputs)
        found = [_run(whole, arrays)] + [run(path, arrays) for run in runs]
        worst = max(
            float(np.abs(outputs[name] - value.numpy()).max())
            for outputs in found
            for name, value in zip(OUTPUTS, expected, strict=True)
        )
        differences[size] = worst
        if not worst <= tolerance:
            raise UserError(
                f'{path}: differs from the model by {worst:.2g} at '
                f'{size[0]} x {size[1]} px (h x w), expected at most '
                f'{tolerance:g}; export the model again'
            )
    return differences


def _run(path: Path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run a file on inputs (B, C, h, w); return its outputs by name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        str(path), options, providers=['CPUExecutionProvider']
    )
    names = [output.name for output in session.get_outputs()]
    used = {entry.name for entry in session.get_inputs()}
    given = {name: x for name, x in inputs.items() if name in used}
    return dict(zip(names, session.run(names, given), strict=True))


def _run_parts(
    folder: Path, inputs: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Run both sides and what needs both; return the outputs by name."""
    for graph in ('person', 'cloth', 'dress'):
        inputs = inputs | _run(folder / f'{graph}.onnx', inputs)
    return inputs


def _make_inputs(size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Generate person, cloth and mask of noise, the same for the same size."""
    generator = torch.Generator().manual_seed(0)
    # smooth noise: rounding of a flow changes colours only slightly
    noise = torch.rand(1, 7, size[0] // 8, size[1] // 8, generator=generator)
    noise = nn.functional.interpolate(noise, size=size, mode='bilinear')
    person, cloth = noise[:, :3] * 2 - 1, noise[:, 3:6] * 2 - 1
    return person, cloth, (noise[:, 6:] > 0.3).float()
