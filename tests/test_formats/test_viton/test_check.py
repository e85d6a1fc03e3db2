# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pickle

import numpy as np
import pytest
from PIL import Image

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.viton.check import (
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


def test_a_group_can_be_sent_to_a_process(write_viton):
    groups = file_groups(open_split(write_viton()))
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
