# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The notebooks run from top to bottom, with the published weights."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from mmfashion_ext import plugins
from mmfashion_ext.errors import UserError

pytestmark = pytest.mark.skipif(
    set(plugins.installed_systems()) != set(plugins.SYSTEMS),
    reason='needs all hosts',
)

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / 'notebooks').glob('*.ipynb'))


@pytest.fixture(scope='module')
def tool():
    """The module of ``tools/misc/run_notebooks.py``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / 'tools' / 'misc'))
        yield import_module('run_notebooks')


def shapes(outputs):
    """Kinds of the outputs of each cell."""
    return [[output['output_type'] for output in cell] for cell in outputs]


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_shows_what_its_file_says(path, tool, tmp_path):
    """Fix: python tools/misc/run_notebooks.py

    Numbers may be those of earlier weights.
    """
    outputs = tool.run_notebook(path, tmp_path)
    cells = [
        cell['outputs']
        for cell in tool.read(path)['cells']
        if cell['cell_type'] == 'code'
    ]
    assert shapes(outputs) == shapes(cells)
    assert 'display_data' in str(shapes(cells))
    assert path.stat().st_size < 300_000
    for cell in outputs:
        for output in cell:
            if 'data' in output:
                assert len(output['data']['image/jpeg']) > 1000


def test_each_system_has_one_and_a_page_lists_them(tool):
    page = (ROOT / 'docs' / 'notebooks.md').read_text()
    listed = re.findall(r'\(\.\./notebooks/(\w+)\.ipynb\)', page)
    assert listed == [path.stem for path in NOTEBOOKS]
    code = [
        ''.join(line for c in tool.read(p)['cells'] for line in c['source'])
        for p in NOTEBOOKS
    ]
    named = set(re.findall(r"build_inferencer\(\s*'([\w-]+)", '\n'.join(code)))
    assert named == {'match-rcnn', 'landmark', 'scan', 'tryon'}


def test_links_lead_to_files(tool):
    for path in NOTEBOOKS:
        for cell in tool.read(path)['cells']:
            text = ''.join(cell['source'])
            for link in re.findall(r'\]\((\.\.[^)#]+)', text):
                assert (path.parent / link).is_file(), (path, link)


def test_a_cell_that_fails_is_named(tool, tmp_path):
    text = NOTEBOOKS[0].read_text()
    broken = tmp_path / 'broken.ipynb'
    broken.write_text(text.replace('import cv2', 'import cv2, missing', 1))
    with pytest.raises(UserError, match='cell 2: ModuleNotFoundError'):
        tool.run_notebook(broken, tmp_path)
