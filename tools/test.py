# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Test a model of any system; see --help."""

from mmfashion_ext.cli.test import main
from mmfashion_ext.utils.cli import run_tool

if __name__ == '__main__':
    run_tool(main)
