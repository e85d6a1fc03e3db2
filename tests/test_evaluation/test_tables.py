# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Metrics as tables of text."""

import numpy as np
from rich.table import Table

from mmfashion_ext.evaluation.consumer_to_shop import TOPK
from mmfashion_ext.evaluation.keypoint_errors import (
    landmark_errors,
    mean_errors,
)
from mmfashion_ext.evaluation.tables import (
    format_errors,
    format_retrieval,
    format_tables,
    render_tables,
)
from mmfashion_ext.formats.deepfashion2.constants import ATTRIBUTES


def test_average_precision():
    bbox = {'AP': 0.6389, 'AP_small': -1.0, 'AP/vest': 0.5}
    bbox['scale=small/AP'] = 0.25
    text = format_tables({'bbox': bbox, 'keypoints': {'AP': 1.0}})
    rows = {line.split()[0]: line.split() for line in text.splitlines()}
    assert rows['AP'] == ['AP', '0.639', '1.000']
    assert rows['AP_small'] == ['AP_small', '-', '-']
    assert rows['vest'] == ['vest', '0.500', '-']
    assert 'bbox AP ' in text
    assert '0.250' in text
    assert 'viewpoint' not in format_tables({'bbox': {'AP': 0.5}})


def test_subsets_are_columns_in_the_order_of_the_paper():
    subsets = [f'{a}={v}' for a in ATTRIBUTES for v in ATTRIBUTES[a].values()]
    metrics = {'AP': 0.5, 'AP50': 0.75}
    for number, subset in enumerate(subsets):
        metrics[f'{subset}/AP'] = number / 100
    rows = [line.split() for line in format_tables({'x': metrics}).split('\n')]
    (row,) = [row for row in rows if row[:2] == ['x', 'AP']]
    assert row[2:] == [*(f'{n / 100:.3f}' for n in range(12)), '0.500']
    (row,) = [row for row in rows if row[:2] == ['x', 'AP50']]
    assert row[2:] == ['-'] * 12 + ['0.750']


def test_landmark_errors():
    errors = landmark_errors(
        np.array([[33.0, 34]]),
        np.array([[30.0, 30]]),
        np.array([[10, 20, 50, 100]]),
        np.array([[200, 100]]),
    )
    groups = {'left collar': np.array([True]), 'empty': np.array([False])}
    text = format_errors(mean_errors(errors, groups))
    header, _, overall, collar, empty = text.splitlines()
    assert 'PCK@0.05' in header
    assert 'EPE (px)' in header
    assert overall.split()[:2] == ['all', '0.0000']
    assert collar.strip().startswith('left collar')
    assert '5.0000' in collar
    assert set(empty.split()[1:]) == {'-'}


def test_retrieval_by_part_of_the_queries():
    metrics = {f'top-{k}': k / 100 for k in TOPK}
    metrics |= {'query_num': 3, 'miss_num': 1}
    vest = {f'{name}/vest': -1.0 for name in metrics}
    vest |= {'query_num/vest': 0, 'miss_num/vest': 0}
    small = {f'scale=small/{name}': v for name, v in metrics.items()}
    text = format_retrieval(metrics | vest | small)
    rows = [line.split() for line in text.splitlines()]
    numbers = ['0.010', '0.050', '0.100', '0.150', '0.200', '3', '1']
    assert rows[2:] == [
        ['all', *numbers],
        ['vest', *['-'] * 5, '0', '0'],
        ['scale=small', *numbers],
    ]


def test_tables_have_no_blank_lines_nor_colours():
    tables = [Table('[b]a[/b]'), Table('b')]
    for table in tables:
        table.add_row('x')
    lines = render_tables(*tables).splitlines()
    assert all(line == line.rstrip() != '' for line in lines)
    assert all(line.isprintable() for line in lines)
