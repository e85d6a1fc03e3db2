# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Load checkpoints safely: they are read as data, no code in a file runs.

A safetensors file is data alone. A ``.pth`` file is a pickle, and an ordinary
unpickler calls whatever function the file names: here it goes through
:mod:`.safe_pickle`, which refuses what weights and logs do not consist of.
MMEngine's own loader falls back to the ordinary unpickler, so a file is to
pass :func:`assert_safe` before its path is handed to a host.
"""

import os
import tarfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

from ..errors import UserError
from . import safe_pickle
from .downloads import HASHED_NAME as HASHED_NAME
from .downloads import DownloadError, cached_download, is_downloaded
from .sources import check_regular_file
from .tensor_file import is_tensor_file, read_tensor_file
from .weights import LoadReport, Partial, load_state

_TRUE = ('1', 'y', 'yes', 'true')  # of PyTorch's environment variables


class CheckpointError(UserError):
    """Error: a file cannot be used as a checkpoint."""


class UnsafeCheckpointError(CheckpointError):
    """Error: a checkpoint holds more than weights and plain values."""


class CheckpointDownloadError(CheckpointError, DownloadError):
    """Error: a checkpoint cannot be downloaded."""


def load_checkpoint_file(
    path: str | Path,
    map_location: str | torch.device = 'cpu',
    *,
    mmap: bool = False,
) -> dict:
    """Read a checkpoint without running any code from it.

    Published files, safetensors and MMEngine's training checkpoints (logs and
    optimizer state included) are read; a URL is downloaded first, see
    :func:`local_checkpoint`.

    Args:
        path (str | Path): A file or an http(s) URL.
        map_location (str | torch.device): Where tensors go.
            Defaults to 'cpu'.
        mmap (bool): Map the tensors of the file instead of reading them: for
            a look at names and shapes. Defaults to False.

    Returns:
        dict: The content of the file.

    Raises:
        FileNotFoundError: No such file.
        UnsafeCheckpointError: The file holds objects that only an ordinary
            unpickler would build.
        CheckpointError: The file is not a checkpoint, or is truncated.
    """
    return _load(local_checkpoint(path), map_location, mmap=mmap)


def assert_safe(path: str | Path) -> None:
    """Check that a checkpoint can be read as data, without keeping it.

    Args:
        path (str | Path): A file or an http(s) URL.

    Raises:
        FileNotFoundError: No such file.
        UnsafeCheckpointError: The file holds objects that only an ordinary
            unpickler would build.
        CheckpointError: The file is not a checkpoint, or is truncated.
    """
    file = local_checkpoint(path)
    # mapped: the tensors of a large file are not read just to be dropped
    _load(file, 'cpu', mmap=True)


def local_checkpoint(path: str | Path) -> Path:
    """Return the local file of a checkpoint; a URL is downloaded once.

    Args:
        path (str | Path): A file or an http(s) URL, see
            :func:`.downloads.cached_download`.

    Returns:
        Path: An existing file.

    Raises:
        FileNotFoundError: No such file.
        CheckpointError: Another scheme than http(s), not a regular file, or a
            download that fails or whose content does not match the hash in
            its name.
    """
    if is_downloaded(str(path)):
        try:
            return cached_download(str(path))
        except DownloadError as error:
            raise CheckpointDownloadError(str(error)) from None
    file = Path(path).expanduser()
    if '://' in str(path) and not file.is_file():
        raise CheckpointError(
            f'{path}: only files, http(s) and file URLs can be checked before '
            'they are loaded. Download it and pass the file'
        )
    try:
        check_regular_file(file)
    except UserError as error:
        if 'no such file' in str(error):
            raise FileNotFoundError(f'checkpoint not found: {path}') from None
        raise CheckpointError(f'checkpoint {error}') from None
    return file


def extract_state_dict(
    checkpoint: dict, file: str | Path
) -> dict[str, Tensor]:
    """Return the weights in a checkpoint, by parameter name.

    MMEngine's EMA hook saves the averaged weights as ``state_dict`` and the
    raw ones as ``ema_state_dict``, so the former is right with and without
    EMA.

    Args:
        checkpoint (dict): A file's content: ``{'state_dict': ...}``,
            ``{'model': ...}`` or the weights themselves.
        file (str | Path): Where it was read from, for the message.

    Returns:
        dict[str, Tensor]: The weights, without the ``module.`` that data
        parallel wrappers put before each name.

    Raises:
        CheckpointError: There are no weights.
    """
    weights = checkpoint
    if isinstance(checkpoint, dict):
        nested = checkpoint.get('state_dict', checkpoint.get('model'))
        weights = checkpoint if nested is None else nested
    if not (
        isinstance(weights, dict)
        and weights
        and all(isinstance(name, str) for name in weights)
        and all(isinstance(value, Tensor) for value in weights.values())
    ):
        found: object = type(checkpoint).__name__
        if isinstance(checkpoint, dict):
            found = sorted(map(str, checkpoint))[:8] or 'nothing'
        raise CheckpointError(
            f'{file}: no weights in the checkpoint: expected names with '
            f"tensors, at the top or under 'state_dict' or 'model', got "
            f'{found}. Pass the checkpoint of a training'
        )
    if all(name.startswith('module.') for name in weights):
        weights = OrderedDict(weights)
        consume_prefix_in_state_dict_if_present(weights, 'module.')
    return weights


def load_weights(
    model: nn.Module,
    path: str | Path,
    name: str,
    partial: Partial | None = None,
) -> dict:
    """Load weights into a model, which they must fit to the last key.

    Args:
        model (nn.Module): Changed in place.
        path (str | Path): File or URL of a checkpoint.
        name (str): Of the model, for the message.
        partial (Partial, optional): What need not fit. Defaults to None: all
            must.

    Returns:
        dict: What else is in the checkpoint, and the weights.

    Raises:
        CheckpointError: They are those of another model.
    """
    content = load_checkpoint_file(path)
    weights = extract_state_dict(content, path)
    load_strictly(model, weights, path, name, partial)
    return content


def load_strictly(
    model: nn.Module,
    weights: dict[str, Tensor],
    path: str | Path,
    name: str,
    partial: Partial | None = None,
    hint: str = '',
) -> LoadReport:
    """Load weights that were read already; see :func:`load_weights`.

    Args:
        model (nn.Module): Changed in place.
        weights (dict[str, Tensor]): Name -> value.
        path (str | Path): Where they were read from, for the message.
        name (str): Of the model, for the message.
        partial (Partial, optional): See :func:`load_weights`.
        hint (str): What else the message says at its end.

    Returns:
        LoadReport: What was loaded.

    Raises:
        CheckpointError: They are those of another model.
    """
    try:
        report = load_state(model, weights, partial)
    except RuntimeError as error:
        raise CheckpointError(
            f'{path}: weights of another model than {name}: '
            f'{_first_line(error)}'
        ) from error
    if not report.fits:
        raise CheckpointError(
            f'{path}: weights of another model than {name}: {report}. Pass '
            f'the checkpoint of that model{hint}'
        )
    return report


def checkpoint_meta(content: dict, file: str | Path) -> dict:
    """Return what a checkpoint says of its training, perhaps nothing.

    Args:
        content (dict): A file's content.
        file (str | Path): Where it was read from, for the message.

    Raises:
        CheckpointError: It has another form than MMEngine writes.
    """
    meta = content.get('meta')
    if meta is None:
        return {}
    if not isinstance(meta, dict):
        raise _not_meta(file, 'meta', 'a dict', meta)
    dataset = meta.get('dataset_meta')
    if dataset is not None and not isinstance(dataset, dict):
        raise _not_meta(file, 'meta.dataset_meta', 'a dict', dataset)
    classes = (dataset or {}).get('classes')
    if classes is not None and not (
        isinstance(classes, list | tuple)
        and all(isinstance(name, str) for name in classes)
    ):
        raise _not_meta(
            file, 'meta.dataset_meta.classes', 'a list of names', classes
        )
    return meta


def _not_meta(
    file: str | Path, key: str, expected: str, found: object
) -> CheckpointError:
    return CheckpointError(
        f'{file}: {key} of the checkpoint must be {expected}, got '
        f'{type(found).__name__}. Write the file again'
    )


def check_weights(path: str | None) -> str | None:
    """Refuse a checkpoint that is missing or could run code when loaded.

    Args:
        path (str, optional): A file or an http(s) URL, which is downloaded.

    Returns:
        str, optional: The file that was checked, to be loaded instead.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: It holds more than weights and plain values.
    """
    if not path:
        return None
    file = local_checkpoint(path)
    assert_safe(file)
    return str(file)


def _load(file: Path, map_location: str | torch.device, *, mmap: bool) -> Any:
    """Read a file; its type is checked by :func:`_is_zip`."""
    if os.environ.get(
        'TORCH_FORCE_WEIGHTS_ONLY_LOAD', '0'
    ) in _TRUE and not is_tensor_file(file):
        raise CheckpointError(
            f'{file}: TORCH_FORCE_WEIGHTS_ONLY_LOAD is set in the '
            'environment, and lets PyTorch read no logs of a training. Unset '
            'it: checkpoints are read here as data in any case'
        )
    try:
        if is_tensor_file(file):
            return read_tensor_file(file, map_location, mmap=mmap)
        mmap = _is_zip(file) and mmap

        def load(**options: Any) -> Any:
            return torch.load(
                file,
                map_location=map_location,
                weights_only=False,  # torch knows two unpicklers only
                pickle_module=safe_pickle,
                mmap=mmap,
                **options,
            )

        try:
            content = load()
        except UnicodeDecodeError:
            # Python 2 knew no bytes: NumPy's numbers stand in strings
            # that are not UTF-8
            content = load(encoding='latin1')
        safe_pickle.check_depth(content)
    except CheckpointError:
        raise
    except safe_pickle.ForbiddenNameError as error:
        raise UnsafeCheckpointError(
            f'{file}: refused, because reading it could run code '
            f'(it names {error.name}). If you trust where it comes from, '
            'convert it: tools/misc/publish_model.py --trust; otherwise '
            'delete it'
        ) from None
    except Exception as error:
        raise CheckpointError(
            f'{file}: cannot be read as a checkpoint '
            f'({_first_line(error)}). Copy or download it again'
        ) from error
    return content


def _is_zip(file: Path) -> bool:
    """Return which of PyTorch's two formats a file has.

    Raises:
        CheckpointError: Neither, or one that does not hold weights alone.
    """
    with file.open('rb') as opened:
        start = opened.read(128)
    if start.startswith(b'PK\x03\x04'):
        records = torch._C.PyTorchFileReader(str(file)).get_all_records()
        if 'constants.pkl' in records:
            raise UnsafeCheckpointError(
                f'{file}: refused, because it is a TorchScript program. Pass '
                'a file with the state dict of the model'
            )
        return True
    if not start:
        raise EOFError('the file is empty')
    # tar: the format before PyTorch 0.1.9, unpacked to files
    if not start.startswith(b'\x80') or tarfile.is_tarfile(file):
        raise CheckpointError(
            f'{file} is not a PyTorch checkpoint (neither zip nor pickle), '
            'nor a safetensors file. Download it again or pass another file'
        )
    return False


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
