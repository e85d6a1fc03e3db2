# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The page of the model zoo says what the metafiles hold."""

import re

import pytest
import yaml

from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.evaluation.model_zoo import HEADER, generate_model_zoo
from mmfashion_ext.evaluation.tasks import TASKS


def result(task, **metrics):
    return {'Task': task, 'Dataset': 'D', 'Metrics': metrics}


COLLECTION = {
    'Name': 'C',
    'Paper': {'URL': 'https://a.b', 'Title': 'T'},
    'README': 'README.md',
    'Code': 'x.py',
}
MODEL = {
    'Name': 'm',
    'In Collection': 'C',
    'Config': 'configs/m.py',
    'Metadata': {'Tasks': ['A', 'B'], 'Dataset': 'D'},
}


@pytest.fixture
def page(tmp_path):
    """A function: the page of some models."""

    def page(*entries):
        models = [MODEL | entry for entry in entries]
        content = {'Collections': [COLLECTION], 'Models': models}
        (tmp_path / 'metafile.yml').write_text(yaml.safe_dump(content))
        (tmp_path / 'model-index.yml').write_text('Import: [metafile.yml]')
        text = generate_model_zoo(tmp_path)
        assert text.startswith(HEADER)
        assert '\n## C\n\nPaper: [T](https://a.b). ' in text
        return text

    return page


@pytest.fixture
def table(page):
    """A function: the rows of a model's table as lists of cells."""

    def table(**entry):
        text = page(entry)
        rows = [line for line in text.splitlines() if line.startswith('|')]
        return [
            [cell.strip() for cell in row.strip('|').split('|')]
            for row in rows[2:]
        ]

    return table


def test_model_without_numbers_is_folded_away(page, table):
    name = '[m](configs/m.py)'
    expected = [name, 'A, B', 'D', '']
    assert table() == [expected]
    assert table(Results=None, Weights=None) == [expected]
    text = page({}, {'Name': 'n'})
    before, after = text.split('<details>')
    assert name not in before
    assert "<summary>2 configs not measured here, with the papers'" in after
    assert after.rstrip().endswith('</details>')
    # a blank line before a table, or it is shown as text
    assert '\n\n| Model |' in after


def test_measured_numbers_and_those_of_the_paper(table):
    rows = table(
        **{
            'Results': [result('Object Detection', AP=0.5, AR=0.6)],
            'Paper Results': [
                result('Object Detection', AP50=0.25),
                result('Instance Segmentation', AR=1),
                result('Not in the table', any=0.125),
            ],
        }
    )
    assert [row[1:] for row in rows] == [
        ['Object Detection', 'D', 'AP 0.500', 'AP50 0.250'],
        # none of the headline metrics: all of them
        ['Instance Segmentation', 'D', 'not measured', 'AR 1.000'],
        ['Not in the table', 'D', 'not measured', 'any 0.125'],
    ]
    assert [row[0] for row in rows] == ['[m](configs/m.py)', '', '']


def test_models_with_weights_come_first_in_one_row_each(page):
    speed = {
        'Value': 7.5,
        'Unit': 'images a second',
        'Device': 'CPU, 2 cores',
        'Threads': 2,
        'Input': 'one image of 640 x 480 px',
        'Software': 'PyTorch 2',
    }
    metadata = MODEL['Metadata'] | {
        'Parameters (M)': 6.25,
        'FLOPs (G)': 3.5,
        'File Size (MB)': 12.5,
        'Inference Speed': speed,
    }
    results = [
        result('Object Detection', AP=0.5),
        result('Instance Segmentation', AP50=0.25),
    ]
    published = {
        'Name': 'p',
        'Weights': 'weights/p.safetensors',
        'Metadata': metadata,
        'Results': results,
        'Aliases': ['c:balanced'],
    }
    text = page({}, published, published | {'Name': 'q', 'Aliases': None})
    top, rest = text.split('\n## C\n')
    assert '[p]' not in rest
    first, second = [row for row in top.splitlines() if row.startswith('| [')]
    assert first.split(' | ') == [
        '| [p](configs/m.py)<br>`c:balanced`',
        'Object Detection, D: AP 0.500<br>Instance Segmentation, D: AP50 '
        '0.250',
        '6.25',
        '3.5',
        '7.5 images a second (1)',
        '12.5',
        '[download](weights/p.safetensors) |',
    ]
    assert second.startswith('| [q](configs/m.py) | ')
    # conditions that two models share are named once
    conditions = (
        'CPU, 2 cores, 2 threads, PyTorch 2, batch size 1: one image of 640 x '
        '480 px'
    )
    assert top.count(f'1. {conditions}') == 1
    assert 'benchmarks/model_speed.py' in top


def test_headline_of_each_task(table):
    for task in TASKS:
        metrics = dict.fromkeys(task.names, 0.5)
        ((_, _, _, measured, _),) = table(
            Results=[result(task.title, **metrics)]
        )
        shown = [part.rsplit(' ', 1)[0] for part in measured.split(', ')]
        assert sorted(shown) == sorted(task.headline)


def test_broken_metafile_is_named(table, tmp_path):
    with pytest.raises(UserError, match=r'metafile\.yml: entry 0 of Models'):
        table(Config=None)


def test_page_of_the_package_names_every_model():
    text = generate_model_zoo(hub.root())
    for entry in hub.metafile_entries():
        assert f'[{entry["Name"]}]({entry["Config"]})' in text


def test_links_of_the_page_lead_to_files():
    text = generate_model_zoo(hub.root())
    links = re.findall(r'\]\((?!https:)([^)]+)\)', text)
    assert len(links) > 50
    assert [link for link in links if not (hub.root() / link).is_file()] == []
