# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Gallery index file: written and read with checks.

It is one safetensors file, which is data only: reading it runs no code. Its
tensors are ``features`` (N, D) float32, ``weight`` (D,) float32,
``items``, the UTF-8 bytes of a JSON list of N objects (safetensors' own
metadata is too small for a million items) and ``images``, those of a JSON
object with the record of each image, which older files lack. The metadata
holds the format, the bias, the model's fingerprint and a checksum.
"""

import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..utils.files import atomic_write
from .gallery_images import ImageRecord, parse_records, plain_records
from .pair_similarity import PairSimilarity
from .scoring import RetrievalError

_FORMAT = 'mmfashion_ext.gallery_index/1'
#: Tensors of the file -> dtype and number of dimensions.
_TENSORS = {
    'features': (torch.float32, 2),
    'weight': (torch.float32, 1),
    'items': (torch.uint8, 1),
}
_OPTIONAL = {'images': (torch.uint8, 1)}
_BLOCK = 65536  # items checked at a time


@dataclass(frozen=True, eq=False)
class GalleryContent:
    """Content of a gallery index file.

    Attributes:
        similarity (PairSimilarity): How pairs are scored.
        fingerprint (str): Identifies the model that computed the features.
        origin (dict[str, str]): Where that model can be found.
        items (list[dict]): N dicts of what JSON can hold.
        features (Tensor): (N, D) float32, on the CPU.
        images (dict[str, ImageRecord]): Path -> record of each image, also of
            those without items.
    """

    similarity: PairSimilarity
    fingerprint: str
    origin: dict[str, str]
    items: list[dict]
    features: Tensor
    images: dict[str, ImageRecord] = field(default_factory=dict)


def write_gallery_file(path: str | Path, content: GalleryContent) -> None:
    """Write a gallery index file, whole or not at all.

    Args:
        path (str | Path): The file; its folder is made if missing.
        content (GalleryContent): Features (N, D) with their items.
    """
    tensors = {
        'features': content.features,
        'weight': content.similarity.weight.contiguous(),
        'items': _encode(content.items),
        'images': _encode(plain_records(content.images)),
    }
    metadata = {
        'format': _FORMAT,
        'fingerprint': content.fingerprint,
        'origin': json.dumps(content.origin),
        'bias': repr(content.similarity.bias),
    }
    metadata['crc32'] = _checksum(tensors, metadata)
    with atomic_write(path) as temporary:
        save_file(tensors, temporary, metadata)


def read_gallery_file(
    path: str | Path, fingerprint: str | None = None
) -> GalleryContent:
    """Read and check a gallery index file.

    Args:
        path (str | Path): The file.
        fingerprint (str, optional): Fingerprint that the file must have; it
            is checked before the features are read.

    Returns:
        GalleryContent: Features (N, D) in memory, not mapped to the file.

    Raises:
        FileNotFoundError: No such file.
        RetrievalError: The file is not a gallery index, is damaged, or was
            built with another checkpoint.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f'gallery index not found: {path}')
    if not Path(path).is_file():  # a pipe would never end
        raise _damaged(path, ValueError('it is not a file'))
    try:
        metadata, tensors = _read_tensors(path, fingerprint)
    except RetrievalError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise _damaged(path, error) from error
    try:
        features, weight = tensors['features'], tensors['weight'].clone()
        items = _parse(tensors['items'].numpy().tobytes(), list)
        _check_fit(items, features, weight)
        images = {}
        if 'images' in tensors:
            text = tensors['images'].numpy().tobytes()
            images = parse_records(_parse(text, dict))
        return GalleryContent(
            PairSimilarity(weight, float(metadata['bias'])),
            metadata['fingerprint'],
            _parse(metadata['origin'], dict),
            items,
            # copied: safetensors maps the file, which others may overwrite
            features.clone(),
            images,
        )
    except (ValueError, KeyError) as error:
        raise _damaged(path, error) from error


def check_fingerprint(path: str | Path, found: str, expected: str) -> None:
    """Check that a gallery index is of a model.

    Args:
        path (str | Path): The file, for the message.
        found (str): Fingerprint in the index.
        expected (str): Fingerprint of the model.

    Raises:
        RetrievalError: They differ.
    """
    if found != expected:
        raise RetrievalError(
            f'{path}: was built with another checkpoint: its features are of '
            f'{found}, the model is {expected}; use that model, or build the '
            'index again with this one'
        )


def _damaged(path: str | Path, error: Exception) -> RetrievalError:
    reason = (str(error).splitlines() or [repr(error)])[0]
    return RetrievalError(
        f'{path}: cannot be read as a gallery index ({reason}); copy it '
        'again, or build the index again'
    )


def _read_tensors(
    path: str | Path, fingerprint: str | None
) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and tensors, whose dtypes and checksum are right."""
    with safe_open(str(path), framework='pt') as file:
        metadata = file.metadata() or {}
        if metadata.get('format') != _FORMAT:
            raise RetrievalError(
                f'{path}: is not a gallery index: its format is '
                f'{metadata.get("format", "none")}, expected {_FORMAT}; build '
                'the index again'
            )
        if fingerprint is not None:  # before many features are read
            check_fingerprint(path, metadata['fingerprint'], fingerprint)
        found = set(file.keys())
        optional = [name for name in _OPTIONAL if name in found]
        names = [*_TENSORS, *optional]
        tensors = {name: file.get_tensor(name) for name in names}
    for name in names:
        dtype, ndim = {**_TENSORS, **_OPTIONAL}[name]
        tensor = tensors[name]
        if tensor.dtype != dtype or tensor.dim() != ndim:
            raise ValueError(
                f'{name} are {tensor.dtype} of shape {tuple(tensor.shape)}'
            )
    if metadata.pop('crc32') != _checksum(tensors, metadata):
        raise ValueError('its checksum is wrong')
    return metadata, tensors


def _encode(content: list | dict) -> Tensor:
    """Return the UTF-8 bytes (n,) uint8 of content as JSON."""
    text = json.dumps(content, allow_nan=False, separators=(',', ':'))
    return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)


def _parse(text: str | bytes, kind: type) -> Any:
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError('its JSON is nested too deep') from None
    if not isinstance(value, kind):
        raise ValueError(f'its JSON is not a {kind.__name__}')
    return value


def _check_fit(items: list, features: Tensor, weight: Tensor) -> None:
    rows, columns = features.shape
    if columns != len(weight):
        raise ValueError(
            f'{columns} features per item, but {len(weight)} weights'
        )
    if len(items) != rows:
        raise ValueError(f'{len(items)} items, but {rows} rows of features')
    for row, item in enumerate(items):
        if not isinstance(item, dict):
            raise ValueError(f'item {row} is not an object')
    # in blocks: the mask of all features would need memory
    for block in features.split(_BLOCK):
        if not block.isfinite().all():
            raise ValueError('its features are not all finite')


def _checksum(tensors: dict[str, Tensor], metadata: dict[str, str]) -> str:
    value = zlib.crc32(json.dumps(metadata, sort_keys=True).encode())
    for name in [*_TENSORS, *(n for n in _OPTIONAL if n in tensors)]:
        value = zlib.crc32(tensors[name].numpy(), value)
    return f'{value:08x}'
