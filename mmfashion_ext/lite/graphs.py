# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""ONNX graphs of an exported model, run by ONNX Runtime on the CPU."""

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError, one_line
from ..utils.exported import read_model


class GraphFolder:
    """Model that ``mmfashion export`` wrote: its description and its graphs.

    Args:
        folder (str | Path): With ``model.json`` and ONNX files.
        system (str): System that is expected, such as ``'match_rcnn'``.
        threads (int, optional): Threads of an operator. Defaults to None:
            one for each core.

    Attributes:
        content (dict): Of ``model.json``.

    Raises:
        UserError: It is not such a folder, or a graph cannot be loaded.
        ImportError: ``onnxruntime`` is not installed.
    """

    def __init__(
        self, folder: str | Path, system: str, threads: int | None = None
    ) -> None:
        self.folder = Path(folder)
        self.content = read_model(folder, system)
        self.threads = threads
        self._sessions: dict[str, Any] = {}

    def run(self, graph: str, **inputs: np.ndarray) -> list[np.ndarray]:
        """Run a graph; it is loaded when it is run first.

        Args:
            graph (str): Name of its file, without ``.onnx``.
            **inputs (np.ndarray): Inputs (R, ...) by name.

        Returns:
            list[np.ndarray]: Its outputs (R, ...), in order.
        """
        return self.load(graph).run(None, inputs)

    def load(self, graph: str) -> Any:
        """Return the session of a graph, see :meth:`run`."""
        if graph not in self._sessions:
            self._sessions[graph] = self._open(graph)
        return self._sessions[graph]

    def _open(self, graph: str) -> Any:
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(
                f'mmfashion_ext.lite needs onnxruntime ({error}): '
                'pip install onnxruntime'
            ) from error

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads or 0
        path = self.folder / f'{graph}.onnx'
        try:
            return onnxruntime.InferenceSession(
                str(path), options, providers=['CPUExecutionProvider']
            )
        except Exception as error:  # a dozen classes of ONNX Runtime
            raise UserError(
                f'{path}: cannot be loaded as an ONNX graph '
                f'({one_line(error)}); export the model again'
            ) from None
