# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Base class of the inferencers that run exported models."""

import logging
from pathlib import Path
from typing import Any

from ..inferencer import Inferencer
from ..utils.skipped import skipped_line
from .graphs import GraphFolder


class LiteInferencer(Inferencer):
    """Run an exported model on inputs of many kinds, without PyTorch.

    Images are (h, w, 3) uint8 BGR, in and out.

    Args:
        folder (str | Path): That ``mmfashion export`` wrote.
        threads (int, optional): Threads of an operator. Defaults to None:
            one for each core.
        batch_size (int): Inputs that are read together. Defaults to 1.
        show_progress (bool): Show a progress bar over several inputs, where
            ``rich`` is installed. Defaults to True.

    Attributes:
        graphs (GraphFolder): The model.

    Raises:
        UserError: It is not such a folder, or of another system.
        ImportError: ``onnxruntime`` is not installed.
    """

    #: System of the models that it runs.
    system: str

    def __init__(
        self,
        folder: str | Path,
        *,
        threads: int | None = None,
        batch_size: int = 1,
        show_progress: bool = True,
    ) -> None:
        self.threads = threads
        super().__init__(
            folder, batch_size=batch_size, show_progress=show_progress
        )

    def _load_model(self, model: Any, weights: Any, device: Any) -> Any:
        self.graphs = GraphFolder(model, self.system, self.threads)
        return self.graphs

    @property
    def device(self) -> Any:
        """Where the model is: ``'cpu'``."""
        return 'cpu'

    def _report_skipped(self, skipped: list[dict]) -> None:
        if line := skipped_line(skipped):
            logging.getLogger('mmfashion_ext').warning(line)

    def _progress(self, items: Any, total: int | None) -> Any:
        try:
            return super()._progress(items, total)
        except ImportError:  # rich, which draws the bar
            return items
