# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from mmfashion_ext.formats.ccp.constants import TAGS
from mmfashion_ext.utils.cli import run_tool

TOOL = Path(__file__).parents[2] / 'tools/dataset_converters/ccp.py'


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
    """A made-up dataset of the published layout: 2 train, 1 validation."""
    root = tmp_path / 'ccp'
    pixels = root / 'annotations/pixel-level'
    pixels.mkdir(parents=True)
    (root / 'photos').mkdir()
    cells = np.empty((1, len(TAGS)), object)
    cells[0] = TAGS
    savemat(root / 'label_list.mat', {'label_list': cells})
    for stem, tag in (('0001', 'coat'), ('0002', 'top'), ('0011', 'skirt')):
        labels = np.zeros((30, 20), np.uint8)
        labels[5:20, 4:16] = TAGS.index(tag)
        savemat(pixels / f'{stem}.mat', {'groundtruth': labels})
        Image.new('RGB', (20, 30)).save(root / f'photos/{stem}.jpg')
    return root


def test_writes_a_split(main, root, tmp_path, capsys):
    out = tmp_path / 'new' / 'train.json'
    assert main(root, '--split', 'train', '--out', out) == 0
    content = json.loads(out.read_text())
    assert [image['file_name'] for image in content['images']] == [
        '0001.jpg',
        '0002.jpg',
    ]
    assert [a['category_id'] for a in content['annotations']] == [1, 3]
    assert [a['bbox'] for a in content['annotations']] == 2 * [[4, 5, 12, 15]]
    printed = capsys.readouterr().out
    assert f'wrote {out}: 2 images, 2 items, 0 defects' in printed
    assert [p.name for p in out.parent.iterdir()] == ['train.json']
    assert main(root, '--groups', 'six', '--out', out) == 0
    content = json.loads(out.read_text())
    assert [a['category_id'] for a in content['annotations']] == [2, 1, 4]


def test_check_counts_everything(main, root, capsys):
    assert main(root) == 0
    out = capsys.readouterr().out
    rows = [' '.join(line.split()) for line in out.splitlines()]
    assert rows[0] == 'split all 3 images'
    assert '6 skirt 1 30.0 skirt 1' in rows
    assert 'defects: 0, notes: 0' in rows


def test_defects_stop_and_nothing_is_written(main, root, tmp_path, capsys):
    pixels = root / 'annotations/pixel-level'
    truncated = pixels / '0001.mat'
    truncated.write_bytes(truncated.read_bytes()[:-9])
    (root / 'photos/0011.jpg').unlink()
    out = tmp_path / 'ccp.json'
    out.write_text('old')
    assert main(root, '--out', out) == 2
    found = capsys.readouterr().err.splitlines()
    assert found == [
        'annotations/pixel-level/0001.mat: cannot be read (it ends inside of '
        'an element); download it again or leave it out with --skip-invalid',
        'annotations/pixel-level/0011.mat: has no photograph photos/0011.jpg; '
        'put it back or leave the photograph out with --skip-invalid',
        f'error: 2 defects in {root}; {out} was not written. Correct them, or '
        'leave the photographs out with --skip-invalid',
    ]
    assert out.read_text() == 'old'
    assert main(root, '--out', out, '--skip-invalid') == 0
    assert len(json.loads(out.read_text())['images']) == 1
    assert '2 defects left out' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--out', '.'], 'is a folder, expected a file name'),
        (['--split', 'test'], 'has none of the 200 photographs of the split'),
    ],
)
def test_wrong_usage_is_one_line(main, root, options, message, capsys):
    assert main(root, *options) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count('\n') == 1


def test_wrong_folder_is_one_line(main, tmp_path, capsys):
    assert main(tmp_path) == 2
    err = capsys.readouterr().err
    assert 'is not a folder of Clothing Co-Parsing: expected photos/' in err
    assert err.count('\n') == 1
