# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json
import runpy
import shutil
from pathlib import Path

import pytest
from pycocotools.coco import COCO

from mmfashion_ext.synthetic import generate_fld
from mmfashion_ext.utils.cli import run_tool

TOOL = Path(__file__).parents[2] / 'tools/dataset_converters/fld.py'


@pytest.fixture(scope='module')
def main():
    """The tool as a function of its arguments that returns its status."""
    tool = runpy.run_path(str(TOOL))['main']

    def run(*argv):
        with pytest.raises(SystemExit) as end:
            run_tool(lambda: tool([str(arg) for arg in argv]))
        return end.value.code or 0

    return run


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp('data') / 'fld'
    make = {'num': 15, 'val': 3, 'test': 0, 'size': 64, 'progress': False}
    return generate_fld(out, **make)


@pytest.fixture
def root(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / 'fld'))


def spoil(root):
    """Wrong: a row of train and upper clothes, and an image of it."""
    path = root / 'Anno/list_landmarks.txt'
    path.write_text(
        path.read_text().replace('00000001.jpg 1 ', '00000001.jpg 9 ')
    )
    (root / 'Img/img/img_00000004.jpg').unlink()


@pytest.mark.parametrize(
    ('subset', 'ids'),
    [
        ('upper', [1, 4, 7, 10, 13]),
        ('lower', [2, 5, 8, 11, 14]),
        ('full', [3, 6, 9, 12, 15]),
    ],
)
def test_writes_one_split_of_one_type(
    main, made, tmp_path, subset, ids, capsys
):
    out = tmp_path / 'new' / 'fld.json'
    options = '--split', 'train', '--subset', subset, '--out', out
    assert main(made, *options) == 0
    coco = COCO(str(out))
    assert sorted(coco.imgs) == sorted(coco.anns) == ids
    (category,) = coco.dataset['categories']
    for annotation in coco.anns.values():
        assert annotation['category_id'] == category['id'] == 1
        count = 3 * len(category['keypoints'])
        assert len(annotation['keypoints']) == count
        assert annotation['variation'] in (1, 2, 3, 4, 5)
        image = coco.imgs[annotation['image_id']]
        assert (made / 'Img' / image['file_name']).is_file()
    printed = capsys.readouterr().out
    assert f'names are relative to {made}/Img' in printed
    assert 'wrote' in printed
    assert [p.name for p in out.parent.iterdir()] == ['fld.json']


def test_check_counts_everything(main, made, capsys):
    assert main(made) == 0
    out = capsys.readouterr().out
    rows = [' '.join(line.split()) for line in out.splitlines()]
    assert 'items 6 6 6 18' in rows
    assert 'split train 5 5 5 15' in rows
    assert 'defects: 0, notes: 0' in rows
    assert main(made, '--split', 'val', '--check') == 0
    assert 'split val' in capsys.readouterr().out


def test_defects_stop_and_nothing_is_written(main, root, tmp_path, capsys):
    spoil(root)
    out = tmp_path / 'fld.json'
    out.write_text('old')
    options = '--split', 'train', '--subset', 'upper', '--out', out
    assert main(root, *options) == 2
    found = capsys.readouterr().err.splitlines()
    assert len(found) == 3
    assert 'list_landmarks.txt line 3: image img/img_00000001.jpg' in found[0]
    assert 'line 6: image img/img_00000004.jpg is not in' in found[1]
    assert found[2].startswith('error: 2 defects in')
    assert 'was not written' in found[2]
    assert out.read_text() == 'old'
    assert main(root, *options, '--skip-invalid') == 0
    assert [i['id'] for i in json.loads(out.read_text())['images']] == [
        *(7, 10, 13)
    ]
    assert '2 defects left out' in capsys.readouterr().out


def test_check_lists_all_defects(main, root, tmp_path, capsys):
    path = root / 'Anno/list_bbox.txt'
    head = path.read_text().splitlines()[:2]
    rows = [f'img/img_{k:08d}.jpg 5 5 5 5 5' for k in range(1, 26)]
    path.write_text('\n'.join([*head, *rows]))
    assert main(root) == 2
    out = capsys.readouterr().out
    assert 'defects: 40' in out  # 25 rows, 7 of them known nowhere, the count
    assert out.count('has 5 numbers, expected x1 y1 x2 y2') == 25
    options = '--split', 'val', '--subset', 'full'
    assert main(root, *options, '--out', tmp_path / 'o.json') == 2
    err = capsys.readouterr().err
    assert '... and 20 more; --check lists them all' in err


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--out', 'a.json'], 'name them with --split and --subset'),
        (
            ['--split', 'val', '--subset', 'full', '--out', '.'],
            'is a folder, expected a file name',
        ),
    ],
)
def test_wrong_usage_is_one_line(main, made, options, message, capsys):
    assert main(made, *options) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count('\n') == 1


def test_wrong_folder_is_one_line(main, tmp_path, capsys):
    assert main(tmp_path) == 2
    err = capsys.readouterr().err
    assert 'list_landmarks.txt does not exist: the root of FLD holds' in err
    assert err.count('\n') == 1
