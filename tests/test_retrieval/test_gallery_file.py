# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The file of a gallery index: plain data, read with checks."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from mmfashion_ext.retrieval import gallery_file
from mmfashion_ext.retrieval.gallery_file import (
    check_fingerprint,
    read_gallery_file,
)
from mmfashion_ext.retrieval.gallery_index import GalleryIndex
from mmfashion_ext.retrieval.scoring import RetrievalError

MODEL = 'match-rcnn:0123456789abcdef'


def test_content_comes_back(make_index, tmp_path):
    index = make_index(3)
    index.origin = {'config': 'a.py'}
    index.save(tmp_path / 'x')
    content = read_gallery_file(tmp_path / 'x', MODEL)
    assert content.items == index.items
    assert content.origin == index.origin
    assert content.fingerprint == MODEL
    assert content.similarity.bias == index.similarity.bias
    assert torch.equal(content.similarity.weight, index.similarity.weight)
    assert torch.equal(content.features, index.features)


def test_is_plain_data(tmp_path, make_index):
    """Another program can read it without this package."""
    index = make_index(3)
    index.save(tmp_path / 'x')
    with safe_open(str(tmp_path / 'x'), framework='np') as file:
        features = file.get_tensor('features')
        items = json.loads(file.get_tensor('items').tobytes())
        assert file.metadata()['fingerprint'] == MODEL
    assert torch.equal(torch.from_numpy(features), index.features)
    assert items == index.items


def test_interrupted_save_leaves_the_old_file(
    tmp_path, monkeypatch, make_index
):
    path = tmp_path / 'shop.index'
    make_index(3).save(path)
    whole = path.read_bytes()

    def interrupted(tensors, temporary, metadata):
        temporary.write_bytes(whole[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(gallery_file, 'save_file', interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_index(9).save(path)
    assert path.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [path]


def test_damaged_anywhere(tmp_path, make_index):
    """Cut or changed at any place: an error in one line, no crash."""
    path = tmp_path / 'x'
    make_index(3).save(path)
    whole = path.read_bytes()
    for place in (0, 4, 9, 60, len(whole) // 2, len(whole) - 1):
        changed = bytearray(whole)
        changed[place] ^= 0x5A
        for content in (whole[:place], bytes(changed)):
            path.write_bytes(content)
            with pytest.raises(RetrievalError, match=str(path)) as caught:
                GalleryIndex.load(path)
            assert '\n' not in str(caught.value)


def test_other_files(tmp_path):
    path = tmp_path / 'x'
    save_file({'a': torch.ones(2)}, path)
    with pytest.raises(RetrievalError, match='is not a gallery index'):
        GalleryIndex.load(path)
    torch.save({'state_dict': {}}, path)
    with pytest.raises(RetrievalError, match='cannot be read as a gall'):
        GalleryIndex.load(path)
    with pytest.raises(RetrievalError, match='cannot be read as a gall'):
        GalleryIndex.load(tmp_path)


def forge(path, metadata=(), **tensors):
    """Write a file with the right checksum, whatever it holds."""
    items = json.dumps([{}] * 3).encode()
    content = {
        'features': torch.ones(3, 4),
        'weight': torch.ones(4),
        'items': torch.frombuffer(bytearray(items), dtype=torch.uint8),
        **tensors,
    }
    text = {
        'format': gallery_file._FORMAT,
        'fingerprint': MODEL,
        'origin': '{}',
        'bias': '0.5',
        **dict(metadata),
    }
    numpy = all(t.dtype != torch.bfloat16 for t in content.values())
    text['crc32'] = gallery_file._checksum(content, text) if numpy else ''
    save_file(content, path, text)


def as_bytes(text):
    return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)


def test_forged_file_with_right_content_is_read(tmp_path):
    forge(tmp_path / 'x')
    assert len(GalleryIndex.load(tmp_path / 'x')) == 3


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'items': as_bytes('[' * 100_000)}, 'its JSON is nested too deep'),
        ({'items': as_bytes('[{}, {}')}, r'Expecting .,. delimiter'),
        ({'items': as_bytes('{}')}, 'its JSON is not a list'),
        ({'items': as_bytes('[{}, {}]')}, '2 items, but 3 rows of features'),
        ({'items': as_bytes('[{}, 3, {}]')}, 'item 1 is not an object'),
        ({'items': torch.ones(5)}, r'items are torch.float32 of shape \(5,\)'),
        ({'weight': torch.ones(5)}, '4 features per item, but 5 weights'),
        ({'weight': torch.ones(0)}, '4 features per item, but 0 weights'),
        ({'weight': torch.full((4,), torch.nan)}, 'are not finite'),
        ({'features': torch.ones(12)}, r'float32 of shape \(12,\)'),
        ({'features': torch.ones(3, 4).bfloat16()}, 'are torch.bfloat16 of'),
        (
            {'features': torch.full((3, 4), torch.inf)},
            'its features are not all finite',
        ),
        ({'metadata': {'bias': 'much'}}, 'could not convert string to float'),
        ({'metadata': {'bias': 'nan'}}, 'are not finite'),
        ({'metadata': {'origin': '[1]'}}, 'its JSON is not a dict'),
        ({'metadata': {'origin': '[' * 100_000}}, 'nested too deep'),
    ],
)
def test_forged_content_is_refused(tmp_path, changes, message):
    path = tmp_path / 'x'
    forge(path, **changes)
    with pytest.raises(RetrievalError, match=message) as error:
        GalleryIndex.load(path)
    assert str(error.value).startswith(f'{path}: cannot be read as a gallery')
    assert '\n' not in str(error.value)


def test_missing_metadata(tmp_path):
    path = tmp_path / 'x'
    save_file({'a': torch.ones(1)}, path, {'format': gallery_file._FORMAT})
    with pytest.raises(RetrievalError, match=r'\(.fingerprint.\)'):
        read_gallery_file(path, MODEL)


def test_fingerprints_are_compared():
    check_fingerprint('x.index', 'a', 'a')
    message = r'x\.index: was built with another .* of a, the model is b; use'
    with pytest.raises(RetrievalError, match=message):
        check_fingerprint('x.index', 'a', 'b')
