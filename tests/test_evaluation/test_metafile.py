# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Metafiles are read with checks, and updated without losing anything."""

import copy
import json
import os

import pytest
import yaml

from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.evaluation.metafile import (
    build_results,
    read_metafile,
    read_metafiles,
    read_metrics,
    update_entry,
)

CONTENT = {
    'Collections': [
        {
            'Name': 'Match R-CNN',
            'Paper': {'URL': 'https://a.b', 'Title': 'T'},
            'README': 'README.md',
            'Code': 'x.py',
        }
    ],
    'Models': [
        {
            'Name': name,
            'In Collection': 'Match R-CNN',
            'Config': f'configs/{name}.py',
            'Metadata': {'Tasks': ['Object Detection'], 'Dataset': 'D'},
            'Results': [
                {
                    'Task': 'Object Detection',
                    'Dataset': 'D',
                    'Metrics': {'AP': 0.5},
                }
            ],
        }
        for name in ('first', 'second')
    ],
}


@pytest.fixture
def write(tmp_path):
    """A function that writes a metafile, as text or as a structure."""

    def write(content):
        path = tmp_path / 'metafile.yml'
        if not isinstance(content, bytes):
            content = yaml.safe_dump(content, sort_keys=False).encode()
        path.write_bytes(content)
        return path

    return write


def changed(value, *keys):
    """The content with another value at some place, or without it."""
    content = copy.deepcopy(CONTENT)
    item = content
    for key in keys[:-1]:
        item = item[key]
    if value is None:
        del item[keys[-1]]
    else:
        item[keys[-1]] = value
    return content


def test_all_metafiles_of_the_package_can_be_read():
    contents = read_metafiles(hub.root())
    entries = [entry for content in contents for entry in content['Models']]
    assert entries == hub.metafile_entries()
    assert len(contents) == 4


def test_reads_what_is_there(write):
    assert read_metafile(write(CONTENT)) == CONTENT
    for key in ('Results', 'Weights', 'Paper Results'):
        content = changed(None, 'Models', 0, 'Results')
        content['Models'][0][key] = None  # an empty key of YAML
        assert read_metafile(write(content)) == content


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (changed(None, 'Models'), r'metafile\.yml: lacks Models'),
        (changed({}, 'Collections'), 'has Collections {}, expected a list'),
        ([CONTENT], 'is .*, expected an object'),
        (changed(None, 'Models', 1, 'Name'), 'entry 1 of Models lacks Name'),
        (changed(7, 'Models', 1, 'Name'), 'has Name 7, expected a name'),
        (
            changed('x', 'Models', 1, 'Metadata'),
            "has Metadata that is 'x', expected an object",
        ),
        (
            changed(None, 'Models', 1, 'Metadata', 'Tasks'),
            'entry 1 of Models has Metadata that lacks Tasks',
        ),
        (
            changed([1], 'Models', 1, 'Metadata', 'Tasks'),
            r'has Metadata\.Tasks\[0\] 1, expected a name',
        ),
        (changed(1.5, 'Models', 0, 'Weights'), 'has Weights 1.5, expected a'),
        (changed('x', 'Models', 0, 'Results'), "has Results 'x', expected a"),
        (
            changed([3], 'Models', 0, 'Results'),
            r'has Results\[0\] that is 3, expected an object',
        ),
        (
            changed('high', 'Models', 0, 'Results', 0, 'Metrics', 'AP'),
            r"has Results\[0\]\.Metrics\.AP 'high', expected a finite number",
        ),
        (
            changed([1], 'Models', 0, 'Results', 0, 'Metrics'),
            r'has Results\[0\]\.Metrics \[1\], expected names with numbers',
        ),
        (
            changed({1: 1}, 'Models', 0, 'Results', 0, 'Metrics'),
            r'Metrics with the name 1, expected a name',
        ),
        (changed('x', 'Models', 0), "entry 0 of Models is 'x', expected an o"),
        (
            changed(None, 'Collections', 0, 'Paper', 'URL'),
            'entry 0 of Collections has Paper that lacks URL',
        ),
        (b'Models: [', 'is not valid YAML'),
        (b'Models: \xff', "is not valid YAML .*codec can't decode"),
        (b'a: !!timestamp x', 'is not valid YAML'),
        (b'a: !!bool x', 'is not valid YAML'),
        (b'a: !!int ""', 'is not valid YAML'),
        (b'a: 2026-99-99', 'is not valid YAML .*month must be'),
        (b'[' * 200_000, 'line 1: more than 50 mappings and lists inside ea'),
        (b'- ' * 200_000, 'line 1: more than 50 mappings and lists inside e'),
        (b'&a [*a]', r'is \[\[.*, expected an object'),
        (b'', 'is None, expected an object'),
    ],
)
def test_what_is_not_a_metafile_is_named_in_one_line(write, content, message):
    path = write(content)
    with pytest.raises(UserError, match=message) as error:
        read_metafile(path)
    assert str(error.value).startswith(f'{path}: ')
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('index', 'message'),
    [
        ('Import: x', "has Import 'x', expected a list of paths of metafil"),
        ('Import: [1]', r'has Import\[0\] 1, expected a path'),
        ('Imports: []', 'lacks Import'),
        ('[]', r'is \[\], expected an object'),
        ('', 'is None, expected an object'),
    ],
)
def test_index_without_a_list_of_paths(tmp_path, index, message):
    with pytest.raises(UserError, match='cannot read the metafile'):
        read_metafiles(tmp_path)
    (tmp_path / 'model-index.yml').write_text(index)
    with pytest.raises(UserError, match=rf'index\.yml: {message}'):
        read_metafiles(tmp_path)
    (tmp_path / 'model-index.yml').write_text('Import: [a/metafile.yml]')
    with pytest.raises(UserError, match=r'a/metafile\.yml: cannot read'):
        read_metafiles(tmp_path)


def test_results_keep_overall_numbers_of_each_task():
    metrics = {
        'bbox/AP': 0.123456,
        'bbox/AP_small': -1.0,
        'bbox/AP/vest': 0.5,
        'keypoints_vis/AP50': 0.2,
        'loss': 3.0,
    }
    assert build_results(metrics, 'D') == [
        {
            'Task': 'Object Detection',
            'Dataset': 'D',
            'Metrics': {'AP': 0.1235},
        },
        {
            'Task': 'Landmark Estimation (visible only)',
            'Dataset': 'D',
            'Metrics': {'AP50': 0.2},
        },
    ]
    with pytest.raises(UserError, match=r"such as 'bbox/AP', got \['loss'\]"):
        build_results({'loss': 3.0}, 'D')


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        ('0.5', "metric bbox/AP is '0.5', expected a number"),
        (None, 'metric bbox/AP is None, expected a number'),
        (True, 'metric bbox/AP is True, expected a number'),
        (float('nan'), 'metric bbox/AP is nan, expected 0 to 1'),
        (63.9, 'metric bbox/AP is 63.9, expected 0 to 1, or -1'),
        (-0.5, 'metric bbox/AP is -0.5, expected 0 to 1, or -1'),
    ],
)
def test_results_are_in_0_1(value, message):
    with pytest.raises(UserError, match=message):
        build_results({'bbox/AP': value, 'bbox/AP50': 0.5}, 'D')


def test_rounding_may_exceed_1():
    (result,) = build_results({'allshots/CMC-1': 1.0000000000000002}, 'D')
    assert result['Metrics'] == {'allshots/CMC-1': 1}


def test_metrics_are_an_object(tmp_path):
    path = tmp_path / 'metrics.json'
    for content in ([1], 0.5, None):
        path.write_text(json.dumps(content))
        with pytest.raises(UserError, match=r'expected {metric: number}, got'):
            read_metrics(path)
    path.write_text('{"bbox/AP": 0.5}')
    assert read_metrics(path) == {'bbox/AP': 0.5}


def test_update_changes_one_entry_only(write):
    path = write(CONTENT)
    path.write_text(f'# Copyright\n# more\n{path.read_text()}')
    update_entry(path, 'second', {'bbox/AP': 0.25, 'loss': 3}, 'https://a/b')
    assert path.read_text().startswith('# Copyright\n# more\nCollections:\n')
    content = read_metafile(path)
    entry = content['Models'][1]
    assert entry.pop('Weights') == 'https://a/b'
    assert entry['Results'][0]['Metrics'] == {'AP': 0.25}
    entry['Results'][0]['Metrics'] = {'AP': 0.5}
    assert content == CONTENT
    with pytest.raises(UserError, match='no model third; add an entry first'):
        update_entry(path, 'third', {'bbox/AP': 0.25})


@pytest.mark.fault(4)
def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / 'metafile.yml')
    with pytest.raises(UserError, match='a device, pipe or socket'):
        read_metafile(tmp_path / 'metafile.yml')
