# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmfashion_ext.utils.cli import run_tool

TOOL = Path(__file__).parents[2] / 'tools/dataset_converters/viton.py'


@pytest.fixture(scope='module')
def main():
    """The tool as a function of its arguments that returns its status."""
    tool = runpy.run_path(str(TOOL))['main']

    def run(*argv):
        arguments = [str(arg) for arg in argv]
        with pytest.raises(SystemExit) as end:
            run_tool(lambda: tool([*arguments, '--jobs', '1']))
        return end.value.code or 0

    return run


@pytest.mark.parametrize('layout', ['viton', 'viton-hd', 'folder'])
def test_counts_of_a_whole_data_set(write_viton, main, layout, capsys):
    root = write_viton(layout)
    assert main(root, '--layout', layout) == 0
    printed = capsys.readouterr().out
    assert f'{layout} ' in printed
    for row in (
        '4 person, in ',
        '4 densepose, in ',
        '4 pairs of a person and the garment worn',
        '8 images of 24 x 32 px',
    ):
        assert f' {row}' in printed
    assert 'defects: 0, notes: ' in printed
    published = {'viton': '14,221', 'viton-hd': '11,647'}
    if layout in published:
        note = f'note: train: 4 persons, published are {published[layout]}'
        assert note in printed


def test_both_splits_or_one(write_viton, main, capsys):
    root = write_viton()
    write_viton(split='test', without=('parse', 'pose', 'densepose', 'flow'))
    assert main(root, '--check') == 0
    printed = capsys.readouterr().out
    assert 'viton train in' in printed
    assert 'viton test in' in printed
    assert 'note: test: 4 persons, published are 2,032' in printed
    assert main(root, '--split', 'test') == 0
    assert 'viton train' not in capsys.readouterr().out
    assert main(root, '--layout', 'viton-hd') == 2
    assert capsys.readouterr().err.startswith('error: ')


def test_every_missing_file_is_named(write_viton, main, capsys):
    root = write_viton()
    base = root / 'VITON_traindata'
    gone = [
        base / name
        for name in (
            'train_color/000001_1.jpg',
            'train_label/000000_0.png',
            'train_pose/000002_0_keypoints.json',
            'train_densepose/000002_0.npy',
            'train_flow/000003_0.npz',
        )
    ]
    for path in gone:
        path.unlink()
    (base / 'train_edge/000003_1.jpg').unlink()
    (base / 'train_color/Thumbs.db').touch()
    (base / 'train_color/000009_1.jpg').write_bytes(
        (base / 'train_color/000000_1.jpg').read_bytes()
    )
    assert main(root) == 2
    out, err = capsys.readouterr()
    for path in gone:
        assert f'{path} is missing: ' in out
    assert 'defects: 5, ' in out
    assert f'note: {base}/train_color/000003_1.jpg has no mask' in out
    assert f'note: {base}/train_color/Thumbs.db is left out' in out
    assert 'note: 1 clothes are not worn: 000009_1.jpg' in out
    assert 'pairs by rank need the same number of images' in out
    assert err.startswith('error: 5 defects in')
    assert err.count('\n') == 1


def test_every_broken_file_is_named(write_viton, main, capsys):
    root = write_viton()
    base = root / 'VITON_traindata'
    image = base / 'train_img/000000_0.jpg'
    image.write_bytes(image.read_bytes()[:-20])
    label = base / 'train_label/000000_0.png'
    Image.fromarray(np.full((32, 24), 14, np.uint8)).save(label)
    parts = base / 'train_densepose/000001_0.npy'
    np.save(parts, np.zeros((32, 23)))
    pose = base / 'train_pose/000001_0_keypoints.json'
    pose.write_text('{}')
    mask = base / 'train_edge/000003_1.jpg'
    Image.fromarray(np.zeros((32, 24), np.uint8)).save(mask)
    assert main(root) == 2
    out, _ = capsys.readouterr()
    for defect in (
        f'{image}: cannot be read as an image',
        f'{label} has labels 14',
        f'{parts} has 23 x 32 px, but {base}/train_img/000001_0.jpg has 24 x',
        f'{pose} lacks people; make it again',
        f'{mask}: an empty mask',
        'defects: 5, ',
    ):
        assert defect in out


def test_a_pose_without_people_is_a_note(write_viton, main, capsys):
    root = write_viton()
    pose = root / 'VITON_traindata/train_pose/000001_0_keypoints.json'
    pose.write_text('{"people": []}')
    assert main(root) == 0
    assert f'note: {pose} shows no person' in capsys.readouterr().out


@pytest.mark.fault(12)
def test_parse_labels_are_named_whatever_the_layout(write_viton, main, capsys):
    """VITON-HD's folders with maps of ATR, and the labels of another set."""
    root = write_viton('viton-hd')
    rows = np.repeat([2, 11, 4, 6, 9, 0], [3, 3, 8, 8, 3, 7]).astype(np.uint8)
    label = np.zeros((32, 24), np.uint8)
    label[:, 6:18] = rows[:, None]  # hair, face, upper clothes, pants, shoe
    for path in (root / 'train/image-parse-v3').iterdir():
        Image.fromarray(label).save(path)
    assert main(root, '--layout', 'viton-hd') == 0
    out = capsys.readouterr().out
    assert "has labels that do not fit the set 'cihp' (" in out
    assert "those of 'atr' would fit: parse_labels (--parse-labels)" in out
    assert main(root, '--layout', 'viton-hd', '--parse-labels', 'atr') == 0
    assert 'do not fit the set' not in capsys.readouterr().out


@pytest.mark.fault(12)
def test_masks_and_poses_that_are_not_plausible(write_viton, main, capsys):
    root = write_viton()
    base = root / 'VITON_traindata'
    image = np.full((32, 24, 3), 255, np.uint8)
    image[6:26, 6:18] = 20, 40, 160
    Image.fromarray(image).save(base / 'train_color/000001_1.jpg')
    mask = np.where(image[..., 0] == 255, 255, 0).astype(np.uint8)
    Image.fromarray(mask).save(base / 'train_edge/000001_1.jpg')
    joints = [[0.1 + k / 20, 0.2 + k / 25, 0.5] for k in range(18)]
    people = [{'pose_keypoints': np.ravel(joints).tolist()}]
    pose = base / 'train_pose/000002_0_keypoints.json'
    pose.write_text(json.dumps({'people': people}))
    assert main(root) == 0
    out = capsys.readouterr().out
    assert f'note: {base}/train_edge/000001_1.jpg is inverted (' in out
    assert f'note: {pose} has normalised joints (' in out


def test_pairs_files(write_viton, main, capsys):
    root = write_viton(split='test')
    (root / 'VITON_test/test_clothes/000001_1.jpg').unlink()
    assert main(root) == 2
    assert 'the garment of 000001_0.jpg' in capsys.readouterr().out
    (root / 'test_pairs.txt').write_text('000001_0.jpg 000002_1.jpg\n')
    assert main(root) == 0
    out = capsys.readouterr().out
    assert f'1 pairs of {root}/test_pairs.txt' in out
    assert 'note: 1 persons lack the garment that they wear' in out
    (root / 'mine.txt').write_text('000001_0.jpg 000001_1.jpg\n')
    assert main(root, '--pairs-file', 'mine.txt') == 2
    assert 'names 1 images that' in capsys.readouterr().out
    assert main(root, '--pairs-file', 'no.txt') == 2
    assert 'no such file of pairs' in capsys.readouterr().err


def test_names_and_ranks_are_compared(write_viton, main, capsys):
    root = write_viton()
    base = root / 'VITON_traindata'
    for folder in ('train_img', 'train_label'):
        (path,) = (base / folder).glob('000000_0.*')
        path.rename(path.with_name(path.name.replace('000000', '000009')))
    assert main(root) == 2
    out = capsys.readouterr().out
    assert 'note: 4 persons get another garment by rank than by name' in out


def test_makes_the_masks_that_are_missing(write_viton, main, capsys):
    root = write_viton('folder')
    masks = root / 'masks'
    kept = (masks / '00000_00.jpg').read_bytes()
    for number in (1, 2, 3):
        (masks / f'{number:05d}_00.jpg').unlink()
        cloth = np.full((32, 24, 3), 240, np.uint8)
        if number < 3:
            cloth[6:28, 5:20] = 10, 20, 160
        path = root / f'clothes/{number:05d}_00.jpg'
        path.unlink()
        Image.fromarray(cloth).save(path.with_suffix('.png'))
    arguments = root, '--layout', 'folder', '--make-masks'
    assert main(*arguments) == 2
    out, err = capsys.readouterr()
    assert f'wrote 2 masks to {masks}' in out
    assert '00003_00.png: GrabCut found no garment' in out
    assert err.startswith('error: 1 defects')
    mask = np.asarray(Image.open(masks / '00001_00.png'))
    assert set(mask.flat) == {0, 255}
    assert (mask > 0).sum() == 22 * 15
    assert (masks / '00000_00.jpg').read_bytes() == kept
    # goes on where it was; the rest is checked
    (root / 'clothes/00003_00.png').unlink()
    assert main(*arguments, '--check') == 2
    out = capsys.readouterr().out
    assert 'wrote 0 masks' in out
    assert 'defects: 1,' in out
    assert sorted(path.suffix for path in masks.iterdir()) == [
        '.jpg',
        '.png',
        '.png',
    ]


def test_an_empty_root(main, tmp_path, capsys):
    assert main(tmp_path) == 2
    err = capsys.readouterr().err
    assert 'does not exist: expected the folders' in err
    assert err.count('\n') == 1
    (tmp_path / 'test_img').mkdir()
    assert main(tmp_path) == 2
    assert 'test_img has no image' in capsys.readouterr().err
