# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Restricted unpickler: builds what checkpoints consist of and no more.

``torch.load(pickle_module=safe_pickle, weights_only=False)`` reads files with
it. The types of a training checkpoint's logs would otherwise have to be added
to PyTorch's allow list, which belongs to the whole process: threads would
change it under each other. Here each unpickler has the same, constant list.
"""

import io
import pickle
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import Counter, OrderedDict
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch

# What the logs of a training checkpoint consist of besides plain types.
_NUMPY_CODES = '?bBhHiIlLqQefdU'
_BUFFER_METHODS = ('min', 'max', 'current', 'mean')
_REBUILD_FUNCTIONS = (
    '_rebuild_tensor',
    '_rebuild_tensor_v2',
    '_rebuild_tensor_v3',
    '_rebuild_parameter',
    '_rebuild_parameter_with_state',
    '_rebuild_qtensor',
    '_rebuild_device_tensor_from_numpy',
    '_rebuild_device_tensor_from_cpu_tensor',
)

_MAX_DEPTH = 200
_CONTAINERS = (list, tuple, dict, set, frozenset)
#: Classes whose arguments are hashed.
_HASHING = (OrderedDict, Counter, set, frozenset)

#: Opcodes that only make plain values; the others are defined below.
_PLAIN_OPCODES = (
    *('PROTO', 'FRAME', 'STOP', 'MARK', 'POP', 'POP_MARK', 'DUP'),
    *('NONE', 'NEWTRUE', 'NEWFALSE', 'INT', 'BININT', 'BININT1', 'BININT2'),
    *('LONG', 'LONG1', 'LONG4', 'FLOAT', 'BINFLOAT', 'STRING', 'BINSTRING'),
    *('SHORT_BINSTRING', 'BINBYTES', 'SHORT_BINBYTES', 'BINBYTES8'),
    *('BYTEARRAY8', 'UNICODE', 'BINUNICODE', 'SHORT_BINUNICODE'),
    *('BINUNICODE8', 'TUPLE', 'EMPTY_TUPLE', 'TUPLE1', 'TUPLE2', 'TUPLE3'),
    *('EMPTY_LIST', 'LIST', 'EMPTY_DICT', 'EMPTY_SET'),
    *('GET', 'BINGET', 'LONG_BINGET', 'PUT', 'BINPUT', 'LONG_BINPUT'),
    *('MEMOIZE', 'BINPERSID', 'GLOBAL', 'STACK_GLOBAL'),
)


class ForbiddenNameError(pickle.UnpicklingError):
    """Error: a pickle names or does what only an ordinary unpickler would.

    Attributes:
        name (str): What it names, for instance ``'posix.system'``.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f'{name} is not allowed in a checkpoint')
        self.name = name


class _Allowed(NamedTuple):
    """What a pickle may name, call, make and set the state of."""

    names: dict[str, Any]
    #: ids of functions and classes that may be called
    callables: frozenset[int]
    #: classes of which empty objects may be made
    classes: frozenset[type]
    #: classes of objects whose state may be set by ``__setstate__``
    with_state: frozenset[type]


# the one in C cannot be told what its opcodes do
_PythonUnpickler: Any = pickle._Unpickler


class Unpickler(_PythonUnpickler):
    """Unpickler that refuses every name and opcode it does not know.

    Raises:
        ForbiddenNameError: While it reads: the pickle names something else.
    """

    dispatch: ClassVar[dict[int, Callable]] = {
        getattr(pickle, name)[0]: _PythonUnpickler.dispatch[
            getattr(pickle, name)[0]
        ]
        for name in _PLAIN_OPCODES
    }

    def load(self) -> Any:
        """Return the object of the pickle."""
        try:
            return super().load()
        except KeyError as error:
            if isinstance(error.args[0], int):  # as is dispatch's key
                raise ForbiddenNameError(f'opcode {error.args[0]}') from None
            raise

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name stands for, without an import."""
        if (module, name) in NAME_MAPPING:  # Python 2's names
            module, name = NAME_MAPPING[module, name]
        module = IMPORT_MAPPING.get(module, module)
        try:
            return _allowed().names[f'{module}.{name}']
        except KeyError:
            raise ForbiddenNameError(f'{module}.{name}') from None

    def _load_reduce(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        if id(function) not in _allowed().callables:
            raise ForbiddenNameError(f'a call of {_name_of(function)}')
        if function in _HASHING:
            check_depth(arguments)
        self.stack[-1] = function(*arguments)

    dispatch[pickle.REDUCE[0]] = _load_reduce

    def _load_newobj(self) -> None:
        arguments = self.stack.pop()
        made = self.stack.pop()
        if made is torch.nn.Parameter:
            self.append(torch.nn.Parameter(*arguments))
        elif isinstance(made, type) and made in _allowed().classes:
            self.append(made.__new__(made, *arguments))
        else:
            raise ForbiddenNameError(f'an object of {_name_of(made)}')

    dispatch[pickle.NEWOBJ[0]] = _load_newobj

    def _load_build(self) -> None:
        state = self.stack.pop()
        made = self.stack[-1]
        if isinstance(made, np.dtype):
            self._replace_dtype(made, state)
        elif type(made) in _allowed().with_state:
            if isinstance(state, dict):
                # a log buffer would write them to its class, for all buffers
                state.pop('statistics_methods', None)
            made.__setstate__(state)
        elif type(made) is OrderedDict and isinstance(state, dict):
            made.__dict__.update(state)
        else:
            raise ForbiddenNameError(f'the state of {_name_of(type(made))}')

    dispatch[pickle.BUILD[0]] = _load_build

    def _replace_dtype(self, made: np.dtype, state: Any) -> None:
        """Apply the byte order that a pickled data type has as its state.

        NumPy would write the state into the object, which all of the process
        may share.
        """
        order = state[1] if isinstance(state, tuple) and state[1:] else None
        if order not in ('<', '>', '|', '='):
            raise ForbiddenNameError('the state of a numpy.dtype')
        ordered = made if order == '|' else made.newbyteorder(order)
        if ordered != made:
            self.stack[-1] = ordered
            for key, value in self.memo.items():
                if value is made:
                    self.memo[key] = ordered

    def _load_append(self) -> None:
        value = self.stack.pop()
        self._check(list).append(value)

    dispatch[pickle.APPEND[0]] = _load_append

    def _load_appends(self) -> None:
        values = self.pop_mark()
        self._check(list).extend(values)

    dispatch[pickle.APPENDS[0]] = _load_appends

    def _load_additems(self) -> None:
        values = self.pop_mark()
        check_depth(values)
        self._check(set).update(values)

    dispatch[pickle.ADDITEMS[0]] = _load_additems

    def _load_frozenset(self) -> None:
        values = self.pop_mark()
        check_depth(values)
        self.append(frozenset(values))

    dispatch[pickle.FROZENSET[0]] = _load_frozenset

    def _load_dict(self) -> None:
        items = self.pop_mark()
        check_depth(items[::2])
        self.append(dict(zip(items[::2], items[1::2], strict=True)))

    dispatch[pickle.DICT[0]] = _load_dict

    def _load_setitem(self) -> None:
        value = self.stack.pop()
        key = self.stack.pop()
        check_depth(key)
        self._check(dict, OrderedDict, Counter)[key] = value

    dispatch[pickle.SETITEM[0]] = _load_setitem

    def _load_setitems(self) -> None:
        items = self.pop_mark()
        target = self._check(dict, OrderedDict, Counter)
        check_depth(items[::2])
        for i in range(0, len(items), 2):
            target[items[i]] = items[i + 1]

    dispatch[pickle.SETITEMS[0]] = _load_setitems

    def _check(self, *types: type) -> Any:
        """Return the last object, which must be of one of the types."""
        if type(self.stack[-1]) not in types:
            raise ForbiddenNameError(
                f'an item of {_name_of(type(self.stack[-1]))}'
            )
        return self.stack[-1]


def check_depth(value: Any) -> None:
    """Check that a value is not nested too deep, itself without recursion.

    Python's hash of a tuple ends the process when it is.

    Args:
        value (Any): Anything; lists, tuples, sets and dicts are entered.

    Raises:
        UnpicklingError: It is deeper than any checkpoint.
    """
    seen: set[int] = set()
    level = [value]
    for _ in range(_MAX_DEPTH):
        deeper: list[Any] = []
        for node in level:
            if not isinstance(node, _CONTAINERS) or id(node) in seen:
                continue
            seen.add(id(node))
            deeper += node
            if isinstance(node, dict):
                deeper += node.values()
        if not deeper:
            return
        level = deeper
    raise pickle.UnpicklingError(f'it is nested deeper than {_MAX_DEPTH}')


def load(file: Any, **options: Any) -> Any:
    """Return the object of a pickle in an opened file.

    Raises:
        UnpicklingError: It is damaged, or names what is not allowed.
    """
    return Unpickler(file, **options).load()


def loads(content: bytes) -> Any:
    """Return the object of a pickle; see :func:`load`."""
    return load(io.BytesIO(content))


def _name_of(value: object) -> str:
    name = getattr(value, '__qualname__', type(value).__qualname__)
    return f'{getattr(value, "__module__", "builtins")}.{name}'


@cache
def _allowed() -> _Allowed:
    """Return what is allowed, the same for all unpicklers."""
    named: dict[str, Any] = {
        'torch.nn.parameter.Parameter': torch.nn.Parameter,
        'torch.storage.UntypedStorage': torch.storage.UntypedStorage,
        'torch.storage.TypedStorage': torch.storage.TypedStorage,
    }
    named |= {
        f'torch.{name}': value
        for name, value in vars(torch).items()
        if isinstance(value, torch.dtype)
    }
    called: dict[str, Callable] = {
        'collections.OrderedDict': OrderedDict,
        'collections.Counter': Counter,
        'builtins.bytearray': _bytearray,
        'builtins.set': set,
        'builtins.frozenset': frozenset,
        'builtins.complex': complex,
        'builtins.slice': slice,
        'torch.Size': torch.Size,
        'torch.device': torch.device,
        'torch.serialization._get_layout': torch.serialization._get_layout,
        'torch._tensor._rebuild_from_type_v2': _rebuild_tensor_with_state,
        '_codecs.encode': _latin_1,
        'numpy.dtype': _dtype,
    }
    for name in _REBUILD_FUNCTIONS:
        if hasattr(torch._utils, name):
            called[f'torch._utils.{name}'] = getattr(torch._utils, name)
    # numpy 2 renamed the module; files of either numpy are read
    for core in ('numpy.core', 'numpy._core'):
        called[f'{core}.multiarray._reconstruct'] = _empty_array
        called[f'{core}.multiarray.scalar'] = _multiarray().scalar
    named['numpy.ndarray'] = np.ndarray
    classes: set[type] = set()
    with_state: set[type] = {np.ndarray, torch.nn.Parameter}
    buffer = _log_buffer()
    if buffer is not None:
        named[f'{buffer.__module__}.{buffer.__qualname__}'] = buffer
        classes.add(buffer)
        with_state.add(buffer)
        called['builtins.getattr'] = _buffer_method
    return _Allowed(
        names=named | called,
        callables=frozenset(map(id, called.values())),
        classes=frozenset(classes),
        with_state=frozenset(with_state),
    )


def _log_buffer() -> type | None:
    """Return MMEngine's class of log buffers, if MMEngine is installed."""
    try:
        from mmengine.logging.history_buffer import HistoryBuffer
    except ImportError:
        return None
    return HistoryBuffer


def _buffer_method(owner: object, name: str) -> Callable:
    """Return a method of MMEngine's log buffers, which are pickled so.

    The real getattr would reach every attribute of every allowed type.
    """
    if owner is not _log_buffer() or name not in _BUFFER_METHODS:
        raise ForbiddenNameError(f'builtins.getattr of {name!r}')
    return getattr(owner, name)


def _rebuild_tensor_with_state(
    function: Callable, kind: type, arguments: tuple, state: Any
) -> Any:
    """Rebuild a tensor that has attributes, of PyTorch's own classes."""
    rebuild = [getattr(torch._utils, n, None) for n in _REBUILD_FUNCTIONS]
    if function not in rebuild or kind is not torch.nn.Parameter:
        raise ForbiddenNameError(f'a tensor of {_name_of(kind)}')
    return torch._tensor._rebuild_from_type_v2(
        function, kind, arguments, state
    )


def _multiarray() -> Any:
    core = getattr(np, '_core', None) or np.core
    return core.multiarray


def _dtype(code: str, *_: object) -> np.dtype:
    """Return a data type of plain numbers or text, neither a record's."""
    if not isinstance(code, str) or code.lstrip('<>|=')[:1] not in (
        *_NUMPY_CODES,
        *('u', 'c', 'S', 'a'),
    ):
        raise ForbiddenNameError(f'a numpy.dtype of {code!r:.40}')
    dtype = np.dtype(code)
    if dtype.hasobject or dtype.fields or dtype.subdtype:
        raise ForbiddenNameError(f'a numpy.dtype of {code!r:.40}')
    return dtype


def _empty_array(kind: type, shape: tuple, code: object) -> np.ndarray:
    """Return the array that the state is then set of, as NumPy pickles it."""
    if kind is not np.ndarray or shape != (0,):
        raise ForbiddenNameError(f'an array of {shape!r:.40}')
    return np.empty(0, np.uint8)


def _bytearray(content: bytes | str = b'', *encoding: str) -> bytearray:
    """Return what is in the file; a number would take so much memory."""
    if isinstance(content, str):
        return bytearray(content, *encoding)
    return bytearray(bytes(content) if isinstance(content, bytes) else b'')


def _latin_1(text: str, encoding: str) -> bytes:
    """Return bytes as old pickles hold them; no other codec is looked up."""
    if encoding != 'latin1':
        raise ForbiddenNameError(f'_codecs.encode to {encoding!r}')
    return text.encode('latin1')
