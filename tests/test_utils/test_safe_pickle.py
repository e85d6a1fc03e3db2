# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Unpickler of checkpoints: plain values, tensors, logs, and no more."""

import collections
import functools
import operator
import pickle
import threading
from collections import OrderedDict

import numpy as np
import pytest
import torch

from mmfashion_ext.utils import safe_pickle
from mmfashion_ext.utils.checkpoint import load_checkpoint_file
from mmfashion_ext.utils.safe_pickle import ForbiddenNameError, loads


class Reduced:
    """Pickles as the call that it was built with."""

    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize('protocol', range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_of_every_protocol(protocol):
    value = {
        'a': [1, 2.5, True, None, 'x', b'y', 10**40, (1, 2, 3, 4)],
        'b': ({1, 2}, frozenset({3}), 2j, slice(1, 2)),
        'c': OrderedDict(z=1),
        'd': collections.Counter('aab'),
        'e': torch.Size([2, 3]),
        'f': torch.device('cpu'),
        'g': torch.float16,
        'h': np.float32(0.5),
    }
    assert loads(pickle.dumps(value, protocol)) == value
    array = np.arange(6, dtype=np.int16).reshape(2, 3)
    if protocol < 5:  # 5 stores a buffer
        read = loads(pickle.dumps(array, protocol))
        np.testing.assert_array_equal(read, array)


@pytest.mark.fault(26)
@pytest.mark.parametrize(
    'value',
    [
        Reduced(print, ('ran',)),
        Reduced(getattr, (np.ndarray, 'tofile')),
        Reduced(getattr, ('text', 'format')),
        Reduced(operator.attrgetter('x'), (1,)),
        Reduced(functools.partial, (print,)),
        # the state of classes belongs to the process
        Reduced(set, (), {'a': 1}),
        Reduced(torch.storage.UntypedStorage, (8,)),
        # attributes of functions and of classes
        Reduced(collections.Counter, (), None, iter([1])),
        collections.deque([1]),
        np.array([object], object),
        Reduced,
    ],
    ids=range(11),
)
def test_other_names_calls_and_states_are_refused(value):
    with pytest.raises(ForbiddenNameError):
        loads(pickle.dumps(value, 2))


@pytest.mark.fault(26)
@pytest.mark.parametrize(
    'target',
    [b'ctorch._utils\n_rebuild_tensor_v2\n', b'ccollections\nOrderedDict\n'],
)
def test_functions_and_classes_keep_their_attributes(target):
    """BUILD on a class would change it for the whole process."""
    content = b'\x80\x02' + target + b'}(X\x04\x00\x00\x00evilK\x01ub.'
    with pytest.raises(ForbiddenNameError, match='the state of'):
        loads(content)
    assert not hasattr(OrderedDict, 'evil')


@pytest.mark.parametrize(
    'content',
    [
        b'\x80\x02cos\nsystem\n.',
        b'(ios\nsystem\n.',  # INST
        b'\x80\x02\x82\x01.',  # an extension of copyreg
        b'\x80\x02ctorch\nSize\n)}\x92.',  # NEWOBJ_EX
    ],
)
def test_opcodes_that_only_other_objects_need_are_refused(content):
    with pytest.raises(pickle.UnpicklingError):
        loads(content)


@pytest.mark.fault(26)
def test_a_log_buffer_cannot_change_the_methods_of_all(monkeypatch):
    history = pytest.importorskip('mmengine.logging.history_buffer')
    buffer = history.HistoryBuffer([1.0], [1])
    assert loads(pickle.dumps(buffer, 2)).mean() == 1.0
    before = dict(buffer._statistics_methods)
    state = {'statistics_methods': {'mean': set}, '_log_history': 0}
    monkeypatch.setattr(
        history.HistoryBuffer, '__getstate__', lambda self: state
    )
    assert loads(pickle.dumps(buffer, 2))._log_history == 0
    assert buffer._statistics_methods == before


@pytest.mark.fault(26)
def test_threads_read_training_checkpoints_and_leave_nothing(tmp_path):
    """The allow list of PyTorch belongs to the process."""
    history = pytest.importorskip('mmengine.logging.history_buffer')
    path = tmp_path / 'epoch_1.pth'
    content = {
        'message_hub': {'loss': history.HistoryBuffer([1.5], [1])},
        'meta': {'seed': np.int64(3)},
        'state_dict': {'w': torch.ones(3)},
    }
    torch.save(content, path)
    before = set(torch.serialization.get_safe_globals())
    seen, errors = [], []

    def read():
        try:
            for _ in range(20):
                loaded = load_checkpoint_file(path)
                assert loaded['message_hub']['loss'].mean() == 1.5
                seen.append(set(torch.serialization.get_safe_globals()))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert all(names == before for names in seen)
    assert len(seen) == 160


@pytest.mark.fault(26)
def test_the_state_of_a_data_type_is_not_written_into_it():
    """``numpy.dtype('f8')`` is one object for the whole process."""
    content = (
        b'\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00f8\x85R'
        b'(K\x03X\x01\x00\x00\x00>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb.'
    )
    assert loads(content) == np.dtype('>f8')
    assert np.dtype('f8').isnative
    assert np.dtype('f8').flags == 0
    with pytest.raises(ForbiddenNameError, match=r'the state of a numpy'):
        loads(content.replace(b'>NNN', b'?NNN'))


@pytest.mark.parametrize('order', ['<', '>'])
@pytest.mark.parametrize('code', ['f8', 'i2', 'c8', 'U3', 'f2'])
def test_arrays_of_either_byte_order(order, code):
    arrays = [np.array([1, 2, 3]).astype(order + code) for _ in range(2)]
    for array, read in zip(
        arrays, loads(pickle.dumps(arrays, 2)), strict=True
    ):
        np.testing.assert_array_equal(read, array)
    scalar = arrays[0][1]
    assert loads(pickle.dumps(scalar, 2)) == scalar


@pytest.mark.fault(28)
def test_nesting_that_would_end_the_process():
    """Python hashes nested tuples by recursion in C, without a limit."""
    deep = b')' + b'\x85' * 300_000
    for content in (
        b'\x80\x02}' + deep + b'K\x01s.',
        b'\x80\x02}(' + deep + b'K\x01u.',
        b'\x80\x02cbuiltins\nset\n](' + deep + b'e\x85R.',
        b'\x80\x04(' + deep + b'\x91.',
        b'\x80\x04\x8f(' + deep + b'\x90.',
        b'\x80\x02(' + deep + b'K\x01d.',
    ):
        with pytest.raises(pickle.UnpicklingError, match='nested deeper'):
            loads(content)


@pytest.mark.fault(28)
def test_a_few_bytes_do_not_take_all_memory():
    for value in (
        Reduced(bytearray, (10**12,)),
        Reduced(
            np._core.multiarray._reconstruct, (np.ndarray, (10**12,), b'b')
        )
        if hasattr(np, '_core')
        else Reduced(bytearray, (10**12,)),
    ):
        with pytest.raises((ForbiddenNameError, AssertionError)):
            assert len(loads(pickle.dumps(value, 2))) > 0
    assert loads(pickle.dumps(bytearray(b'ab'), 2)) == bytearray(b'ab')


def test_a_parameter_with_attributes_is_read(tmp_path):
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.note = 'mine'
    torch.save({'w': parameter}, tmp_path / 'a.pth')
    read = load_checkpoint_file(tmp_path / 'a.pth')['w']
    assert read.note == 'mine'
    assert torch.equal(read, parameter)


def test_dtypes_of_the_list_are_all_of_torch():
    names = safe_pickle._allowed().names
    assert names['torch.bfloat16'] is torch.bfloat16
    assert 'torch.load' not in names
    assert 'torch.hub.load' not in names
