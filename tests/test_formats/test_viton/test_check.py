# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.viton.check import (
    check_dataset,
    check_files,
    check_split,
    clothes_without_mask,
    file_groups,
    find_splits,
    list_missing,
    list_notes,
    write_mask,
)
from mmfashion_ext.formats.viton.pairs import TryOnFiles


def open_split(root, layout='viton', split='train'):
    return TryOnFiles(root, layout, split)


def make_plausible(files):
    """Replace poses and masks by those that a person and garment have."""
    joints = [[2 + k, 3 + k, 0.5] for k in range(18)]
    people = [{'pose_keypoints': np.ravel(joints).tolist()}]
    for path in files.folder('pose').iterdir():
        path.write_text(json.dumps({'people': people}))
    mask = np.zeros((32, 24), np.uint8)
    mask[4:28, 4:12] = 255
    for path in files.folder('cloth_mask').iterdir():
        Image.fromarray(mask).save(path)


def test_a_group_can_be_sent_to_a_process(write_viton):
    files = open_split(write_viton())
    make_plausible(files)
    groups = file_groups(files)
    assert len(groups) == 8
    for group in pickle.loads(pickle.dumps(groups)):
        assert check_files(group) == ((32, 24), [], [])


def test_splits_that_exist(write_viton, tmp_path):
    root = write_viton()
    assert [f.split for f in find_splits(root, 'viton')] == ['train']
    write_viton(split='test')
    found = [f.split for f in find_splits(root, 'viton')]
    assert found == ['train', 'test']
    assert [f.split for f in find_splits(root, 'viton', 'test')] == ['test']
    folder = write_viton('folder')
    assert [f.split for f in find_splits(folder, 'folder')] == ['test']
    with pytest.raises(UserError, match='does not exist: expected the fold'):
        find_splits(tmp_path, 'viton')


def test_missing_files_and_notes(write_viton):
    root = write_viton()
    files = open_split(root)
    assert list(list_missing(files, has_pairs=False)) == []
    (files.folder('pose') / '000001_0_keypoints.json').unlink()
    (files.folder('cloth') / '000002_1.jpg').unlink()
    (files.folder('cloth_mask') / '000003_1.jpg').unlink()
    files = open_split(root)
    pose, cloth = list_missing(files, has_pairs=False)
    assert 'keypoints.json is missing: the pose of 000001_0.jpg' in pose
    assert '000002_1.jpg is missing: the garment of 000002_0.jpg' in cloth
    (pose,) = list_missing(files, has_pairs=True)
    (lacking,) = clothes_without_mask(files)
    assert lacking.name == '000003_1.jpg'
    notes = list(list_notes(files, has_pairs=True))
    assert '1 persons lack the garment that they wear' in notes[1]
    assert any('000003_1.jpg has no mask' in note for note in notes)


def test_a_split_is_counted(write_viton, capsys):
    files = open_split(write_viton())
    found = check_split(files, None, 1)
    assert found.defects == []
    assert 'train: 4 persons, published are 14,221' in found.notes
    assert '        8 images of 24 x 32 px' in capsys.readouterr().out


def test_a_mask_is_written_or_a_reason_returned(tmp_path):
    cloth = np.full((32, 24, 3), 240, np.uint8)
    Image.fromarray(cloth).save(path := tmp_path / 'a.png')
    target = tmp_path / 'masks/a.png'
    assert 'GrabCut found no garment' in write_mask((path, target))
    assert not target.exists()
    cloth[6:28, 5:20] = 10, 20, 160
    Image.fromarray(cloth).save(path)
    assert write_mask((path, target)) is None
    mask = np.asarray(Image.open(target))
    assert mask.shape == (32, 24)
    assert set(mask.flat) == {0, 255}


@pytest.mark.fault(12)
def test_what_is_not_plausible_is_noted(write_viton, capsys):
    root = write_viton(num=12)
    files = open_split(root)
    make_plausible(files)
    for path in files.folder('cloth_mask').iterdir():
        Image.fromarray(np.full((32, 24), 255, np.uint8)).save(path)
    np.save(files.folder('densepose') / '000003_0.npy', np.zeros((32, 24)))
    label = np.zeros((32, 24), np.uint8)
    label[2:8, 8:16] = 5  # a shoe above the hair
    label[20:30, 8:16] = 1
    Image.fromarray(label).save(files.folder('parse') / '000004_0.png')
    check_dataset(root, 'viton', 'train')  # no defect
    printed = capsys.readouterr().out
    masks = files.folder('cloth_mask')
    assert (
        f'note: {masks}/000000_1.jpg covers nearly nothing or everything '
        '(100% of the image' in printed
    )
    assert printed.count('covers nearly nothing or everything') == 11
    assert 'note: 2 more of cloth_mask: covers nearly nothing' in printed
    assert '000003_0.npy shows no person (all part ids are 0' in printed
    assert (
        "000004_0.png has labels that do not fit the set 'viton' (left shoe "
        'above hair' in printed
    )


@pytest.mark.fault(12)
def test_labels_of_other_sets_are_read_by_name(write_viton, capsys):
    """Label sets do not depend on the layout of the folders."""
    root = write_viton()
    label = np.zeros((32, 24), np.uint8)
    label[2:6, 8:16], label[6:16, 6:18] = 11, 4  # ATR: face, upper clothes
    label[16:30, 8:16] = 17  # scarf
    for path in open_split(root).folder('parse').iterdir():
        Image.fromarray(label).save(path)
    with pytest.raises(UserError, match='4 defects'):
        check_dataset(root, 'viton', 'train')
    printed = capsys.readouterr().out
    assert 'labels 17, expected whole numbers from 0 to 13; those' in printed
    assert "parse_labels='lip' or 'atr' or 'cihp'" in printed
    check_dataset(root, 'viton', 'train', parse_labels='atr')
    assert 'fit the set' not in capsys.readouterr().out
    dataset = TryOnFiles(root, 'viton', 'train', 'atr')
    assert dataset.labels == 'atr'
    assert open_split(root).labels == 'viton'
    assert open_split(root, 'viton-hd').labels == 'cihp'


def test_dresscode_is_checked_class_by_class(write_viton, capsys):
    write_viton('dresscode', cloth_class='lower_body')
    root = write_viton('dresscode')
    found = find_splits(root, 'dresscode', 'train')
    assert [files.cloth_class for files in found] == [
        *('upper_body', 'lower_body')
    ]
    for files in found:
        mask = np.zeros((32, 24), np.uint8)
        mask[4:28, 4:12] = 255
        for path in files.folder('cloth_mask').iterdir():
            Image.fromarray(mask).save(path)
        (files.folder('densepose') / '000001_5_uv.npz').touch()
    assert check_split(found[1], None, 1).defects == []
    printed = capsys.readouterr().out
    assert f'dresscode train in {root}/lower_body' in printed
    assert '4 pairs of train_pairs.txt' in printed
    # neither garments beside persons nor files that are not read are strays
    assert not any(
        'is left out' in note for note in list_notes(found[1], False)
    )
    (found[0].folder('parse') / '000002_4.png').unlink()
    assert [*list_missing(replace(found[0]), False)] == [
        f'{root}/upper_body/label_maps/000002_4.png is missing: the parse of '
        '000002_0.jpg'
    ]
