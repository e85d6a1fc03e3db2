# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Safetensors file of weights: tensors and plain values, never code.

The weights of the zoo are such files. What a checkpoint says of its training
stands as JSON under ``mmfashion_ext`` in the file's metadata: one entry alone,
because safetensors writes several in any order, and the same weights are to
give the same file.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .files import atomic_write

SUFFIX = '.safetensors'
_META = 'mmfashion_ext'
_LENGTH = 8  # bytes of the length that a file starts with


def is_tensor_file(path: str | Path) -> bool:
    """Return whether a file is to be read as safetensors.

    Args:
        path (str | Path): An existing file.

    Returns:
        bool: Its name ends in ``.safetensors``, or it starts with a length
        that fits into the file and the header's brace.
    """
    path = Path(path)
    if path.suffix.lower() == SUFFIX:
        return True
    with path.open('rb') as file:
        start = file.read(_LENGTH + 1)
    length = int.from_bytes(start[:_LENGTH], 'little')
    size = path.stat().st_size
    return start[_LENGTH:] == b'{' and length <= size - _LENGTH


def read_tensor_file(
    path: str | Path,
    map_location: Any = 'cpu',
    *,
    mmap: bool = False,
) -> dict[str, Any]:
    """Read weights from a safetensors file.

    Args:
        path (str | Path): An existing file, also of another project.
        map_location (Any): Where the tensors go, the name of a device or
            what else ``torch.load`` accepts. Defaults to 'cpu'.
        mmap (bool): Map the tensors of the file instead of copying them: for
            a look at names and shapes. Defaults to False.

    Returns:
        dict: ``state_dict``, tensors such as (m, n, h, w) by name, and
        ``meta``, which may be empty.

    Raises:
        SafetensorError: It is not such a file, or its header does not fit its
            content.
        ValueError: ``meta`` is not valid JSON.
    """
    from safetensors import safe_open

    with safe_open(str(path), 'pt') as file:
        text = (file.metadata() or {}).get(_META, '{}')
        names = sorted(file.keys())
        weights = {name: file.get_tensor(name) for name in names}
    if not mmap:  # a mapped file may be changed by others
        weights = {name: value.clone() for name, value in weights.items()}
    if isinstance(map_location, str | torch.device):
        weights = {k: value.to(map_location) for k, value in weights.items()}
    try:
        return {'state_dict': weights, 'meta': json.loads(text)}
    except RecursionError:
        raise ValueError('its metadata are nested too deep') from None


def write_tensor_file(
    path: str | Path,
    weights: Mapping[str, Tensor],
    meta: dict[str, Any],
    *,
    half: bool = False,
) -> None:
    """Write weights to a safetensors file, whole or not at all.

    Args:
        path (str | Path): The file.
        weights (Mapping[str, Tensor]): Name -> value.
        meta (dict): What JSON can hold.
        half (bool): Store matrices (m, n) and filters (m, n, h, w) as
            float16, which halves the file. Tensors of one dimension or none
            (biases, statistics of normalisations) stay as they are, and so do
            those whose numbers float16 does not reach. Defaults to False.
    """
    from safetensors.torch import save_file

    tensors = {
        name: (_to_half(value) if half else value).detach().cpu()
        for name, value in weights.items()
    }
    # copied: tensors that share memory are refused
    tensors = {k: v.contiguous().clone() for k, v in tensors.items()}
    text = json.dumps(meta, sort_keys=True, allow_nan=False)
    with atomic_write(path) as temporary:
        save_file(tensors, str(temporary), {_META: text})


def _to_half(value: Tensor) -> Tensor:
    if not value.is_floating_point() or value.dim() < 2:
        return value
    half = value.half()
    return half if half.isfinite().all() else value
