# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import io
import os
import tarfile
import zipfile

import numpy as np
import pytest
from scipy.io import savemat

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_reid.raw_ilids_prid import (
    prid_splits,
    read_ilids_vid,
    read_prid2011,
)

SPLIT_FILE = 'train-test people splits/train_test_splits_ilidsvid.mat'


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')


def write_mat(path, **content):
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, content)


@pytest.fixture
def ilids(tmp_path):
    """Persons 1, 3, 4 and 319; person 4 is seen by camera 2 only."""
    root = tmp_path / 'iLIDS-VID'
    for number, cameras in ((319, '12'), (1, '12'), (3, '12'), (4, '2')):
        for camera in cameras:
            for frame in (9, 10, 317):
                who = f'cam{camera}_person{number:03d}_{frame:05d}.png'
                tree = f'cam{camera}/person{number:03d}'
                touch(
                    root / 'i-LIDS-VID/sequences' / tree / who,
                    tmp_path / 'optical_flow/optical_flow' / tree / who,
                )
    rows = np.array([[4, 1, 3, 2], [2, 3, 4, 1]])
    write_mat(root / SPLIT_FILE, ls_set=rows.astype(np.float64))
    return tmp_path


def test_ilids_persons_are_renumbered(ilids):
    raw = read_ilids_vid(ilids)
    assert raw.persons == [f'person{n:03d}' for n in (1, 3, 4, 319)]
    shown = [(t.pid, t.camid, len(t.frames)) for t in raw.tracklets]
    assert shown == [
        *((0, 0, 3), (0, 1, 3), (1, 0, 3), (1, 1, 3)),
        *((2, 0, 0), (2, 1, 3), (3, 0, 3), (3, 1, 3)),
    ]
    first = [path.stem[-5:] for path in raw.tracklets[0].frames]
    assert first == ['00009', '00010', '00317']
    assert raw.tracklets[0].flows is None
    assert raw.notes() == [
        '4 persons, published are 300',
        'person004 has no frame in camera 0',
    ]


def test_ilids_splits_are_sorted_halves(ilids):
    first, second = read_ilids_vid(ilids).splits
    assert (first.trainval, first.query, first.gallery) == (
        [0, 3],
        [1, 2],
        [1, 2],
    )
    assert (second.trainval, second.query) == ([1, 2], [0, 3])
    first, second = read_ilids_vid(ilids, splits='corrected').splits
    assert (first.trainval, first.query) == ([1, 2], [0, 3])
    assert (second.trainval, second.query) == ([0, 3], [1, 2])


def test_ilids_given_flow(ilids):
    for tracklet in read_ilids_vid(ilids, given_flow=True).tracklets:
        assert [p.name for p in tracklet.flows] == [
            p.name for p in tracklet.frames
        ]
    lost = 'optical_flow/optical_flow/cam1/person003/cam1_person003_00010.png'
    (ilids / lost).unlink()
    with pytest.raises(UserError, match=r'1 frames of person 3 .*_00010\.png'):
        read_ilids_vid(ilids, given_flow=True)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'ls_set': [[1.0, 2, 3]]}, 'has 3 columns, expected 4'),
        ({'ls_set': [[1.0, 2, 3, 5]]}, 'row 1 .* names 5'),
        ({'ls_set': [[1.0, 2, 3, 3]]}, 'row 1 .* repeats some'),
        (
            {'ls_set': [[1.5, 2, 3, 4]]},
            'ls_set is not a matrix of whole',
        ),
        ({'other': 1}, 'has no variable ls_set'),
    ],
)
def test_ilids_wrong_splits(ilids, content, message):
    write_mat(ilids / 'iLIDS-VID' / SPLIT_FILE, **content)
    with pytest.raises(UserError, match=message):
        read_ilids_vid(ilids)


def test_ilids_broken_files(ilids):
    split_file = ilids / 'iLIDS-VID' / SPLIT_FILE
    split_file.write_bytes(b'no matrix')
    with pytest.raises(UserError, match='cannot be read'):
        read_ilids_vid(ilids)
    split_file.unlink()
    with pytest.raises(UserError, match='does not exist'):
        read_ilids_vid(ilids)
    sequences = ilids / 'iLIDS-VID/i-LIDS-VID/sequences'
    touch(sequences / 'cam1/person001/frame1.png')
    with pytest.raises(UserError, match=r'frame1\.png is not named like'):
        read_ilids_vid(ilids)


def test_missing_and_empty_raw_folder(tmp_path):
    with pytest.raises(UserError, match=r'neither iLIDS-VID/ nor iLIDS-VID\.'):
        read_ilids_vid(tmp_path)
    (tmp_path / 'prid_2011').mkdir()
    with pytest.raises(UserError, match=r'multi_shot holds no cam_\?'):
        read_prid2011(tmp_path)


def test_prid_from_its_archives(tmp_path):
    """Persons above 200 are not in both cameras: dropped."""
    numbers = [*range(1, 6), 202]
    with (
        zipfile.ZipFile(tmp_path / 'prid_2011.zip', 'w') as frames,
        tarfile.open(tmp_path / 'prid_xiong.tar', 'w') as flows,
    ):
        for number in numbers:
            for camera in 'ab':
                name = f'cam_{camera}/person_{number:04d}/0001.png'
                frames.writestr(f'multi_shot/{name}', b'rgb')
                info = tarfile.TarInfo(name)
                info.size = 4
                flows.addfile(info, io.BytesIO(b'flow'))
    raw = read_prid2011(tmp_path, given_flow=True)
    assert raw.persons == [f'person_{n:04d}' for n in numbers[:5]]
    assert [(t.pid, t.camid) for t in raw.tracklets] == [
        (p, c) for p in range(5) for c in (0, 1)
    ]
    assert raw.tracklets[1].frames[0].read_bytes() == b'rgb'
    assert raw.tracklets[1].flows[0].read_bytes() == b'flow'
    assert raw.tracklets[1].frames[0].parts[-3] == 'cam_b'
    assert not [p for p in tmp_path.iterdir() if p.name.startswith('.')]


def test_prid_splits_as_published():
    np.random.seed(1)  # noqa: NPY002
    draw = np.random.permutation
    expected = [draw(200) - 1 for _ in range(10)]
    for split, row in zip(prid_splits(), expected, strict=True):
        assert split.trainval == row[:100].tolist()
        assert split.query == split.gallery == row[100:].tolist()
    assert set(expected[0].tolist()) == set(range(-1, 199))
    corrected = prid_splits(splits='corrected')[0]
    assert corrected.trainval == [p + 1 for p in prid_splits()[0].trainval]


@pytest.mark.fault(29)
@pytest.mark.parametrize('ending', ['.PNG', '.JPG', '.jpeg', '.bmp'])
def test_frames_of_other_endings(ilids, ending):
    expected = read_ilids_vid(ilids, given_flow=True)
    frames = ilids / 'iLIDS-VID/i-LIDS-VID/sequences'
    for path in list(frames.rglob('*.png')):
        path.rename(path.with_suffix(ending))
    touch(frames / 'cam1/person001/._cam1_person001_00009.png')
    touch(frames / 'cam1/person001/Thumbs.db')
    raw = read_ilids_vid(ilids, given_flow=True)
    assert raw.persons == expected.persons
    for tracklet, other in zip(raw.tracklets, expected.tracklets, strict=True):
        assert [p.stem for p in tracklet.frames] == [
            p.stem for p in other.frames
        ]
        assert tracklet.flows == other.flows


@pytest.mark.fault(29)
def test_a_frame_of_two_endings(ilids):
    tree = ilids / 'iLIDS-VID/i-LIDS-VID/sequences/cam1/person001'
    touch(tree / 'cam1_person001_00009.jpg')
    with pytest.raises(
        UserError, match=r'_00009\.png is the same frame as ca'
    ):
        read_ilids_vid(ilids)


@pytest.mark.fault(29)
def test_prid_without_persons_of_both_cameras(tmp_path):
    for camera in 'ab':
        tree = tmp_path / f'prid_2011/multi_shot/cam_{camera}'
        touch(tree / 'person_0201/0001.png', tree / 'person_0300/0001.png')
    with pytest.raises(
        UserError, match=r'none of person_0001 to person_0200.*only .*201, 300'
    ):
        read_prid2011(tmp_path)


@pytest.mark.fault(29)
def test_splits_of_matlab_7_3(ilids):
    head = b'MATLAB 7.3 MAT-file, Platform: GLNXA64'.ljust(124) + b'\0\2IM'
    hdf5 = b'\x89HDF\r\n\x1a\n' + bytes(100)
    path = ilids / 'iLIDS-VID' / SPLIT_FILE
    for content in (head.ljust(512, b'\0') + hdf5, hdf5):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"7\.3 \(HDF5\).*save.*'-v7'"):
            read_ilids_vid(ilids)


@pytest.mark.fault(4)
def test_pipes_do_not_hang(ilids):
    path = ilids / 'iLIDS-VID' / SPLIT_FILE
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UserError, match='a device, pipe or socket'):
        read_ilids_vid(ilids)
    os.mkfifo(ilids / 'prid_2011.zip')
    with pytest.raises(UserError, match='a device, pipe or socket'):
        read_prid2011(ilids)


@pytest.mark.fault(29)
def test_a_split_file_without_splits(ilids):
    write_mat(ilids / 'iLIDS-VID' / SPLIT_FILE, ls_set=np.zeros((0, 4)))
    with pytest.raises(UserError, match='ls_set has no rows, expected 10'):
        read_ilids_vid(ilids)
