# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""``mmfashion models``, ``info`` and ``download``."""

import json

import pytest

from mmfashion_ext import hub
from mmfashion_ext.cli import zoo

NAME = 'scan_r50_1xb32-30e_ilids-vid-256x128'


def entry(name, weights=None, results=()):
    return {
        'Name': name,
        'Config': f'configs/scan/{name}.py',
        'Weights': weights,
        'Metadata': {
            'Tasks': ['Video Person Re-identification'],
            'Dataset': 'x',
            'File Size (MB)': 3.21 if weights else None,
        },
        'Results': [*results],
    }


@pytest.fixture
def two_models(monkeypatch):
    """A zoo of two models, the second one published."""
    result = {'Task': 't', 'Dataset': 'd', 'Metrics': {'mAP': 0.8125}}
    entries = [entry('a_bare'), entry('b_known', 'weights/b', [result])]
    monkeypatch.setattr(hub, 'metafile_entries', lambda: entries)
    names = [one['Name'] for one in entries]
    monkeypatch.setattr(hub, 'list_models', lambda *_: names)


def test_models_with_weights_come_first(two_models, mmfashion):
    done = mmfashion('models')
    header, _, task, first, second = done.stdout.splitlines()
    assert header.split() == ['weights', 'MB', 'metric', 'name']
    assert task == 'Video Person Re-identification'
    assert first.split() == ['yes', '3.2', 'mAP', '0.812', 'b_known']
    assert second.split() == ['no', '-', '-', 'a_bare']
    done = mmfashion('models', '--published', '--json')
    (row,) = json.loads(done.stdout)
    assert row == {
        'name': 'b_known',
        'system': 'scan',
        'tasks': ['Video Person Re-identification'],
        'dataset': 'x',
        'metric': ['mAP', 0.8125],
        'size': 3.21,
        'weights': True,
    }


def test_all_models_are_listed(mmfashion):
    listed = {
        line.split()[-1]
        for line in mmfashion('models').stdout.splitlines()[1:]
        if line.startswith(('yes', 'no'))
    }
    assert listed == {*hub.list_models()}
    some = mmfashion('models', 'scan', '--task', 're-id').stdout
    assert NAME in some
    assert 'match-rcnn' not in some


def test_info(mmfashion):
    text = mmfashion('info', NAME).stdout
    assert NAME in text
    assert 'iLIDS-VID' in text
    assert '{' not in text
    assert isinstance(
        json.loads(mmfashion('info', NAME, '--json').stdout), dict
    )


def test_nested_content_in_lines():
    content = {'a_b': 1, 'c': None, 'd': [1, 2], 'e': [{'f': 3}], 'g': {}}
    assert list(zoo.describe_content(content)) == [
        *('a b: 1', 'c: -', 'd: 1, 2', 'e:', '  f: 3', 'g: -')
    ]


def test_download_prints_the_file(mmfashion, monkeypatch, tmp_path, error):
    file = tmp_path / 'cache' / 'x.pth'
    file.parent.mkdir()
    file.write_bytes(b'weights')
    monkeypatch.setattr(hub, 'published_weights', lambda name: str(file))
    assert mmfashion('download', NAME).stdout == f'{file}\n'
    done = mmfashion('download', NAME, '--out', 'here')
    assert done.stdout == 'here/x.pth\n'
    assert (tmp_path / 'here' / 'x.pth').read_bytes() == b'weights'
    (tmp_path / 'file').write_text('x')
    assert 'a file; expected a folder' in error(
        'download', NAME, '--out', 'file'
    )


def test_download_without_published_weights(error):
    assert 'no weights are published' in error('download', NAME)
