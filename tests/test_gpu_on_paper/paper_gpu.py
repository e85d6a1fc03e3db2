# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A GPU on paper: a device whose tensors compute on the CPU.

A tensor of the device ``paper`` wraps one of the CPU, so all values are real
and code that depends on data runs. Each operator call is checked by CUDA's
rules for where its tensors may lie, which a machine without a GPU otherwise
never does: a tensor made on the CPU in the middle of a network, an index on
the wrong side, a generator of the CPU, a missing ``.cpu()`` before NumPy.

What it cannot show: kernels that exist for CUDA alone (or not at all), their
rounding, speed and memory.
"""

import functools

import pytest
import torch
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

for _host in ('mmdet', 'mmpose', 'mmpretrain'):
    pytest.importorskip(_host)
if not hasattr(backend_registration, '_DummyBackendModule'):
    pytest.skip('torch has no devices in Python', allow_module_level=True)

NAME = 'paper'
CPU = torch.device('cpu')
A = torch.ops.aten


class DeviceError(RuntimeError):
    """An operator call that CUDA would refuse."""


class _Backend(backend_registration._DummyBackendModule):
    """What PyTorch and the hosts ask of a device's module."""

    def is_available(self):
        """Whether a test is within the device: other tests have none."""
        return PaperGPU.entered > 0

    def get_amp_supported_dtype(self):
        return [torch.float16, torch.bfloat16, torch.float32]

    def synchronize(self, *_):
        """Everything has been computed already."""

    def empty_cache(self):
        """There is no cache."""


# PyTorch can rename its one spare device once in a process
backend_registration._setup_privateuseone_for_python_backend(NAME, _Backend())
GPU = torch.device(NAME, 0)


class PaperTensor(torch.Tensor):
    """A tensor of the device ``paper`` around one of the CPU.

    Attributes:
        inner (Tensor): The values; views share memory as those of a GPU do.
    """

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            device=GPU,
            dispatch_sizes_strides_policy='sizes',
        )

    def __init__(self, inner):
        self.inner = inner

    def tolist(self):
        return self.inner.tolist()

    def numpy(self, **_):
        raise TypeError(
            f"can't convert {NAME} tensor to numpy. Use Tensor.cpu() to copy "
            'the tensor to host memory first.'
        )

    def __array__(self, *_, **__):
        return self.numpy()

    def __repr__(self):
        return f'{NAME}({self.inner!r})'

    def __reduce_ex__(self, protocol):
        """Checkpoints hold tensors of a GPU; read by ``map_location``."""
        return self.inner.__reduce_ex__(protocol)

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            copied = self.detach().clone().requires_grad_(self.requires_grad)
            if isinstance(self, torch.nn.Parameter):
                copied = torch.nn.Parameter(copied, self.requires_grad)
            copied.__dict__.update(
                (key, value)
                for key, value in self.__dict__.items()
                if key != 'inner'
            )
            memo[id(self)] = copied
        return memo[id(self)]

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _call(func, args, kwargs or {})


def _is_channels_last(t, memory_format=torch.contiguous_format):
    return t.dim() == 4 and t.is_contiguous(memory_format=memory_format)


# what operators such as squeeze_ change is asked of the tensor inside
_SHAPE = {
    A.size.default: lambda t: t.size(),
    A.size.int: lambda t, i: t.size(i),
    A.stride.default: lambda t: t.stride(),
    A.dim.default: lambda t: t.dim(),
    A.numel.default: lambda t: t.numel(),
    A.storage_offset.default: lambda t: t.storage_offset(),
    A.is_contiguous.default: lambda t: t.is_contiguous(),
    A.is_contiguous.memory_format: (
        lambda t, f=torch.contiguous_format: t.is_contiguous(memory_format=f)
    ),
    A.is_strides_like_format.default: _is_channels_last,
    A.is_non_overlapping_and_dense.default: lambda t: (
        t.is_contiguous() or _is_channels_last(t, torch.channels_last)
    ),
}
for _name in ('size', 'stride', 'numel', 'storage_offset', 'is_contiguous'):
    if hasattr(A, f'sym_{_name}'):
        _SHAPE[getattr(A, f'sym_{_name}').default] = (
            _SHAPE[A.is_contiguous.memory_format]
            if _name == 'is_contiguous'
            else _SHAPE[getattr(A, _name).default]
        )

#: Operators whose tensors may lie on two devices.
_COPIES = {A._to_copy, A.copy_, A.copy, A._local_scalar_dense, A.set_}
#: x[index] and x[index] = values; a GPU tensor takes indices of the CPU.
_INDEXING = {
    A.index,
    A.index_put,
    A.index_put_,
    A._index_put_impl_,
    A._unsafe_index,
    A._unsafe_index_put,
}
#: Operators that, besides the pointwise ones, take a number of the CPU in
#: place of a tensor of the GPU.
_TAKE_A_NUMBER = {
    A.masked_fill,
    A.masked_fill_,
    A.fill_,
    A.index_fill,
    A.index_fill_,
    A.where,
    A.lift_fresh,
}


#: Slow on CPUs in half precision: computed in float32 and rounded.
_IN_FLOAT32 = {
    A.convolution,
    A.convolution_backward,
    A.mm,
    A.addmm,
    A.bmm,
    A.baddbmm,
}


@functools.cache
def _rule(func):
    """Return what a call may mix: anything, indices, a number, or nothing."""
    packet = func.overloadpacket
    if packet in _COPIES:
        return 'anything'
    if packet in _INDEXING:
        return 'indices'
    takes_a_number = (
        torch.Tag.pointwise in func.tags
        or packet in _TAKE_A_NUMBER
        or packet.__name__.startswith('_foreach')
    )
    return 'number' if takes_a_number else 'nothing'


@functools.cache
def _writes(func):
    """Whether a call returns the tensor that it writes to."""
    returns = func._schema.returns
    alias = returns[0].alias_info if returns else None
    return func._schema.is_mutable and alias is not None and alias.is_write


def _check(func, args, tensors):
    """Refuse what CUDA refuses."""
    rule = _rule(func)
    if rule == 'anything':
        return
    others = tensors
    if rule == 'indices':
        if not isinstance(args[0], PaperTensor):
            raise DeviceError(
                f'{func}: a tensor {tuple(args[0].shape)} on the CPU with '
                'indices or values on the GPU'
            )
        others = [t for t in args[2:3] if isinstance(t, torch.Tensor)]
    wrong = [
        tuple(t.shape)
        for t in others
        if not isinstance(t, PaperTensor)
        and not (rule != 'nothing' and t.dim() == 0)
    ]
    if wrong:
        here = [tuple(t.shape) for t in tensors if isinstance(t, PaperTensor)]
        raise DeviceError(
            f'{func}: tensors on the GPU {here} and on the CPU {wrong}'
        )


def on_paper(device):
    """Return whether a device is this one."""
    return device is not None and torch.device(device).type == NAME


def _collect(value, tensors):
    """Add the tensors in an argument to a list."""
    if isinstance(value, torch.Tensor):
        tensors.append(value)
    elif isinstance(value, list | tuple):
        for part in value:
            _collect(part, tensors)


def _map(function, value):
    """Apply a function to what an argument holds."""
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        return type(value)([_map(function, part) for part in value])
    return function(value)


def unwrapped(value):
    """Return the CPU's part of an argument."""
    if isinstance(value, PaperTensor):
        return value.inner
    if isinstance(value, torch.device) and value.type == NAME:
        return CPU
    return value


def _convert(old, new):
    """Return a function that casts tensors of one dtype, and arguments."""

    def cast(x):
        if isinstance(x, torch.Tensor):
            return x.to(new) if x.dtype == old else x
        return new if x is old else x

    return cast


def _run(func, args, kwargs, halves):
    """Run an operator; in float32 what the CPU lacks in half precision."""
    if not (halves and func.overloadpacket in _IN_FLOAT32):
        try:
            return func(*args, **kwargs)
        except (RuntimeError, NotImplementedError) as error:
            lacks = ("implemented for 'Half'", 'mixed dtype (CPU)')
            if not halves or not any(text in str(error) for text in lacks):
                raise
    up = _convert(torch.float16, torch.float32)
    kwargs = {key: _map(up, value) for key, value in kwargs.items()}
    out = func(*(_map(up, value) for value in args), **kwargs)
    return _map(_convert(torch.float32, torch.float16), out)


def _call(func, args, kwargs):
    """Check a call, run it on the CPU, and wrap what comes out."""
    if func in _SHAPE and args and isinstance(args[0], PaperTensor):
        return _SHAPE[func](args[0].inner, *args[1:])
    tensors = []
    _collect(args, tensors)
    _collect([*kwargs.values()], tensors)
    gpu = any(isinstance(t, PaperTensor) for t in tensors)
    if gpu:
        _check(func, args, tensors)
    if kwargs.get('device') is not None:
        gpu = on_paper(kwargs['device'])
    if gpu and kwargs.get('generator') is not None:
        raise DeviceError(
            f"{func}: expected a '{NAME}' device type for generator but "
            "found 'cpu'"
        )
    cpu_kwargs = {
        key: _map(unwrapped, value)
        for key, value in kwargs.items()
        if key != 'pin_memory'
    }
    halves = any(t.dtype == torch.float16 for t in tensors)
    cpu_args = [_map(unwrapped, value) for value in args]
    out = _run(func, cpu_args, cpu_kwargs, halves)
    if _writes(func):
        target = kwargs.get('out', args[0] if args else None)
        if isinstance(target, torch.Tensor):
            return target
    if not gpu:
        return out
    known = {id(t.inner): t for t in tensors if isinstance(t, PaperTensor)}
    return _map(lambda x: _wrapped(x, known), out)


def _wrapped(x, known):
    """Wrap a result, unless it is an argument."""
    if not isinstance(x, torch.Tensor) or isinstance(x, PaperTensor):
        return x
    return known[id(x)] if id(x) in known else PaperTensor(x)


class PaperGPU(TorchDispatchMode):
    """Within it ``device='paper'`` works, as ``'cuda'`` does on a GPU."""

    entered = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _call(func, args, kwargs or {})

    def __enter__(self):
        PaperGPU.entered += 1
        torch._C._set_only_lift_cpu_tensors(True)
        return super().__enter__()

    def __exit__(self, *error):
        PaperGPU.entered -= 1
        torch._C._set_only_lift_cpu_tensors(False)
        return super().__exit__(*error)


def _checked_op(op, name):
    """Wrap an operator of mmcv, which PyTorch does not dispatch."""

    def call(*args, **kwargs):
        flat, spec = tree_flatten((args, kwargs))
        tensors = [x for x in flat if isinstance(x, torch.Tensor)]
        here = [t for t in tensors if isinstance(t, PaperTensor)]
        if here and len(here) < len(tensors):
            raise DeviceError(
                f'mmcv.ops {name}: tensors on the GPU and on the CPU'
            )
        # CUDA's kernels know half precision, those of the CPU do not
        halves = [t.inner for t in here if t.dtype == torch.float16]
        if halves:
            full = {id(t): t.float() for t in halves}
            values = [unwrapped(x) for x in flat]
            values = [full.get(id(x), x) for x in values]
        else:
            values = [unwrapped(x) for x in flat]
        cpu_args, cpu_kwargs = tree_unflatten(values, spec)
        out = op(*cpu_args, **cpu_kwargs)
        for half in halves:
            half.copy_(full[id(half)])
        return tree_map(
            lambda x: (
                PaperTensor(x) if here and isinstance(x, torch.Tensor) else x
            ),
            out,
        )

    return call


def moved(value):
    """Move what a file holds to the device, dicts and lists in place."""
    if isinstance(value, torch.Tensor):
        return value.to(NAME)
    if isinstance(value, dict):
        for key in value:
            value[key] = moved(value[key])
    elif isinstance(value, list):
        value[:] = [moved(part) for part in value]
    elif type(value) is tuple:
        return tuple(moved(part) for part in value)
    return value


def _loading(load):
    """Let ``torch.load`` have this device as ``map_location``."""

    def call(file, map_location=None, **kwargs):
        if not isinstance(map_location, str | torch.device) or (
            not on_paper(map_location)
        ):
            return load(file, map_location=map_location, **kwargs)
        return moved(load(file, map_location='cpu', **kwargs))

    return call


def install(patch):
    """Make the hosts use the device, until ``patch`` is undone.

    Args:
        patch (pytest.MonkeyPatch): Puts everything back.
    """
    import typing

    import mmengine.device.utils
    import mmengine.structures.instance_data as instance_data

    patch.setattr(mmengine.device.utils, 'DEVICE', NAME)
    patch.setattr(torch, 'load', _loading(torch.load))
    # it lists the tensor types of each device
    patch.setattr(
        instance_data,
        'IndexType',
        typing.Union[instance_data.IndexType, PaperTensor],  # noqa: UP007
    )
    try:
        import mmcv._ext as ops
    except ImportError:
        return
    for name in dir(ops):
        op = getattr(ops, name)
        if callable(op) and not name.startswith('_'):
            patch.setattr(ops, name, _checked_op(op, name))
