# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Runtime without PyTorch: runs models that ``mmfashion export`` wrote.

It imports NumPy, OpenCV, ONNX Runtime and, to read image files, Pillow; no
PyTorch, MMEngine or other host. Inputs, options, results and files are those
of the inferencers of PyTorch.

Symbols: (h, w) height and width in px; boxes xyxy px; N items of an image, R
boxes that go through a graph together, K landmarks of a category.
"""

import importlib
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..utils.exported import read_model

#: Public class -> its module.
_EXPORTS = {
    'ClothesInferencer': 'clothes',
    'LandmarkInferencer': 'landmarks',
    'SCANInferencer': 'scan',
    'TryOnInferencer': 'try_on',
}
#: System of a model -> its class.
_SYSTEMS = {
    'match_rcnn': 'ClothesInferencer',
    'landmark': 'LandmarkInferencer',
    'scan': 'SCANInferencer',
    'tryon': 'TryOnInferencer',
}
__all__ = ['build_inferencer', *sorted(_EXPORTS)]


def __getattr__(name: str) -> object:
    if name not in _EXPORTS:
        raise AttributeError(f'module {__name__!r} has no {name!r}')
    return getattr(
        importlib.import_module(f'.{_EXPORTS[name]}', __name__), name
    )


def __dir__() -> list[str]:
    return __all__


def build_inferencer(folder: str | Path, **kwargs: Any) -> Any:
    """Build the inferencer of an exported model, by its system.

    Args:
        folder (str | Path): That ``mmfashion export`` wrote.
        **kwargs: Arguments of its class.

    Returns:
        LiteInferencer: Reads and returns images (h, w, 3) uint8 BGR.

    Raises:
        UserError: It is not such a folder.
        ImportError: ``onnxruntime`` is not installed.
    """
    system = read_model(folder)['system']
    if system not in _SYSTEMS:
        raise UserError(
            f'{folder}: a model of {system}, expected one of '
            f'{", ".join(_SYSTEMS)}'
        )
    return __getattr__(_SYSTEMS[system])(folder, **kwargs)  # type: ignore
