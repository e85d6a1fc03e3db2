# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.viton.constants import (
    ARM_PARTS,
    ARMS,
    HAND_PARTS,
    JOINTS,
    NOISE,
    UPPER_CLOTHES,
)
from mmfashion_ext.formats.viton.layout import LAYOUTS
from mmfashion_ext.synthetic import generate_viton
from mmfashion_ext.synthetic.__main__ import main
from mmfashion_ext.synthetic.viton.sheet import warp_cloth

SIZE, NUM, TEST = 128, 12, 3


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    out = tmp_path_factory.mktemp('data') / 'viton'
    return generate_viton(
        out, num=NUM, test=TEST, seed=2, size=SIZE, progress=False
    )


def files_of(root, split, number):
    """All that belongs to a person, as arrays."""
    layout = LAYOUTS['viton', split]
    folder = {k: root / layout.base / v for k, v in layout.folders.items()}
    person, cloth = f'{number:06d}_0', f'{number:06d}_1'
    pose = json.loads(
        (folder['pose'] / f'{person}_keypoints.json').read_text()
    )
    with np.load(folder['flow'] / f'{person}.npz') as packed:
        flow = packed['flow']
    return {
        'person': cv2.imread(str(folder['person'] / f'{person}.jpg')),
        'cloth': cv2.imread(str(folder['cloth'] / f'{cloth}.jpg')),
        'mask': cv2.imread(str(folder['cloth_mask'] / f'{cloth}.jpg'), -1),
        'label': cv2.imread(str(folder['parse'] / f'{person}.png'), -1),
        'joints': np.reshape(pose['people'][0]['pose_keypoints'], (-1, 3)),
        'parts': np.load(folder['densepose'] / f'{person}.npy'),
        'flow': flow,
    }


@pytest.fixture(scope='module')
def persons(root):
    return [files_of(root, 'train', n) for n in range(1, NUM + 1)]


def contents(root):
    files = sorted(path for path in root.rglob('*') if path.is_file())
    return {f.relative_to(root).as_posix(): f.read_bytes() for f in files}


def test_layout(root):
    expected = {
        'VITON_test/test_pairs.txt',
        'VITON_test/test_pairs_paired.txt',
    }
    for split, count in (('train', NUM), ('test', TEST)):
        layout = LAYOUTS['viton', split]
        for kind, ending in (
            ('person', '_0.jpg'),
            ('cloth', '_1.jpg'),
            ('cloth_mask', '_1.jpg'),
            ('parse', '_0.png'),
            ('pose', '_0_keypoints.json'),
            ('densepose', '_0.npy'),
            ('flow', '_0.npz'),
        ):
            folder = f'{layout.base}/{layout.folders[kind]}'
            expected |= {f'{folder}/{n + 1:06d}{ending}' for n in range(count)}
    for n in range(1, TEST + 1):
        expected.add(f'VITON_test/test_truth/{n:06d}_0.jpg')
        expected.add(f'VITON_test/test_truth_flow/{n:06d}_0.npz')
    assert set(contents(root)) == expected


def test_pairs(root):
    names = [f'{n:06d}' for n in range(1, TEST + 1)]
    for file, paired in (('', False), ('_paired', True)):
        text = (root / 'VITON_test' / f'test_pairs{file}.txt').read_text()
        rows = [line.split() for line in text.splitlines()]
        assert [person for person, _ in rows] == [f'{n}_0.jpg' for n in names]
        assert sorted(cloth for _, cloth in rows) == [
            f'{n}_1.jpg' for n in names
        ]
        same = [person[:6] == cloth[:6] for person, cloth in rows]
        assert all(same) if paired else not any(same)


def test_arrays(persons):
    for sample in persons:
        assert sample['person'].shape == sample['cloth'].shape == (128, 96, 3)
        for key in ('mask', 'label', 'parts'):
            assert sample[key].shape == (128, 96)
            assert sample[key].dtype == np.uint8
        assert sample['flow'].shape == (128, 96, 2)
        assert sample['flow'].dtype == np.float32
        assert sample['joints'].shape == (len(JOINTS), 3)
        assert set(np.unique(sample['label'])) <= set(range(14)) - {2, 3}
        assert sample['parts'].max() <= 24
        # the flat garment is in the middle of a white image
        x = np.nonzero((sample['mask'] > 127).any(0))[0]
        assert abs(x[0] + x[-1] - 95) <= 1
        assert sample['cloth'][[0, 0, -1, -1], [0, -1, 0, -1]].min() > 250
    labels = np.concatenate([np.unique(s['label']) for s in persons])
    assert {1, 4, 7, 8, 11, 12, 13} <= set(labels.tolist())
    noise = [(s['label'] == NOISE).sum() for s in persons]
    cloth = [(s['label'] == UPPER_CLOTHES).sum() for s in persons]
    assert 0 < sum(noise) < 0.05 * sum(cloth)


def test_flow_is_there_where_the_top_is(persons):
    for sample in persons:
        visible = np.isfinite(sample['flow']).all(2)
        top = np.isin(sample['label'], (UPPER_CLOTHES, NOISE))
        assert (visible == top).all()
        assert 0.02 < top.mean() < 0.5
        on = warp_cloth(sample['mask'], sample['flow'])[visible] > 127
        assert on.mean() > 0.97


def difference(sample, shift=0):
    """Mean grey levels between the worn and the warped garment."""
    visible = np.isfinite(sample['flow']).all(2)
    warped = warp_cloth(sample['cloth'], sample['flow'] + shift)
    return np.abs(warped.astype(float) - sample['person'])[visible].mean()


def test_flow_reproduces_the_worn_top(persons):
    found = np.array([difference(sample) for sample in persons])
    moved = np.array([difference(sample, 3) for sample in persons])
    assert found.max() < 22
    assert found.mean() < 11
    assert moved.mean() > 1.5 * found.mean()  # a wrong warp can be seen


def test_truth_shows_the_other_garment(root):
    base = root / 'VITON_test'
    for line in (base / 'test_pairs.txt').read_text().splitlines():
        person, cloth = line.split()
        person_files = files_of(root, 'test', int(person[:6]))
        other = files_of(root, 'test', int(cloth[:6]))
        image = cv2.imread(str(base / 'test_truth' / person))
        packed = base / 'test_truth_flow' / person.replace('.jpg', '.npz')
        with np.load(packed) as file:
            flow = file['flow']
        truth = {'person': image, 'cloth': other['cloth'], 'flow': flow}
        wrong = truth | {'cloth': person_files['cloth']}
        assert difference(truth) < 22
        assert difference(truth) < 0.6 * difference(wrong)
        head = np.isin(person_files['label'], (1, 12))
        head &= ~cv2.dilate(
            np.isfinite(flow[..., 0]).astype(np.uint8), np.ones((17, 17))
        ).astype(bool)
        change = np.abs(image.astype(float) - person_files['person'])[head]
        assert change.mean() < 3  # of JPEG


def test_flow_is_smooth_and_not_mirrored(persons):
    for sample in persons:
        dy, dx = (np.diff(sample['flow'], axis=axis) for axis in (0, 1))
        dy, dx = dy[:, :-1], dx[:-1]
        area = dx[..., 0] * dy[..., 1] - dx[..., 1] * dy[..., 0]
        area = area[np.isfinite(area)]
        assert (area > 0).mean() > 0.93  # but for folds and sleeves
        step = np.abs(dx)[np.isfinite(dx)]
        assert (step < 6).mean() > 0.95


def test_arms_and_their_parts(persons):
    hidden = 0
    for sample in persons:
        label, parts = sample['label'], sample['parts']
        dense = np.isin(parts, [*ARM_PARTS])
        hidden += (dense & (label == UPPER_CLOTHES)).sum()
        bare = np.isin(label, [*ARMS])
        assert (dense | np.isin(parts, [*HAND_PARTS]))[bare].mean() > 0.9
        for arm, hand, dense in (
            (11, 4, (15, 17, 19, 21)),
            (13, 3, (16, 18, 20, 22)),
        ):
            mine = parts[label == arm]
            assert np.isin(mine, (hand, *dense)).mean() > 0.8
    assert hidden > 50 * len(persons)  # arms inside sleeves


def test_joints_fit_the_parts(persons):
    expected = {
        'nose': (23, 24),
        'right shoulder': (2, 16, 18),
        'left shoulder': (2, 15, 17),
        'right elbow': (16, 18, 20, 22),
        'left elbow': (15, 17, 19, 21),
        'right wrist': (3, 20, 22),
        'left wrist': (4, 19, 21),
    }
    hits = {name: [] for name in expected}
    for sample in persons:
        joints = sample['joints']
        absent = joints[:, 2] == 0
        assert (joints[absent] == 0).all()
        assert (joints[~absent, :2] > 1).all()
        assert joints[2, 0] < joints[5, 0]  # the viewer's left is the right
        for name, parts in expected.items():
            x, y, seen = joints[JOINTS.index(name)]
            if seen:
                hits[name].append(sample['parts'][round(y), round(x)] in parts)
    for name, found in hits.items():
        assert np.mean(found) > 0.75, name  # others may be in front


def test_same_seed_same_bytes(tmp_path):
    make = {'test': 2, 'size': 64, 'progress': False}
    first = contents(generate_viton(tmp_path / 'a', num=2, seed=1, **make))
    assert first == contents(
        generate_viton(tmp_path / 'b', num=2, seed=1, **make)
    )
    more = contents(generate_viton(tmp_path / 'c', num=3, seed=1, **make))
    assert all(more[name] == content for name, content in first.items())
    other = contents(generate_viton(tmp_path / 'd', num=2, seed=2, **make))
    train, test = 'VITON_traindata/train_color', 'VITON_test/test_clothes'
    images = [
        first[f'{train}/000001_1.jpg'],
        first[f'{train}/000002_1.jpg'],
        first[f'{test}/000001_1.jpg'],
        other[f'{train}/000001_1.jpg'],
    ]
    assert len(set(images)) == 4


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'num': 0}, 'num must be at least 1, got 0'),
        ({'test': -1}, 'test must be at least 0, got -1'),
        ({'test': 1}, 'test must be 0 or at least 2, got 1'),
        ({'seed': -1}, 'seed must be at least 0'),
        ({'size': 63}, 'size must be at least 64, got 63'),
    ],
)
def test_numbers_out_of_range(tmp_path, wrong, message):
    with pytest.raises(UserError, match=message):
        generate_viton(tmp_path / 'a', **wrong)
    assert not list(tmp_path.iterdir())


def test_no_test_set(tmp_path):
    out = generate_viton(
        tmp_path / 'a', num=1, test=0, size=64, progress=False
    )
    pairs = out / 'VITON_test' / 'test_pairs.txt'
    assert pairs.read_text() == ''
    assert cv2.imread(
        str(out / 'VITON_traindata/train_img/000001_0.jpg')
    ).shape == (64, 48, 3)


def test_command_line_writes_data_and_sheet(tmp_path, capsys):
    out, sheet = tmp_path / 'viton', tmp_path / 'sheet.png'
    arguments = ['viton', str(out), '--num', '3', '--size', '64']
    arguments += ['--sheet', str(sheet)]
    assert main(arguments) == 0
    assert len(list((out / 'VITON_test/test_img').iterdir())) == 2
    assert cv2.imread(str(sheet)).shape == (20 + 2 * 64, 2 * 6 * 48, 3)
    printed = capsys.readouterr().out
    assert f'wrote {out}/{{VITON_traindata,VITON_test}}' in printed
    assert str(sheet) in printed
    assert main(arguments) == 2
    assert 'is not empty' in capsys.readouterr().err
