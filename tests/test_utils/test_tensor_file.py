# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Safetensors files of weights: exact, repeatable, and never trusted."""

import json
import struct

import pytest
import torch
from safetensors.torch import save_file

from mmfashion_ext.utils.checkpoint import (
    CheckpointError,
    assert_safe,
    checkpoint_meta,
    extract_state_dict,
    load_checkpoint_file,
    load_weights,
)
from mmfashion_ext.utils.tensor_file import (
    is_tensor_file,
    read_tensor_file,
    write_tensor_file,
)


def weights():
    """A filter, a bias, a counter, a statistic, and numbers beyond half."""
    return {
        'conv.weight': torch.randn(4, 3, 3, 3),
        'conv.bias': torch.tensor([1e-7, 0.1]),
        'norm.num_batches_tracked': torch.tensor(7),
        'norm.running_var': torch.tensor([1e6, 1e-9]),
        'big.weight': torch.tensor([[70000.0, 1.0]]),
    }


@pytest.mark.parametrize('half', [False, True])
def test_what_is_written_is_read_and_gives_the_same_file(half, tmp_path):
    saved, meta = weights(), {'dataset_meta': {'classes': ['ä']}, 'epoch': 3}
    for name in 'ab':
        write_tensor_file(tmp_path / name, saved, meta, half=half)
    assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()
    content = read_tensor_file(tmp_path / 'a')
    assert content['meta'] == meta
    for name, value in content['state_dict'].items():
        is_half = half and name == 'conv.weight'
        expected = saved[name].half() if is_half else saved[name]
        assert value.dtype == expected.dtype
        assert torch.equal(value, expected), name


def test_weights_that_share_memory_are_written(tmp_path):
    tied = torch.randn(2, 3)
    write_tensor_file(tmp_path / 'x', {'a': tied, 'b': tied.t()}, {})
    content = read_tensor_file(tmp_path / 'x')['state_dict']
    assert torch.equal(content['a'], content['b'].t())


def test_half_weights_go_into_a_model_of_float32_strictly(tmp_path):
    model, path = torch.nn.Linear(3, 2), tmp_path / 'x.safetensors'
    write_tensor_file(path, model.state_dict(), {}, half=True)
    other = torch.nn.Linear(3, 2)
    load_weights(other, path, 'linear')
    assert other.weight.dtype == torch.float32
    assert torch.equal(other.weight, model.weight.half().float())
    assert torch.equal(other.bias, model.bias)
    with pytest.raises(CheckpointError, match='weights of another model'):
        load_weights(torch.nn.Linear(3, 4), path, 'linear')


def test_a_file_is_known_by_its_name_or_its_start(tmp_path):
    save_file({'w': torch.ones(2)}, tmp_path / 'x.pth')  # of other tools
    assert is_tensor_file(tmp_path / 'x.pth')
    content = load_checkpoint_file(tmp_path / 'x.pth')
    assert extract_state_dict(content, 'x')['w'].tolist() == [1, 1]
    assert content['meta'] == {}
    torch.save({'w': torch.ones(2)}, tmp_path / 'y.pth')
    assert not is_tensor_file(tmp_path / 'y.pth')


def test_tensors_are_copied_unless_they_are_mapped(tmp_path):
    path = tmp_path / 'x.safetensors'
    write_tensor_file(path, {'w': torch.ones(1000)}, {})
    content = read_tensor_file(path, 'cpu')
    path.write_bytes(bytes(path.stat().st_size))
    assert content['state_dict']['w'].sum() == 1000


def file_of(header, data=b''):
    """The bytes of a safetensors file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack('<Q', len(text)) + text + data


F32 = {'dtype': 'F32', 'shape': [2], 'data_offsets': [0, 8]}
DEEP = '[' * 100_000
HOSTILE = {
    'empty': b'',
    'short': b'\x10',
    'length beyond the file': struct.pack('<Q', 2**62) + b'{}',
    'length of 1 TB': struct.pack('<Q', 2**40) + b'{"w":',
    'not JSON': file_of(b'{"w": '),
    'offsets beyond the file': file_of({'w': F32}, b'1234'),
    'more data than tensors': file_of({'w': F32}, bytes(100)),
    'shape that is not the data': file_of(
        {'w': F32 | {'shape': [2**40, 2**40]}}, bytes(8)
    ),
    'overlapping tensors': file_of({'w': F32, 'v': F32}, bytes(8)),
    'negative offsets': file_of(
        {'w': F32 | {'data_offsets': [-8, 0]}}, bytes(8)
    ),
    'unknown type': file_of({'w': F32 | {'dtype': 'PICKLE'}}, bytes(8)),
    'deep header': file_of(DEEP.encode(), bytes(8)),
    'meta that is not JSON': file_of(
        {'__metadata__': {'mmfashion_ext': '{'}, 'w': F32}, bytes(8)
    ),
    'deep meta': file_of(
        {'__metadata__': {'mmfashion_ext': DEEP}, 'w': F32}, bytes(8)
    ),
    'meta that is a list': file_of(
        {'__metadata__': {'mmfashion_ext': '[1]'}, 'w': F32}, bytes(8)
    ),
    'no tensors': file_of({}),
    'a pickle': b'\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.',
}


def read_all(path):
    """What inference and publishing read of a file."""
    content = load_checkpoint_file(path)
    extract_state_dict(content, path)
    checkpoint_meta(content, path)


@pytest.mark.parametrize('content', HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_lies_is_one_line_of_error(content, tmp_path):
    path = tmp_path / 'x.safetensors'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r'x\.safetensors') as error:
        read_all(path)
    assert '\n' not in str(error.value)
    assert len(str(error.value)) < 500


def test_a_good_file_is_safe(tmp_path):
    path = tmp_path / 'x.safetensors'
    path.write_bytes(file_of({'w': F32}, bytes(8)))
    assert_safe(path)
