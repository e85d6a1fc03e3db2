# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""One's own tracklets: layouts, any names, splits that can be tested."""

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_reid.convert import convert, read_raw
from mmfashion_ext.formats.video_reid.layout import VideoReID
from mmfashion_ext.formats.video_reid.raw_folders import (
    FolderOptions,
    compile_layout,
    read_folders,
)


def write(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((32, 16, 3), 40, np.uint8))


@pytest.fixture
def own(tmp_path):
    """Three persons in three cameras, dora in one camera only."""
    root = tmp_path / 'own'
    for folder in ('anna/door', 'anna/yard', 'bob/door', 'bob/yard'):
        write(root, *(f'{folder}/{k}.png' for k in (1, 2, 10)))
    write(root, 'carl/hall/1.png', 'carl/yard/1.png', 'dora/door/1.png')
    return root


def test_persons_and_cameras_of_any_name(own, tmp_path):
    persons = tmp_path / 'train.txt'
    persons.write_text('bob\n\n')
    raw = read_folders(own, FolderOptions(train_persons=persons))
    assert raw.persons == ['anna', 'bob', 'carl', 'dora']
    assert raw.num_cameras == 3
    (split,) = raw.splits
    assert (split.trainval, split.query) == ([1], [0, 2])
    assert split.gallery == [0, 2, 3]
    names = ['/'.join(t.frames[0].parts[-3:-1]) for t in raw.tracklets]
    assert [names[i] for i in split.query_tracklets] == [
        'anna/door',
        'carl/hall',
    ]
    assert [names[i] for i in split.gallery_tracklets] == [
        'anna/yard',
        'carl/yard',
        'dora/door',
    ]
    frames = [path.stem for path in raw.tracklets[0].frames]
    assert frames == ['1', '2', '10']


def test_ten_random_splits_have_no_person_twice(own):
    raw = read_folders(own, FolderOptions(train_share=0.25, seed=3))
    assert len(raw.splits) == 10
    for split in raw.splits:
        assert len(split.trainval) == 1
        assert not {*split.trainval} & {*split.gallery}
        numbers = [*split.train_tracklets, *split.query_tracklets]
        numbers += split.gallery_tracklets
        assert sorted(numbers) == [*range(len(raw.tracklets))]
    assert (
        raw.splits
        == read_folders(
            own, FolderOptions('{person}/{camera}', 0.25, 3)
        ).splits
    )
    assert len({split.trainval[0] for split in raw.splits}) > 1


@pytest.mark.parametrize(
    ('layout', 'names'),
    [
        (
            '{camera}/{person}_{tracklet}',
            'c1/7_1/0.png c2/7_1/0.png c1/8_2/0.png',
        ),
        (
            '{person}/{person}C{camera}T{tracklet}F{frame}',
            '7/7C1T1F1.png 7/7C2T1F1.png 8/8C1T2F1.png',
        ),
        ('{person}C{camera}F{frame}', '7C1F1.png 7C2F1.png 8C1F2.png'),
    ],
)
def test_layouts(tmp_path, layout, names):
    write(tmp_path, *names.split())
    raw = read_folders(tmp_path, FolderOptions(layout))
    assert raw.persons == ['7', '8']
    assert [(t.pid, t.camid) for t in raw.tracklets] == [
        (0, 0),
        (0, 1),
        (1, 0),
    ]


def test_the_converted_dataset_is_that_of_training_and_test(own, tmp_path):
    raw = read_raw('folders', own, 'dis', 'published')
    out = tmp_path / 'out'
    convert(raw, out, flow='dis', bound=16, jobs=1, progress=lambda c, *_: c)
    data = VideoReID.read(out / 'meta.json', out / 'splits.json')
    for role in ('train', 'query', 'gallery'):
        for tracklet in data.tracklets(0, role):
            for file in tracklet.files:
                assert (out / 'images' / file).is_file()
                assert (out / 'others' / file).is_file()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (FolderOptions('{person}'), r'expected .person. and .camera.'),
        (FolderOptions('{person}/{cam}'), r'got .cam.'),
        (FolderOptions('{person}-{camera}'), r'do not have the layout'),
        (FolderOptions(train_share=0.01), r'leaves 0 for training and 4'),
    ],
)
def test_what_is_wrong_is_told(own, options, message):
    with pytest.raises(UserError, match=message):
        read_folders(own, options)


def test_what_cannot_be_tested(own, tmp_path):
    with pytest.raises(UserError, match='no images in folders'):
        read_folders(tmp_path / 'own' / 'none', FolderOptions())
    persons = tmp_path / 'train.txt'
    persons.write_text('zoe')
    with pytest.raises(UserError, match='names zoe, who are not among the 4'):
        read_folders(own, FolderOptions(train_persons=persons))
    persons.write_text('anna\nbob\ncarl')
    with pytest.raises(UserError, match='none of the test persons is in two'):
        read_folders(own, FolderOptions(train_persons=persons))
    with pytest.raises(UserError, match='folders have no flow maps'):
        read_raw('folders', own, 'given', 'published')
    write(tmp_path / 'one', 'a/c/1.png')
    with pytest.raises(UserError, match='found 1 persons in 1 cameras'):
        read_folders(tmp_path / 'one', FolderOptions())
    assert compile_layout('{person}/{camera}').fullmatch('a/b')
