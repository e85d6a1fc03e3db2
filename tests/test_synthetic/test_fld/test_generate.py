# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import collections

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.fld.constants import CLOTHES_TYPES
from mmfashion_ext.formats.fld.raw import RawFLD
from mmfashion_ext.synthetic import generate_fld
from mmfashion_ext.synthetic.__main__ import main
from mmfashion_ext.synthetic.fld.generate import fld_landmarks
from mmfashion_ext.synthetic.garments.annotate import DrawnGarment

SIZE = 96
NUM = {'train': 45, 'val': 6, 'test': 3}


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return generate_fld(
        tmp_path_factory.mktemp('data') / 'fld',
        num=NUM['train'],
        val=NUM['val'],
        test=NUM['test'],
        seed=1,
        size=SIZE,
        progress=False,
    )


@pytest.fixture(scope='module')
def raw(root):
    return RawFLD(root)


def test_layout(root):
    files = {
        f.relative_to(root).as_posix() for f in root.rglob('*') if f.is_file()
    }
    lists = {
        'Anno/list_landmarks.txt',
        'Anno/list_bbox.txt',
        'Eval/list_eval_partition.txt',
    }
    images = {f'Img/img/img_{k:08d}.jpg' for k in range(1, 55)}
    assert files == lists | images
    rows = (root / 'Anno/list_landmarks.txt').read_text().splitlines()
    assert rows[0] == '54'
    assert rows[1].startswith('image_name clothes_type variation_type land')
    for row in rows[2:]:
        clothes = CLOTHES_TYPES[int(row.split()[1]) - 1]
        assert len(row.split()) == 3 + 3 * clothes.num_landmarks


def test_no_defects(raw):
    reads = list(raw.read(raw.entries))
    assert raw.defects == []
    assert not any(read.defects for read in reads)
    assert {max(r.image['width'], r.image['height']) for r in reads} == {SIZE}


def test_splits_types_and_variations(raw):
    splits = collections.Counter(entry.split for entry in raw.entries)
    assert splits == NUM
    kinds = collections.Counter(
        (e.landmarks.clothes.name, e.landmarks.variation)
        for e in raw.select('train')
    )
    assert len(kinds) == 15
    assert min(kinds.values()) >= 2
    states = np.concatenate([e.landmarks.points[:, 2] for e in raw.entries])
    assert set(states.tolist()) == {0, 1, 2}


def test_landmarks_fit_variation_and_box(raw):
    for entry in raw.entries:
        points = entry.landmarks.points
        v = points[:, 2]
        assert (v == 2).any()
        # cut off if, and only if, it zooms in
        assert (v == 0).any() == (entry.landmarks.variation >= 4)
        x1, y1, x2, y2 = entry.box
        x, y, _ = points[v > 0].T
        assert (x1 <= x).all()
        assert (x <= x2).all()
        assert (y1 <= y).all()
        assert (y <= y2).all()


def test_states_follow_place_and_visibility():
    shorts = np.array(
        [
            *((10, 5), (20, 5), (30, 5), (8, 15), (5, 30)),
            *((15, 30), (20, 20), (25, 30), (39.6, 30), (32, 15)),
        ]
    )
    worn = DrawnGarment(7, 0, shorts, [], [], [], 1)
    marked = np.concatenate([shorts.round(), np.full((10, 1), 2)], 1)
    marked[0] = 0  # deep under a top
    marked[2, 2] = 1  # behind something
    found = fld_landmarks(worn, marked, (40, 60)).tolist()
    assert found == [[1, 10, 5], [1, 30, 5], [0, 5, 30], [2, 0, 0]]


def contents(root):
    files = sorted(path for path in root.rglob('*') if path.is_file())
    return {str(f.relative_to(root)): f.read_bytes() for f in files}


def test_same_seed_same_bytes(tmp_path):
    make = {'num': 5, 'val': 1, 'size': 64, 'progress': False}
    first = contents(generate_fld(tmp_path / 'a', seed=1, **make))
    assert len(first) == 3 + 5 + 1 + 1  # test: num // 4
    assert first == contents(generate_fld(tmp_path / 'b', seed=1, **make))
    assert first != contents(generate_fld(tmp_path / 'c', seed=2, **make))
    make |= {'num': 2}
    fewer = contents(generate_fld(tmp_path / 'd', seed=1, **make))
    for k in (1, 2):
        image = f'Img/img/img_{k:08d}.jpg'
        assert first[image] == fewer[image]


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'num': 0}, 'num must be at least 1, got 0'),
        ({'test': -1}, 'test must be at least 0, got -1'),
        ({'size': 32}, 'size must be at least 64, got 32'),
    ],
)
def test_numbers_out_of_range(tmp_path, wrong, message):
    with pytest.raises(UserError, match=message):
        generate_fld(tmp_path / 'a', **wrong)
    assert not list(tmp_path.iterdir())


def test_command_line_writes_data_and_sheet(tmp_path, capsys):
    out, sheet = tmp_path / 'fld', tmp_path / 'sheet.png'
    arguments = ['fld', str(out), '--num', '7', '--val', '0', '--test', '0']
    assert main([*arguments, '--size', '64', '--sheet', str(sheet)]) == 0
    assert len(RawFLD(out).entries) == 7
    assert cv2.imread(str(sheet)).shape == (2 * 424, 6 * 404, 3)
    assert str(sheet) in capsys.readouterr().out
    assert main([*arguments, '--sheet', str(sheet)]) == 2
    assert 'is not empty' in capsys.readouterr().err
    assert main([*arguments, '--sheet', str(tmp_path / 'a.txt')]) == 2
    assert 'must end in .jpg or .png' in capsys.readouterr().err
