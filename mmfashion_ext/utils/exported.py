# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Folders of exported models: ONNX graphs and ``model.json``.

::

    FOLDER/
    |-- model.json   format, system, name, and what a runtime needs to know
    `-- *.onnx       graphs of the network, without NMS and custom operators

Exporters write them, :mod:`mmfashion_ext.lite` runs them. PyTorch is not
imported here.
"""

from pathlib import Path
from typing import Any

from ..errors import UserError
from .files import read_json, write_json

#: Version of the layout; another one is refused.
FORMAT = 1

MODEL_FILE = 'model.json'


def write_model(folder: str | Path, system: str, content: dict) -> None:
    """Write ``model.json`` of an exported model, last of its files.

    Args:
        folder (str | Path): Of the graphs.
        system (str): Such as ``'match_rcnn'``.
        content (dict): What the runtime of the system reads, in plain values.
    """
    header = {'format': FORMAT, 'system': system}
    write_json(Path(folder) / MODEL_FILE, header | content)


def read_model(folder: str | Path, system: str | None = None) -> dict:
    """Read ``model.json`` of an exported model.

    Args:
        folder (str | Path): That ``mmfashion export`` wrote.
        system (str, optional): The one that is expected. Defaults to None:
            any.

    Returns:
        dict: ``system`` and what else :func:`write_model` was given.

    Raises:
        UserError: It is not such a folder, or of another version or system.
    """
    path = Path(folder) / MODEL_FILE
    if not path.is_file():
        raise UserError(
            f'{folder}: no {MODEL_FILE} there; expected a folder that '
            '`mmfashion export` wrote'
        )
    content = read_json(path, 'exported model')
    if not isinstance(content, dict) or content.get('format') != FORMAT:
        raise UserError(
            f'{path}: expected an exported model of format {FORMAT}; export '
            'the model again'
        )
    found = content.get('system')
    if system is not None and found != system:
        raise UserError(
            f'{folder}: a model of {found}, expected one of {system}; '
            'mmfashion_ext.lite.build_inferencer chooses the inferencer'
        )
    return content


def plain(value: Any) -> Any:
    """Return arrays and tensors (...) as lists, tuples as lists, for JSON."""
    if hasattr(value, 'tolist'):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value
