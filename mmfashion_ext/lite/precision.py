# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Smaller variants of an exported model: weights in float16, or int8.

- ``float16``: weights are stored in half precision and cast when a graph is
  loaded; all arithmetic stays in float32. The files are half as large, and
  nothing is slower.
- ``int8``: convolutions and linear layers compute with 8-bit integers, whose
  ranges are calibrated on inputs (ONNX Runtime's QDQ format, one scale for
  each channel of a weight). Sampling, resizing and correlation stay in
  float32.

It needs the extra ``onnx``; running the result does not.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ..errors import UserError
from ..utils.exported import read_model, write_model
from ..utils.onnx_export import require_onnx

PRECISIONS = ('float32', 'float16', 'int8')
#: Weights with fewer values stay in float32.
_SMALL = 64
#: Largest value of float16.
_LIMIT = 65504.0
#: Runs of a graph that the ranges are calibrated on.
_CALIBRATION = 16
_QUANTISED = ('Conv', 'Gemm')

Record = Mapping[str, np.ndarray]


def reduce_precision(
    folder: str | Path,
    precision: str,
    calibrate: Callable[[Any], object] | None = None,
) -> None:
    """Replace the graphs of an exported model by smaller ones.

    Args:
        folder (str | Path): That ``mmfashion export`` wrote, in float32.
        precision (str): One of :data:`PRECISIONS`.
        calibrate (Callable, optional): Runs the model's inferencer on inputs
            as they will be, such as images (h, w, 3); needed by ``'int8'``.

    Raises:
        UserError: An unknown precision, a folder that is reduced already, or
            nothing to calibrate on.
        ImportError: ``onnx`` is not installed.
    """
    if precision not in PRECISIONS:
        raise UserError(
            f'precision must be one of {", ".join(PRECISIONS)}, got '
            f'{precision!r}'
        )
    content = read_model(folder)
    found = content.get('precision', 'float32')
    if found != 'float32':
        raise UserError(
            f'{folder} is in {found} already, expected float32; export the '
            'model again'
        )
    if precision == 'float32':
        return
    require_onnx('onnx')
    records: dict[str, list[Record]] = {}
    if precision == 'int8':
        if calibrate is None:
            raise UserError('int8 needs inputs to calibrate on')
        records = _record(folder, calibrate)
    with TemporaryDirectory(dir=folder) as temporary:
        for path in sorted(Path(folder).glob('*.onnx')):
            out = Path(temporary) / path.name
            if precision == 'float16':
                _to_float16(path, out)
            else:
                _to_int8(path, out, records)
        for path in Path(temporary).iterdir():
            path.replace(Path(folder) / path.name)
    content = {**content, 'precision': precision}
    write_model(folder, content['system'], content)


def _record(
    folder: str | Path, calibrate: Callable[[Any], object]
) -> dict[str, list[Record]]:
    """Run an inferencer; return the inputs (B, ...) of its graphs."""
    from . import build_inferencer

    infer = build_inferencer(folder, show_progress=False)
    records: dict[str, list[Record]] = {}
    run = infer.graphs.run

    def recording(graph: str, **inputs: np.ndarray) -> list[np.ndarray]:
        kept = records.setdefault(graph, [])
        if len(kept) < _CALIBRATION:
            kept.append(inputs)
        return run(graph, **inputs)

    infer.graphs.run = recording
    calibrate(infer)
    return records


def _to_float16(path: Path, out: Path) -> None:
    """Store the weights of a file in float16, cast where they are used."""
    import onnx

    model = onnx.load(path)
    weights, casts = [], []
    for weight in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        large = values.dtype == np.float32 and values.size >= _SMALL
        if not large or np.abs(values).max() > _LIMIT:
            weights.append(weight)
            continue
        name = f'{weight.name}_float16'
        halved = onnx.numpy_helper.from_array(values.astype(np.float16), name)
        weights.append(halved)
        casts.append(
            onnx.helper.make_node(
                'Cast', [name], [weight.name], to=onnx.TensorProto.FLOAT
            )
        )
    nodes = list(model.graph.node)
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(weights)
    model.graph.node.extend([*casts, *nodes])
    onnx.save(model, out)


def _to_int8(
    path: Path, out: Path, records: Mapping[str, Sequence[Record]]
) -> None:
    """Quantise the convolutions and linear layers of a file."""
    import onnx
    from onnxruntime import quantization

    graph = onnx.load(path).graph
    if not any(node.op_type in _QUANTISED for node in graph.node):
        return
    inputs = [value.name for value in graph.input]
    kept = _fitting(path.stem, inputs, records)
    if not kept:
        raise UserError(
            f'{path}: the inputs to calibrate on do not reach this graph; '
            'pass inputs on which the model finds something'
        )

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.items: Iterator[dict] = iter(kept)

        def get_next(self) -> dict | None:
            return next(self.items, None)

    # it advises pre-processing, whose optimisations the export has done
    logging.disable(logging.WARNING)
    try:
        quantization.quantize_static(
            path,
            out,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(_QUANTISED),
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
    finally:
        logging.disable(logging.NOTSET)


def _fitting(
    graph: str, inputs: Sequence[str], records: Mapping[str, Sequence[Record]]
) -> list[dict[str, np.ndarray]]:
    """Return records of a graph, or of one that reads all that it reads."""
    for own in (records.get(graph, ()), *records.values()):
        if own and {*inputs} <= {*own[0]}:
            return [{name: record[name] for name in inputs} for record in own]
    return []
