# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""``mmfashion models``, ``info`` and ``download``."""

import json
import sys

import pytest

import mmfashion_ext
from mmfashion_ext import hub
from mmfashion_ext.cli import zoo
from mmfashion_ext.hub import catalog
from mmfashion_ext.utils import download_cache

NAME = 'scan_r50_1xb32-30e_ilids-vid-256x128'


def entry(name, weights=None, results=()):
    return {
        'Name': name,
        'Config': f'configs/scan/{name}.py',
        'Weights': weights,
        'Aliases': ['scan:balanced'] if weights else None,
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
    monkeypatch.setattr(catalog, 'metafile_entries', lambda: entries)


def test_models_with_weights_come_first(two_models, mmfashion):
    done = mmfashion('models')
    header, _, task, first, second = done.stdout.splitlines()
    assert header.split() == ['weights', 'MB', 'metric', 'name']
    assert task == 'Video Person Re-identification'
    assert first.split() == [
        *('yes', '3.2', 'mAP', '0.812', 'b_known', '=', 'scan:balanced')
    ]
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
        'aliases': ['scan:balanced'],
    }


def test_all_models_are_listed(mmfashion):
    listed = {
        line.partition(' = ')[0].split()[-1]
        for line in mmfashion('models').stdout.splitlines()[1:]
        if line.startswith(('yes', 'no'))
    }
    assert listed == {*hub.list_models()}
    some = mmfashion('models', 'scan', '--task', 're-id').stdout
    assert NAME in some
    assert 'match-rcnn' not in some


def test_info(mmfashion):
    text = mmfashion('info', NAME).stdout
    assert text == f'{mmfashion_ext.describe(NAME)}\n'
    found = json.loads(mmfashion('info', NAME, '--json').stdout)
    assert found['name'] == NAME


def test_a_description_on_a_terminal():
    text = 'name      a\nmetrics   one two three four five\n          six'
    assert zoo.wrapped(text, 30) == [
        *('name      a', 'metrics   one two three four'),
        *('          five', '          six'),
    ]
    url = f'paper  {"x" * 90}'
    assert zoo.wrapped(url, 80) == [url]


def test_download_prints_the_file(mmfashion, monkeypatch, tmp_path, error):
    file = tmp_path / 'cache' / 'x.pth'
    file.parent.mkdir()
    file.write_bytes(b'weights')
    monkeypatch.setattr(hub, 'fetch_weights', lambda name: file)
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


def test_cache(mmfashion, monkeypatch, tmp_path):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'home'))
    monkeypatch.delitem(sys.modules, 'torch', raising=False)
    assert mmfashion('cache', 'list').stdout.strip() == '0.0  MB in 0 files'
    file = download_cache.cached_path('https://example.org/a.pth')
    file.parent.mkdir(parents=True)
    file.write_bytes(b'x' * 200_000)
    download_cache.partial_path(file.with_name('b.pth')).write_bytes(b'y')
    lines = mmfashion('cache', 'list').stdout.splitlines()
    assert len(lines) == 3
    assert any('(broken off)' in line for line in lines)
    (entry,) = json.loads(mmfashion('cache', 'list', 'a.pth', '--json').stdout)
    assert entry['path'] == str(file)
    assert entry['size'] == 200_000
    done = mmfashion('cache', 'clean', '--partial')
    assert done.stdout.splitlines()[-1].endswith('MB in 1 files')
    assert file.is_file()
    mmfashion('cache', 'clean', '--older-than', '1')
    assert file.is_file()
    mmfashion('cache', 'clean')
    assert not file.exists()
