# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Run the notebooks, and write what they print and show into their files.

The cells of a notebook are run in this process, in a temporary folder, without
Jupyter: where a cell imports ``display`` and ``Image`` from IPython, it gets
two that note the image. Other published weights need a new run.

Examples:
    python tools/misc/run_notebooks.py
    python tools/misc/run_notebooks.py notebooks/clothes.ipynb
"""

import argparse
import base64
import io
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import atomic_write
from mmfashion_ext.utils.host_noise import PrintFilter

ROOT = Path(__file__).resolve().parents[2]
#: The line of a notebook that needs Jupyter.
DISPLAY = 'from IPython.display import Image, display\n'


class Image:
    """Image that a cell shows: the file's bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data


def run_notebook(path: Path, folder: Path) -> list[list[dict[str, Any]]]:
    """Run the code of a notebook.

    Args:
        path (Path): The notebook.
        folder (Path): Where it runs, an empty folder.

    Returns:
        list: Outputs of each code cell, as nbformat 4 writes them.

    Raises:
        UserError: A cell raises an error; the message names the cell.
    """
    outputs: list[list[dict[str, Any]]] = []
    scope: dict[str, Any] = {
        '__name__': 'notebook',
        'Image': Image,
        'display': lambda image: _note(outputs, image),
    }
    with _inside(folder):
        for number, cell in enumerate(read(path)['cells'], 1):
            if cell['cell_type'] != 'code':
                continue
            outputs.append([])
            printed = io.StringIO()
            source = ''.join(cell['source']).replace(DISPLAY, '')
            code = compile(source, f'{path}:{number}', 'exec')
            try:
                with redirect_stdout(PrintFilter(printed)):
                    exec(code, scope)
            except Exception as error:
                raise UserError(
                    f'{path}, cell {number}: {type(error).__name__}: {error}'
                ) from error
            if text := printed.getvalue():
                outputs[-1].insert(0, _stream(text))
    return outputs


def read(path: Path) -> dict[str, Any]:
    """Read a notebook of nbformat 4."""
    return json.loads(path.read_text(encoding='utf-8'))


def write(path: Path, outputs: list[list[dict[str, Any]]]) -> None:
    """Write the outputs of the code cells into a notebook."""
    content = read(path)
    cells = [c for c in content['cells'] if c['cell_type'] == 'code']
    for number, (cell, found) in enumerate(
        zip(cells, outputs, strict=True), 1
    ):
        cell['outputs'], cell['execution_count'] = found, number
    with atomic_write(path) as temporary:
        text = json.dumps(content, indent=1, ensure_ascii=False)
        temporary.write_text(text + '\n', encoding='utf-8')


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Work in a folder; the one before returns afterwards."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _note(outputs: list[list[dict[str, Any]]], image: Image) -> None:
    """Add an image to the outputs of the last cell."""
    data = base64.b64encode(image.data).decode()
    outputs[-1].append(
        {
            'data': {'image/jpeg': data, 'text/plain': ['<image>']},
            'metadata': {},
            'output_type': 'display_data',
        }
    )


def _stream(text: str) -> dict[str, Any]:
    lines = text.splitlines(keepends=True)
    return {'name': 'stdout', 'output_type': 'stream', 'text': lines}


def main() -> None:
    """Run the notebooks."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'notebooks',
        nargs='*',
        type=Path,
        metavar='NOTEBOOK',
        help='files (default: all of notebooks/)',
    )
    args = parser.parse_args()
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    for path in args.notebooks or sorted((ROOT / 'notebooks').glob('*.ipynb')):
        path = path.resolve()
        with tempfile.TemporaryDirectory() as folder:
            write(path, run_notebook(path, Path(folder)))
        print(f'wrote {path}')


if __name__ == '__main__':
    run_tool(main)
