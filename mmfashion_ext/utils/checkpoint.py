# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Load checkpoints safely: they are read as data, no code in a file runs.

A ``.pth`` file is a pickle, and an ordinary unpickler calls whatever function
the file names. Everything here goes through ``torch.load(weights_only=True)``
with a short list of harmless types, and refuses the rest. MMEngine's own
loader falls back to the ordinary unpickler, so a file is to pass
:func:`assert_safe` before its path is handed to a runner.
"""

import re
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from urllib.parse import urlparse

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

from ..errors import UserError, describe
from .sources import is_url

#: End of a published file's name: the first 8 digits of its SHA-256.
HASHED_NAME = re.compile(r'-([0-9a-f]{8})\.pth$')

# What the logs of a training checkpoint are made of besides plain types.
_NUMPY_CODES = '?bBhHiIlLqQefdU'
_NUMPY_FUNCTIONS = ('_reconstruct', 'scalar')
_BUFFER_METHODS = ('min', 'max', 'current', 'mean')


class CheckpointError(UserError):
    """Error: a file cannot be used as a checkpoint."""


class UnsafeCheckpointError(CheckpointError):
    """Error: a checkpoint holds more than weights and plain values."""


def load_checkpoint_file(
    path: str | Path, map_location: str | torch.device = 'cpu'
) -> dict:
    """Read a checkpoint without running any code from it.

    Published files and MMEngine's training checkpoints (logs and optimizer
    state included) are read; a URL is downloaded first, see
    :func:`local_checkpoint`.

    Args:
        path (str | Path): A file or an http(s) URL.
        map_location (str | torch.device): Where tensors go.
            Defaults to 'cpu'.

    Returns:
        dict: The content of the file.

    Raises:
        FileNotFoundError: No such file.
        UnsafeCheckpointError: The file holds objects that only an ordinary
            unpickler would build.
        CheckpointError: The file is not a checkpoint, or is truncated.
    """
    return _load(local_checkpoint(path), map_location, mmap=False)


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
    _load(file, 'cpu', mmap=zipfile.is_zipfile(file))


def local_checkpoint(path: str | Path) -> Path:
    """Return the local file of a checkpoint; a URL is downloaded once.

    Downloads go to torch hub's cache (``$TORCH_HOME/hub/checkpoints``). When
    the name ends in ``-{sha8}.pth``, the content must have that SHA-256.

    Args:
        path (str | Path): A file or an http(s) URL.

    Returns:
        Path: An existing file.

    Raises:
        FileNotFoundError: No such file.
        CheckpointError: Another scheme than http(s), or a download whose
            content does not match the hash in its name.
    """
    if not is_url(str(path)):
        file = Path(path).expanduser()
        if file.is_file():
            return file
        if '://' in str(path):
            raise CheckpointError(
                f'{path}: only files and http(s) URLs can be checked before '
                'they are loaded. Download it and pass the file'
            )
        raise FileNotFoundError(f'checkpoint not found: {path}')
    name = Path(urlparse(str(path)).path).name
    cached = Path(torch.hub.get_dir(), 'checkpoints', name)
    if not cached.is_file():
        cached.parent.mkdir(parents=True, exist_ok=True)
        digest = HASHED_NAME.search(name)
        try:
            torch.hub.download_url_to_file(
                str(path), str(cached), digest[1] if digest else None
            )
        except RuntimeError as error:  # torch hub's word for a wrong hash
            raise CheckpointError(
                f'{path}: {error}. Download again'
            ) from error
    return cached


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
        and all(isinstance(value, Tensor) for value in weights.values())
    ):
        found = sorted(map(str, checkpoint))[:8] if checkpoint else 'nothing'
        raise CheckpointError(
            f'{file}: no weights in the checkpoint: expected names with '
            f"tensors, at the top or under 'state_dict' or 'model', got "
            f'{found}. Pass the checkpoint of a training'
        )
    if all(name.startswith('module.') for name in weights):
        weights = OrderedDict(weights)
        consume_prefix_in_state_dict_if_present(weights, 'module.')
    return weights


def load_weights(model: nn.Module, path: str | Path, name: str) -> dict:
    """Load weights into a model, which they must fit to the last key.

    Args:
        model (nn.Module): Changed in place.
        path (str | Path): File or URL of a checkpoint.
        name (str): Of the model, for the message.

    Returns:
        dict: What else is in the checkpoint, and the weights.

    Raises:
        CheckpointError: They are those of another model.
    """
    content = load_checkpoint_file(path)
    weights = extract_state_dict(content, path)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        problems = compare_weights(model.state_dict(), weights)
        raise CheckpointError(
            f'{path}: weights of another model than {name}: '
            f'{describe_problems(problems)}'
        ) from error
    return content


def compare_weights(
    expected: Mapping[str, Tensor], found: Mapping[str, Tensor]
) -> dict[str, list[str]]:
    """Compare weights with those that a model has.

    Args:
        expected (Mapping[str, Tensor]): Name -> a tensor of the right shape.
        found (Mapping[str, Tensor]): Name -> value.

    Returns:
        dict[str, list[str]]: What is wrong -> names, which may be none.
    """
    return {
        'missing': [name for name in expected if name not in found],
        'of the wrong shape': [
            f'{name} {list(found[name].shape)} instead of {list(value.shape)}'
            for name, value in expected.items()
            if name in found and found[name].shape != value.shape
        ],
        'unknown': sorted(set(found) - set(expected)),
    }


def describe_problems(problems: Mapping[str, Sequence[str]]) -> str:
    """Count weights by what is wrong with them and name a few.

    Args:
        problems (Mapping[str, Sequence[str]]): See :func:`compare_weights`.
    """
    return '; '.join(
        f'{len(names)} {problem}: {describe(names)}'
        for problem, names in problems.items()
        if names
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


def _load(file: Path, map_location: str | torch.device, *, mmap: bool) -> dict:
    def load(**options: Any) -> dict:
        return torch.load(
            file,
            map_location=map_location,
            weights_only=True,
            mmap=mmap,
            **options,
        )

    with _harmless_globals():
        try:
            try:
                return load()
            except UnicodeDecodeError:
                # Python 2 knew no bytes: NumPy's numbers stand in strings
                # that are not UTF-8
                with warnings.catch_warnings():
                    warnings.simplefilter('ignore')  # torch doubts it works
                    return load(encoding='latin1')
        except UnpicklingError as error:
            named = re.search(r'GLOBAL (\S+)', str(error))
            if not named and not _is_pickle(file):
                raise CheckpointError(
                    f'{file} is not a PyTorch checkpoint (neither zip nor '
                    'pickle). Download it again or pass another file'
                ) from None
            what = f'it names {named[1]}' if named else _first_line(error)
            raise UnsafeCheckpointError(
                f'{file}: refused, because reading it could run code '
                f'({what}). If you trust where it comes from, convert it: '
                'tools/misc/publish_model.py --trust; otherwise delete it'
            ) from None
        except Exception as error:
            raise CheckpointError(
                f'{file}: cannot be read as a checkpoint '
                f'({_first_line(error)}). Copy or download it again'
            ) from error


def _is_pickle(file: Path) -> bool:
    """Return whether it starts like one of PyTorch's files, new or old."""
    with file.open('rb') as opened:
        return opened.read(1) == b'\x80' or zipfile.is_zipfile(file)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


@contextmanager
def _harmless_globals() -> Iterator[None]:
    """Let ``weights_only`` build what MMEngine's logs consist of, no more.

    ``torch.serialization.safe_globals`` does the same from torch 2.5 on; this
    also works with 2.4.
    """
    # a copy: torch 2.4 gives its own list
    before = list(torch.serialization.get_safe_globals())
    torch.serialization.add_safe_globals(_allow_list())
    try:
        yield
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)


def _allow_list() -> list[Any]:
    multiarray = getattr(np, '_core', None) or np.core
    allowed: list[Any] = [np.ndarray, np.dtype, slice]
    allowed += {type(np.dtype(code)) for code in _NUMPY_CODES}
    # torch allows it by itself from 2.5 on
    allowed.append(_called('_codecs', 'encode', _latin_1))
    for name in _NUMPY_FUNCTIONS:
        # numpy 2 renamed the module; files of either numpy are read
        for core in ('numpy.core', 'numpy._core'):
            function = getattr(multiarray.multiarray, name)
            allowed.append(_called(f'{core}.multiarray', name, function))
    try:
        from mmengine.logging.history_buffer import HistoryBuffer
    except ImportError:
        return allowed

    def buffer_method(owner: object, name: str) -> Callable:
        # A pickled HistoryBuffer looks its methods up by getattr, which, if
        # allowed as it is, reaches every attribute of every allowed type.
        if owner is not HistoryBuffer or name not in _BUFFER_METHODS:
            raise UnpicklingError(f'GLOBAL builtins.getattr of {name!r}')
        return getattr(owner, name)

    getter = _called('builtins', 'getattr', buffer_method)
    return [*allowed, HistoryBuffer, getter]


def _latin_1(text: str, encoding: str) -> bytes:
    """Bytes as old pickles hold them; no other codec is looked up."""
    if encoding != 'latin1':
        raise UnpicklingError(f'GLOBAL _codecs.encode to {encoding!r}')
    return text.encode('latin1')


def _called(module: str, name: str, function: Callable) -> Callable:
    """``function`` under the name that a pickle calls it by."""

    def call(*args: object) -> object:
        return function(*args)

    call.__module__, call.__name__, call.__qualname__ = module, name, name
    return call
