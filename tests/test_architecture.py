# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The rooms of the package, the directions of imports, and lengths."""

import ast
import importlib
import sys
from pathlib import Path

import pytest
from setuptools import find_packages

from mmfashion_ext.plugins import SYSTEMS

ROOT = Path(__file__).resolve().parents[1]
CONTRIBUTING = ROOT / 'docs' / 'dev' / 'contributing.md'
DRAWING = ROOT / 'docs' / 'dev' / 'images' / 'rooms.svg'
# tools are scripts, found by the folder that they are in
sys.path.insert(0, str(ROOT / 'tools' / 'misc'))
import_graph = importlib.import_module('import_graph')
code_counts = importlib.import_module('code_counts')
sys.path.pop(0)
ALLOWED_IMPORTS = import_graph.ALLOWED_IMPORTS
ImportGraph = import_graph.ImportGraph
PACKAGE = import_graph.PACKAGE

SOURCES = sorted((ROOT / PACKAGE).rglob('*.py'))
SOURCES = [path for path in SOURCES if '.mim' not in path.parts]


@pytest.fixture(scope='module')
def graph():
    return ImportGraph()


def test_imports_point_one_way(graph):
    """No circle, nothing against the table, no command line below."""
    assert graph.problems() == []


def test_the_table_has_no_circle_and_every_room():
    above = {room: set(others) for room, others in ALLOWED_IMPORTS.items()}
    for room in above:
        assert room not in import_graph._reachable(above)[room]
    assert {import_graph.room_of(name) for name in ImportGraph().modules} == {
        *ALLOWED_IMPORTS
    }


def test_systems_stand_side_by_side():
    for system in SYSTEMS:
        for other in {*SYSTEMS} - {system}:
            assert other not in ALLOWED_IMPORTS[system]


@pytest.fixture
def repository(tmp_path):
    """A function that writes modules of a made-up repository; its graph."""

    def write(**modules):
        for name, text in modules.items():
            path = tmp_path / PACKAGE / (name.replace('__', '/') + '.py')
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return ImportGraph(tmp_path)

    return write


def test_what_breaks_the_rules_is_found(repository):
    graph = repository(
        errors='',
        utils__cli='from ..errors import x',
        utils__a='from . import b',
        utils__b='def f():\n    from .a import y',
        landmark__head='from ..match_rcnn import gallery',
        match_rcnn__gallery=f'import {PACKAGE}.utils.cli',
        scan__net='if TYPE_CHECKING:\n    from ..tryon import x',
        tryon__x='',
    )
    circle, landmark, cli = graph.problems()[0], *graph.problems()[1:]
    assert 'landmark may not import match_rcnn' in landmark + circle + cli
    assert len(graph.problems()) == 3
    assert any('in a circle' in line for line in graph.problems())
    assert any(
        'a module of command lines' in line for line in graph.problems()
    )


def test_drawing_and_table_are_those_of_the_code(graph):
    """Fix: python tools/misc/import_graph.py --draw docs/dev/images/rooms.svg

    The table is printed by --table.
    """
    assert DRAWING.read_text() == import_graph.draw(graph)
    assert import_graph.table() in CONTRIBUTING.read_text()


def test_every_folder_reaches_the_wheel():
    """``find_packages`` leaves out a folder without __init__.py, silently."""
    found = set(find_packages(str(ROOT), include=[PACKAGE, f'{PACKAGE}.*']))
    folders = {
        '.'.join(path.parent.relative_to(ROOT).parts) for path in SOURCES
    }
    assert folders == found
    for folder in folders:
        init = ROOT.joinpath(*folder.split('.'), '__init__.py')
        assert ast.get_docstring(ast.parse(init.read_text())), init


@pytest.mark.parametrize('folder', [PACKAGE, 'tools', 'benchmarks', 'demo'])
def test_files_and_functions_are_short(folder):
    long = []
    for path in sorted((ROOT / folder).rglob('*.py')):
        if '.mim' in path.parts:
            continue
        text = path.read_text()
        lines = text.count('\n')
        if lines > 400:
            long.append(f'{path.relative_to(ROOT)}: {lines} lines')
        for node in code_counts.functions_of(ast.parse(text)):
            lines = code_counts.lines_of_code(node)
            if lines > 60:
                where = f'{path.relative_to(ROOT)} {node.name}'
                long.append(f'{where}: {lines} lines')
    assert long == []


def test_half_of_the_public_docstrings_name_shapes():
    """The command line has words and files, no arrays."""
    command_line = ROOT / PACKAGE / 'cli'
    docstrings = [
        docstring
        for path in SOURCES
        if command_line not in path.parents
        for docstring in code_counts.public_docstrings(
            ast.parse(path.read_text())
        )
    ]
    shaped = sum(map(code_counts.names_a_shape, docstrings))
    assert shaped >= len(docstrings) / 2


@pytest.mark.parametrize(
    ('docstring', 'expected'),
    [
        ('Boxes (N, 4) xyxy.', True),
        ('(h, w, 3) uint8', True),
        ('size (tuple[int, int]): (w, h)', True),
        ('(..., 2)', True),
        ('name (str, optional): of it', False),
        ('mean (of all, or none)', False),
        ('nothing', False),
    ],
)
def test_what_counts_as_a_shape(docstring, expected):
    assert code_counts.names_a_shape(docstring) == expected


def test_repeated_runs_are_counted():
    run = '\n'.join(f'line_{number} = compute()' for number in range(6))
    assert code_counts.repeated([run, f'first = 1\n{run}']) == 1
    assert code_counts.repeated([run, run.replace('line_3', 'x')]) == 0
