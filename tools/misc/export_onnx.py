# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Export a model to ONNX; see --help."""

from mmfashion_ext.cli.export import main
from mmfashion_ext.utils.cli import run_tool

if __name__ == '__main__':
    run_tool(main)
