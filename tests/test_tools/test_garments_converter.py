# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmfashion_ext.utils.cli import run_tool

TOOL = Path(__file__).parents[2] / 'tools/dataset_converters/garments.py'


@pytest.fixture(scope='module')
def main():
    """The tool as a function of its arguments that returns its status."""
    tool = runpy.run_path(str(TOOL))['main']

    def run(*argv):
        with pytest.raises(SystemExit) as end:
            run_tool(lambda: tool([str(arg) for arg in argv]))
        return end.value.code or 0

    return run


@pytest.fixture
def root(tmp_path):
    root = tmp_path / 'garments'
    image = np.full((40, 30, 3), 220, np.uint8)
    image[8:32, 6:24] = (170, 40, 40)
    for name in ('train/shirt/a.png', 'train/shorts/b.png'):
        (root / name).parent.mkdir(parents=True)
        Image.fromarray(image).save(root / name)
    return root


def test_check_counts_everything(main, root, capsys):
    assert main(root) == 0
    rows = [
        ' '.join(line.split()) for line in capsys.readouterr().out.splitlines()
    ]
    assert rows[0] == 'class train'
    assert 'shirt 1' in rows
    assert rows[-1] == 'defects: 0, notes: 0'


def test_writes_coco_or_clothes(main, root, tmp_path, capsys):
    out = tmp_path / 'a.json'
    assert main(root, '--out', out, '--jobs', 1) == 0
    content = json.loads(out.read_text())
    assert [a['category_id'] for a in content['annotations']] == [5, 6]
    assert f'wrote {out}: 2 garments' in capsys.readouterr().out
    folder = tmp_path / 'tryon'
    options = '--classes', 'shirt', '--jobs', 1
    assert main(root, '--clothes', folder, *options) == 0
    found = sorted(p.relative_to(folder) for p in folder.rglob('*.*'))
    assert [*map(str, found)] == ['clothes/a.png', 'masks/a.png']
    assert main(root, '--clothes', folder, '--out', out) == 2
    assert 'not allowed with argument' in capsys.readouterr().err


def test_defects_stop_and_nothing_is_written(main, root, tmp_path, capsys):
    (root / 'train/shirt/a.png').write_bytes(b'PNG')
    folder = tmp_path / 'tryon'
    assert main(root, '--clothes', folder) == 2
    found = capsys.readouterr().err.splitlines()
    assert found == [
        'train/shirt/a.png: cannot be read as an image; download it again or '
        'leave it out with --skip-invalid',
        f'error: 1 defects in {root}; {folder} was not written. Correct them, '
        'or leave the photographs out with --skip-invalid',
    ]
    assert not folder.exists()


def test_wrong_folder_is_one_line(main, tmp_path, capsys):
    assert main(tmp_path) == 2
    err = capsys.readouterr().err
    assert 'is not a folder of the CC0 garments' in err
    assert err.count('\n') == 1
