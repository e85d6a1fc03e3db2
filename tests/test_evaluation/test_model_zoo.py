# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The page of the model zoo says what the metafiles hold."""

import pytest
import yaml

from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.evaluation.model_zoo import HEADER, generate_model_zoo
from mmfashion_ext.evaluation.tasks import TASKS


def result(task, **metrics):
    return {'Task': task, 'Dataset': 'D', 'Metrics': metrics}


@pytest.fixture
def table(tmp_path):
    """A function: the rows of a model's table as lists of cells."""

    def table(**entry):
        collection = {
            'Name': 'C',
            'Paper': {'URL': 'https://a.b', 'Title': 'T'},
            'README': 'README.md',
            'Code': 'x.py',
        }
        model = {
            'Name': 'm',
            'In Collection': 'C',
            'Config': 'configs/m.py',
            'Metadata': {'Tasks': ['A', 'B'], 'Dataset': 'D'},
            **entry,
        }
        content = {'Collections': [collection], 'Models': [model]}
        (tmp_path / 'metafile.yml').write_text(yaml.safe_dump(content))
        (tmp_path / 'model-index.yml').write_text('Import: [metafile.yml]')
        text = generate_model_zoo(tmp_path)
        assert text.startswith(f'{HEADER}\n## C\n\nPaper: [T](https://a.b). ')
        rows = [line for line in text.splitlines() if line.startswith('|')]
        assert rows[0].split(' | ')[3] == 'Measured'
        return [
            [cell.strip() for cell in row.strip('|').split('|')]
            for row in rows[2:]
        ]

    return table


def test_model_without_numbers(table):
    name = '[m](configs/m.py)'
    expected = [name, 'A, B', 'D', 'not measured', '', 'none published']
    assert table() == [expected]
    assert table(Results=None, Weights=None) == [expected]


def test_measured_and_published_numbers(table):
    rows = table(
        **{
            'Results': [result('Object Detection', AP=0.5, AR=0.6)],
            'Paper Results': [
                result('Object Detection', AP50=0.25),
                result('Instance Segmentation', AR=1),
                result('Not in the table', any=0.125),
            ],
            'Weights': 'https://h/w.pth',
        }
    )
    link = '[download](https://h/w.pth)'
    assert [row[1:] for row in rows] == [
        ['Object Detection', 'D', 'AP 0.500', 'AP50 0.250', link],
        # none of the headline metrics: all of them
        ['Instance Segmentation', 'D', 'not measured', 'AR 1.000', ''],
        ['Not in the table', 'D', 'not measured', 'any 0.125', ''],
    ]
    assert [row[0] for row in rows] == ['[m](configs/m.py)', '', '']


def test_headline_of_each_task(table):
    for task in TASKS:
        metrics = dict.fromkeys(task.names, 0.5)
        ((_, _, _, measured, _, _),) = table(
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
