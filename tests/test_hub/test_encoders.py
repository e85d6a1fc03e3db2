# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import shutil

import pytest

from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.hub import catalog, encoders
from mmfashion_ext.hub.encoders import (
    ENCODERS,
    default_encoder,
    encoder_weights,
    published_encoders,
)


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """The list in a folder of its own, with a file of two bytes."""
    (tmp_path / 'weights').mkdir()
    shutil.copy(hub.root() / ENCODERS, tmp_path / ENCODERS)
    for module in (encoders, catalog):
        monkeypatch.setattr(module, 'root', lambda: tmp_path)
    return tmp_path


def test_weights_are_found_by_either_name():
    entry = published_encoders()[0]
    short = entry['Name'].partition(':')[2]
    expected = hub.root() / entry['Weights']
    assert encoder_weights(entry['Name']) == expected
    assert encoder_weights(short) == expected
    assert default_encoder() == entry['Name']


def test_other_encoders_have_none():
    assert encoder_weights('timm:convnext_tiny') is None
    # a name of another library is another encoder
    short = published_encoders()[0]['Name'].partition(':')[2]
    assert encoder_weights(f'mmpretrain:{short}') is None


def test_damaged_file_is_not_used(listed):
    (listed / published_encoders()[0]['Weights']).write_bytes(b'no')
    with pytest.raises(UserError, match='are damaged: SHA-256'):
        encoder_weights(default_encoder())


def test_missing_file_says_what_to_do(listed):
    with pytest.raises(UserError, match='get the file again'):
        encoder_weights(default_encoder())


@pytest.mark.parametrize(
    ('text', 'message'),
    [('Encoders: 3', 'Encoders'), ('Encoders: [{Name: a}]', 'Weights')],
)
def test_list_of_another_form(listed, text, message):
    (listed / ENCODERS).write_text(text)
    with pytest.raises(UserError, match=f'encoders.yml.*{message}'):
        published_encoders()


def test_empty_list_has_no_default(listed):
    (listed / ENCODERS).write_text('Encoders: []')
    assert default_encoder() is None
