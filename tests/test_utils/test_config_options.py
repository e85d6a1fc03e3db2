# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""``--cfg-options``: typos are one line that names the nearest right key."""

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config, DictAction

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.config_options import (
    ConfigOptions,
    merge_options,
    parse_value,
)


def parse(*words):
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions)
    return parser.parse_args(['--cfg-options', *words]).cfg_options


@pytest.mark.parametrize(
    'text',
    [
        *('1', '-2', '1e-4', '0.5', 'true', 'False', 'None', 'text'),
        *('a/b.pth', '1,2,3', '[1,2]', '(1,2)', '[(1,2),(3,4)]', '[a,b]'),
        *('(1,)', '[]', "'quoted'", '"x"', 'a=b', '', '[[1],[2,[3]]]'),
        'x,true',
    ],
)
def test_values_are_those_of_mmengine(text):
    """A command that works with the hosts' tools does the same here."""
    expected = DictAction._parse_iterable(text)
    assert parse(f'key={text}') == {'key': expected}


def test_blanks_of_a_path_survive():
    assert parse('data_root=my data/train set/') == {
        'data_root': 'my data/train set/'
    }
    assert parse('files=[my a.json, my b.json]') == {
        'files': ['my a.json', 'my b.json']
    }
    assert parse('files=(a b,c d)', 'x=1') == {'files': ('a b', 'c d'), 'x': 1}
    assert parse("name='a, b'") == {'name': 'a, b'}


@given(st.lists(st.text('ab c/.', min_size=1, max_size=8), max_size=4))
def test_lists_of_texts_are_read_back(texts):
    texts = [text.strip() for text in texts if text.strip()]
    assert parse_value(f'[{", ".join(texts)}]') == texts


@pytest.mark.parametrize(
    ('word', 'message'),
    [
        ('train_cfg.max_epochs', 'expected KEY=VALUE'),
        ('=3', 'expected KEY=VALUE'),
        ('size=[1,2', r'size=\[1,2: the brackets are not balanced'),
    ],
)
def test_what_is_not_an_option(word, message):
    with pytest.raises(UserError, match=message):
        parse(word)


@pytest.fixture
def cfg():
    return Config(
        dict(
            model=dict(type='ResNet', depth=50, head=None, stages=[{'a': 1}]),
            train_cfg=dict(max_epochs=3),
        )
    )


def test_merges(cfg):
    merge_options(
        cfg,
        {
            'model.depth': 18,
            'model.new': 1,
            'model.stages.0.a': 2,
            'load_from': 'x.pth',
            'find_unused_parameters': True,
        },
    )
    assert cfg.model.depth == 18
    assert cfg.model.new == 1
    assert cfg.model.stages == [{'a': 2}]
    assert cfg.load_from == 'x.pth'


@pytest.mark.parametrize(
    ('key', 'message'),
    [
        ('model.head.type', r'model\.head is None.*set model\.head itself'),
        ('model.depth.x.y', r'model\.depth is 50 in the config'),
        ('model.stages.1.a', 'a list of 1, expected a number from 0 to 0'),
        ('model.stages.a', "expected a number from 0 to 0 after it, got 'a'"),
        ('trian_cfg.max_epochs', r"'trian_cfg'\. Did you mean train_cfg"),
    ],
)
def test_keys_without_a_place(cfg, key, message):
    with pytest.raises(UserError, match=message) as caught:
        merge_options(cfg, {key: 1})
    assert str(caught.value).startswith(f'--cfg-options {key}: ')
