# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The page of faults names, for each kind, the tests that hold it."""

import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'tools' / 'misc'))
gen_fault_table = importlib.import_module('gen_fault_table')
sys.path.pop(0)


def test_the_page_is_that_of_the_markers():
    """Fix: python tools/misc/gen_fault_table.py"""
    assert gen_fault_table.PAGE.read_text() == gen_fault_table.page()


def test_every_kind_of_fault_is_held_by_a_test():
    assert 'none yet' not in gen_fault_table.page()


def test_markers_are_found(tmp_path, monkeypatch):
    path = tmp_path / 'tests' / 'test_x.py'
    path.parent.mkdir()
    path.write_text(
        'import pytest\n'
        'pytestmark = pytest.mark.fault(1)\n'
        '@pytest.mark.fault(2)\n'
        'def test_a(): pass\n'
        'class TestB:\n'
        '    @pytest.mark.fault(3)\n'
        '    def test_c(self): pass\n'
    )
    monkeypatch.setattr(gen_fault_table, 'ROOT', tmp_path)
    assert sorted(gen_fault_table.marked_tests(path)) == [
        (1, 'test_x.py'),
        (2, 'test_x.py::test_a'),
        (3, 'test_x.py::TestB::test_c'),
    ]
