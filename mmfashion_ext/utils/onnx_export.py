# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Export of a traced network to an ONNX file."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .files import atomic_write

if TYPE_CHECKING:
    from torch import Tensor, nn

#: It has half-pixel resizing, corner-aligned sampling and RoIAlign with
#: half-pixel boxes, and all of its operators run in browsers, too.
OPSET = 17


def export_graph(
    module: 'nn.Module',
    path: str | Path,
    inputs: Mapping[str, 'Tensor'],
    outputs: Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
    about: str = '',
) -> None:
    """Trace a module and write it as an ONNX file, whole or not at all.

    Args:
        module (nn.Module): Reads the inputs in their order and returns a
            tensor or a tuple; on the CPU.
        path (str | Path): File to write.
        inputs (Mapping[str, Tensor]): Name -> example (B, ...).
        outputs (Sequence[str]): Names of what it returns.
        axes (Mapping[str, Mapping[int, str]]): Name of an input or output ->
            axes that may have any length.
        about (str): Description that the file carries.

    Raises:
        ImportError: ``onnx`` is not installed.
    """
    require_onnx('onnx')
    import onnx
    import torch

    with (
        atomic_write(path) as temporary,
        warnings.catch_warnings(),
        torch.no_grad(),
    ):
        # They are about sizes that become constants, which tests compare, and
        # about this exporter being deprecated: torch.export needs minutes for
        # dynamic sizes of 32 n.
        warnings.simplefilter('ignore')
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            str(temporary),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: dict(named) for name, named in axes.items()},
            opset_version=OPSET,
            dynamo=False,
        )
        exported = onnx.load(temporary)
        exported.doc_string = about
        onnx.save(exported, temporary)


def require_onnx(package: str) -> None:
    """Check that a package which exporting needs is installed.

    Args:
        package (str): ``onnx`` or ``onnxruntime``.

    Raises:
        ImportError: It is missing; the message has the command to install it.
    """
    try:
        __import__(package)
    except ImportError as error:
        raise ImportError(
            f'exporting needs {package} ({error}): '
            "pip install 'mmfashion_ext[onnx]'"
        ) from error
