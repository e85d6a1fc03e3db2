# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Output: results on stdout, everything else on stderr."""

import json
import logging

import numpy as np
import pytest
from mmengine.logging import MMLogger, print_log

from mmfashion_ext.cli import output
from mmfashion_ext.errors import UserError


class Stream:
    """Predictions, as an inferencer's ``stream=True`` yields them."""

    def __init__(self, predictions, skipped=()):
        self.predictions, self.skipped = predictions, [*skipped]

    def __iter__(self):
        return iter(self.predictions)


class Inferencer:
    def to_json(self, prediction):
        return {**prediction, 'seen': True}


PREDICTION = {
    'input': 'a.jpg',
    'bboxes': np.array([[1.4, 2, 30, 40]]),
    'scores': np.array([0.987]),
    'categories': ['vest'],
    'keypoints': [np.zeros((15, 2))],
}


def show(stream, capsys, **options):
    arguments = {'as_json': False, 'out': None} | options
    with output.results_only() as stdout:
        output.show_predictions(
            Inferencer(),
            stream,
            output.describe_garments,
            stdout=stdout,
            **arguments,
        )
    return capsys.readouterr()


def test_what_hosts_say_stays_off_stdout(capsys):
    before = MMLogger.get_instance('mmengine').handlers
    with output.results_only() as stdout:
        print('a line of a host')
        print('Loads checkpoint by local backend from path: x')
        print_log('dumped', logger='current')
        print_log('odd,\nvery', logger='current', level=logging.WARNING)
        print('result', file=stdout)
    printed = capsys.readouterr()
    assert printed.out == 'result\n'
    assert printed.err == 'a line of a host\nwarning: odd, very\n'
    assert MMLogger.get_instance('mmengine').handlers == before


def test_garments_in_lines():
    assert output.describe_garments(PREDICTION) == [
        'a.jpg: 1 garment',
        '  vest                  0.99  box 1 2 30 40  15 landmarks',
    ]
    empty = {'bboxes': [], 'scores': [], 'categories': None, 'frame_id': 3}
    assert output.describe_garments({'input': 'a.mp4', **empty}) == [
        'a.mp4 frame 3: no garments'
    ]
    two = {'bboxes': np.zeros((2, 4)), 'scores': [1, 1], 'categories': None}
    assert output.describe_garments({'input': 'b', **two})[:2] == [
        'b: 2 garments',
        '  garment               1.00  box 0 0 0 0',
    ]


def test_json_is_one_document(capsys):
    skipped = [{'input': 'b', 'reason': 'bad'}]
    printed = show(Stream([PREDICTION], skipped), capsys, as_json=True)
    found = json.loads(printed.out)
    assert found['skipped'] == skipped
    assert found['predictions'][0]['bboxes'] == [[1.4, 2, 30, 40]]
    assert found['predictions'][0]['seen']


def test_where_the_files_are_is_said(capsys, tmp_path):
    printed = show(Stream([PREDICTION]), capsys, out=str(tmp_path))
    assert printed.out.endswith(f'wrote {tmp_path}/results.json\n')
    (tmp_path / 'visualizations').mkdir()
    printed = show(Stream([PREDICTION]), capsys, out=str(tmp_path))
    assert printed.out.endswith(f'wrote {tmp_path}/visualizations/\n')


def test_nothing_that_can_be_used_is_an_error(capsys):
    skipped = [{'input': x, 'reason': 'bad'} for x in 'ab']
    with pytest.raises(UserError, match=r'none of the 2 inputs .* a: bad'):
        show(Stream([], skipped), capsys)
    with pytest.raises(UserError, match='no images in what was passed'):
        show(Stream([]), capsys)


def test_inputs_are_looked_for_before_anything_is_loaded(tmp_path):
    there = str(tmp_path)
    output.check_files([there, 'gone'])
    output.check_files(['https://example.org/a.jpg'])
    with pytest.raises(UserError, match=r'gone: no such .*; expected a cat'):
        output.check_files(['gone'], 'a cat')


def test_a_model_of_another_system_is_refused():
    scan = 'scan_r10-small_1xb32-12e_synthetic-64x32'
    assert output.check_system(scan, 'scan').__name__ == 'SCANInferencer'
    with pytest.raises(UserError, match='run it with: mmfashion reid'):
        output.check_system(scan, 'tryon')
