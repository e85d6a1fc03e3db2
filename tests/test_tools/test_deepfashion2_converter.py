# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json
import runpy
from pathlib import Path

import pytest
from pycocotools.coco import COCO

from mmfashion_ext.utils.cli import run_tool

TOOL = Path(__file__).parents[2] / 'tools/dataset_converters/deepfashion2.py'


@pytest.fixture(scope='module')
def main():
    """The tool as a function of its arguments that returns its status."""
    tool = runpy.run_path(str(TOOL))['main']

    def run(argv):
        with pytest.raises(SystemExit) as end:
            run_tool(lambda: tool(argv))
        return end.value.code or 0

    return run


def content(*items, **image):
    named = {f'item{i}': item for i, item in enumerate(items, 1)}
    return {'source': 'user', 'pair_id': 1, **image, **named}


@pytest.fixture
def good(raw_split, raw_item):
    return raw_split(
        {
            '000001': content(raw_item(1), raw_item(8)),
            '000002': content(raw_item(1), source='shop'),
            '000003': content(),
        }
    )


@pytest.fixture
def broken(raw_split, raw_item):
    bad = raw_item(8, landmarks=[1, 2])
    split = raw_split(
        {
            '000001': content(raw_item(1), bad),
            '000002': content(raw_item(1)),
            '000003': content(raw_item(2)),
        }
    )
    (split / 'image' / '000002.jpg').unlink()
    return split


def test_writes_official_coco(main, good, tmp_path, capsys):
    out = tmp_path / 'new' / 'train.json'
    assert main([str(good), '--out', str(out)]) == 0
    file = json.loads(out.read_text())
    assert set(file) == {
        'info',
        'licenses',
        'images',
        'annotations',
        'categories',
    }
    assert file['info'] == {}
    assert file['licenses'] == []
    assert [image['id'] for image in file['images']] == [1, 2, 3]
    assert [a['id'] for a in file['annotations']] == [1, 2, 3]
    assert len(file['categories']) == 13
    assert [p.name for p in out.parent.iterdir()] == ['train.json']
    assert 'wrote' in capsys.readouterr().out


def test_pycocotools_can_use_every_annotation(main, good, tmp_path):
    out = tmp_path / 'train.json'
    main([str(good), '--out', str(out)])
    coco = COCO(str(out))
    assert len(coco.anns) == 3
    for annotation in coco.anns.values():
        assert coco.annToMask(annotation).sum() == annotation['area'] == 3000


def test_visible_only(main, good, tmp_path):
    out = tmp_path / 'train.json'
    main([str(good), '--out', str(out), '--visible-only'])
    annotations = json.loads(out.read_text())['annotations']
    assert [a['num_keypoints'] for a in annotations] == [24, 13, 24]


def test_without_items_at_all(main, raw_split, tmp_path):
    split, out = raw_split({'000001': content()}), tmp_path / 'o.json'
    assert main([str(split), '--out', str(out)]) == 0
    assert json.loads(out.read_text())['annotations'] == []


def test_check_prints_counts_beside_the_published(main, good, capsys):
    assert main([str(good), '--check']) == 0
    out = capsys.readouterr().out
    lines = [' '.join(line.split()) for line in out.splitlines()]
    assert 'images 3 191,961 390,884' in lines
    assert 'consumer-shop image pairs 1 337,293 -' in lines
    assert 'consumer-shop item pairs 2 394,661 -' in lines
    assert 'defects: 0, notes: 0' in lines
    assert sorted(p.name for p in good.iterdir()) == ['annos', 'image']


def test_defects_stop_and_nothing_is_written(main, broken, tmp_path, capsys):
    out = tmp_path / 'out' / 'train.json'
    assert main([str(broken), '--out', str(out)]) == 2
    assert list(out.parent.iterdir()) == []
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith('000001.json item2: has landmarks of 2 numbers')
    assert lines[1].startswith('000002.json: has no image')
    assert lines[2].startswith('error: 1 images and 1 items of')
    assert lines[2].endswith('leave them out with --skip-invalid')
    assert len(lines) == 3


def test_a_file_that_was_there_survives(main, broken, tmp_path):
    out = tmp_path / 'train.json'
    out.write_text('old')
    assert main([str(broken), '--out', str(out)]) == 2
    assert out.read_text() == 'old'


def test_skip_invalid_reports_what_was_left_out(
    main, broken, tmp_path, capsys
):
    out = tmp_path / 'train.json'
    assert main([str(broken), '--out', str(out), '--skip-invalid']) == 0
    file = json.loads(out.read_text())
    assert [image['id'] for image in file['images']] == [1, 3]
    found = [(a['id'], a['category_id']) for a in file['annotations']]
    assert found == [(1, 1), (2, 2)]
    captured = capsys.readouterr()
    assert 'left out: 1 images and 1 items of' in captured.out
    assert '000001.json item2' in captured.err


def test_check_lists_all_defects(main, raw_split, raw_item, capsys, tmp_path):
    bad = content(raw_item(9, style=-1))
    split = raw_split({f'{i:06d}': bad for i in range(1, 26)})
    assert main([str(split)]) == 2
    out = capsys.readouterr().out
    assert 'defects: 25' in out
    assert all(f'{i:06d}.json item1: has style' in out for i in range(1, 26))
    assert main([str(split), '--out', str(tmp_path / 'o.json')]) == 2
    err = capsys.readouterr().err
    assert err.count('item1: has style') == 20
    assert '... and 5 more; --check lists them all' in err


def test_wrong_folder_is_one_line(main, tmp_path, capsys):
    assert main([str(tmp_path), '--out', str(tmp_path / 'o.json')]) == 2
    err = capsys.readouterr().err
    assert err.startswith('error: ')
    assert 'is not a folder' in err
    assert err.count('\n') == 1
    assert list(tmp_path.iterdir()) == []


def test_out_must_be_a_file(main, good, tmp_path, capsys):
    assert main([str(good), '--out', str(tmp_path)]) == 2
    assert 'is a folder, expected a file name' in capsys.readouterr().err
