# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Clips of a small converted dataset: rows, files, labels, bad annotations."""

import json
import pickle
import re

import numpy as np
import pytest
from PIL import Image

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_reid.layout import (
    Meta,
    PersonSplit,
    Tracklet,
    VideoReID,
)
from mmfashion_ext.registry import DATASETS
from mmfashion_ext.scan import dataset as module
from mmfashion_ext.scan.dataset import VideoReIDDataset
from mmfashion_ext.utils.seeded_index import SeededIndex

#: Frames of person p in camera c; person 4 is in camera 1 only.
LENGTHS = [(5, 9), (3, 1), (4, 4), (7, 2), (0, 6)]
SPLIT = PersonSplit([0, 1, 4], [3, 2], [2, 3])


def write_files(root, files, folders=('images', 'others')):
    pixel = Image.fromarray(np.zeros((2, 1, 3), np.uint8))
    for folder in folders:
        (root / folder).mkdir(exist_ok=True)
        for file in files:
            pixel.save(root / folder / file)


@pytest.fixture
def root(tmp_path):
    identities = [
        [[f'{p}{c}{k:02d}.png' for k in range(n)] for c, n in enumerate(row)]
        for p, row in enumerate(LENGTHS)
    ]
    files = [f for person in identities for camera in person for f in camera]
    write_files(tmp_path, files)
    VideoReID(Meta('toy', 2, identities), [SPLIT]).write(tmp_path)
    return tmp_path


def make(root, **kwargs):
    kwargs = {'clip_length': 3, 'stride': 2, 'label_seed': None} | kwargs
    return VideoReIDDataset(str(root), **kwargs)


def rows(dataset):
    keys = ('pid', 'label', 'camid', 'tracklet', 'start', 'end')
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [tuple(info[k] for k in keys) for info in infos]


def test_training_clips(root, monkeypatch):
    printed = []
    monkeypatch.setattr(module, 'print_log', lambda m, **_: printed.append(m))
    dataset = make(root)
    assert rows(dataset) == [
        (0, 0, 0, 0, 0, 3),
        (0, 0, 1, 1, 0, 3),
        (0, 0, 1, 1, 2, 5),
        (0, 0, 1, 1, 4, 7),
        (1, 1, 0, 2, 0, 3),
        (1, 1, 1, 3, 0, 1),
        (4, 2, 1, 5, 0, 3),
        (4, 2, 1, 5, 2, 5),
    ]
    metainfo = dict(dataset.metainfo)
    assert metainfo == {
        'dataset': 'toy',
        'num_cameras': 2,
        'split': 0,
        'role': 'train',
        'num_classes': 3,
        'pids': [0, 1, 4],
    }
    (printed,) = printed
    assert 'identities 3, tracklets 5, clips 8, cameras 2' in printed
    assert 'empty, skipped: person 4 in camera 0' in printed


def test_frames_of_a_clip(root):
    info = make(root).get_data_info(2)
    frames = ['0102.png', '0103.png', '0104.png']
    assert info['img_paths'] == [f'{root}/images/{f}' for f in frames]
    assert info['flow_paths'] == [f'{root}/others/{f}' for f in frames]
    assert info['clip_length'] == 3
    assert info['role'] == 'train'
    assert 'files' not in info


def test_test_clips_are_query_then_gallery(root):
    dataset = make(root, role='test', last='include')
    assert dataset.test_mode
    assert rows(dataset) == [
        *((3, -1, 0, 0, 0, 3), (3, -1, 0, 0, 2, 5), (3, -1, 0, 0, 4, 7)),
        *((2, -1, 0, 1, 0, 3), (2, -1, 0, 1, 1, 4)),
        *((2, -1, 1, 2, 0, 3), (2, -1, 1, 2, 1, 4)),
        (3, -1, 1, 3, 0, 2),
    ]
    roles = [dataset.get_data_info(i)['role'] for i in range(len(dataset))]
    assert roles == ['query'] * 5 + ['gallery'] * 3
    assert dataset.metainfo['num_classes'] == 3


def test_labels_are_shuffled_as_published(root):
    np.random.seed(5)  # noqa: NPY002
    expected = [0, 1, 4]
    np.random.shuffle(expected)  # noqa: NPY002
    dataset = make(root, label_seed=5)
    assert dataset.metainfo['pids'] == expected
    for pid, label, *_ in rows(dataset):
        assert expected[label] == pid


def test_registered_lazy_and_pickled(root):
    kind = DATASETS.module_dict['VideoReIDDataset']
    dataset = kind(data_root=str(root), flow=False, lazy_init=True)
    dataset.full_init()
    assert 'flow_paths' not in dataset.get_data_info(0)
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy[0] == dataset[0]  # no pipeline: the item itself
    assert len(VideoReIDDataset(str(root), indices=2)) == 2


def test_several_tracklets_a_camera(root):
    tracklets = [
        Tracklet(2, 0, ['2000.png', '2001.png']),
        Tracklet(1, 0, ['1000.png']),
        Tracklet(1, 0, ['1001.png', '1002.png']),
        Tracklet(0, 1, []),
        Tracklet(0, 1, ['0100.png']),
        Tracklet(0, 0, ['0000.png']),
    ]
    meta = json.loads((root / 'meta.json').read_text())
    split = PersonSplit([1, 2], [0], [0], [1, 0, 2], [4], [3, 4, 5])
    VideoReID(Meta('m', 2, meta['identities'], tracklets), [split]).write(root)
    train = make(root)
    assert train.metainfo['pids'] == [1, 2]
    assert rows(train) == [
        *((1, 0, 0, 0, 0, 1), (2, 1, 0, 1, 0, 2), (1, 0, 0, 2, 0, 2))
    ]
    assert rows(make(root, role='test')) == [
        *((0, -1, 1, 0, 0, 1), (0, -1, 1, 2, 0, 1), (0, -1, 0, 3, 0, 1))
    ]


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    ('query', 'gallery', 'message'),
    [
        ([4], [], 'split 0 has no gallery tracklet with frames'),
        ([4], [3], 'split 0 has no gallery tracklet with frames'),
        ([], [4], 'split 0 has no query tracklet with frames'),
        ([4], [2], 'none of the 1 queries has a match'),
    ],
)
def test_what_leaves_nothing_to_evaluate_is_told_at_load(
    root, query, gallery, message
):
    """Not after the first epoch, when it is validated."""
    tracklets = [
        Tracklet(1, 0, ['1000.png']),
        Tracklet(1, 1, ['1100.png']),
        Tracklet(2, 0, ['2000.png']),
        Tracklet(0, 0, []),
        Tracklet(0, 1, ['0100.png']),
    ]
    meta = json.loads((root / 'meta.json').read_text())
    pids = [sorted({tracklets[i].pid for i in x}) for x in (query, gallery)]
    split = PersonSplit([1], *pids, [0, 1], query, gallery)
    VideoReID(Meta('m', 2, meta['identities'], tracklets), [split]).write(root)
    make(root)
    with pytest.raises(UserError, match=message):
        make(root, role='test')


def test_flow_of_jpeg_frames_is_png(tmp_path):
    meta = Meta('m', 2, [[['a.jpg'], ['b.jpg']]])
    VideoReID(meta, [PersonSplit([0], [0], [0])]).write(tmp_path)
    write_files(tmp_path, ['a.jpg', 'b.jpg'], ['images'])
    write_files(tmp_path, ['a.png', 'b.png'], ['others'])
    info = make(tmp_path).get_data_info(1)
    assert info['flow_paths'] == [f'{tmp_path}/others/b.png']


def test_missing_files_are_named(root):
    (root / 'others/0001.png').unlink()
    (root / 'others/1100.png').unlink()
    message = (
        r'others lacks 2 of 24 flow maps: 0001\.png, 1100\.png; compute them '
        r'with tools/dataset_converters/video_reid\.py, or set flow=False'
    )
    with pytest.raises(UserError, match=message):
        make(root)
    assert len(make(root, role='test')) == 5  # those maps are not needed
    (root / 'images/0001.png').unlink()
    with pytest.raises(UserError, match=r'images lacks 1 of 24 frames'):
        make(root, flow=False)


def test_no_flow_at_all(root):
    for path in (root / 'others').iterdir():
        path.unlink()
    (root / 'others').rmdir()
    with pytest.raises(UserError, match=r'24 of 24 flow maps: .* and 19 more'):
        make(root)
    assert len(make(root, flow=False)) == 8


def test_unknown_persons_and_splits(root):
    with pytest.raises(UserError, match='has 1 splits'):
        make(root, split=1)
    with pytest.raises(UserError, match="'train' or 'test', got 'val'"):
        make(root, role='val')
    splits = root / 'splits.json'
    row = {'trainval': [0, 5], 'query': [2], 'gallery': [2]}
    splits.write_text(json.dumps([row]))
    with pytest.raises(
        UserError, match=r'split 0 has trainval\[1\] 5, expected'
    ):
        make(root)
    row['trainval'] = []
    splits.write_text(json.dumps([row]))
    message = f'{root}: split 0 has no train clip'
    with pytest.raises(UserError, match=re.escape(message)):
        make(root)


def test_each_clip_has_a_generator_of_its_own(root):
    dataset = make(root)
    drawn = [
        dataset.get_data_info(SeededIndex(index, 1, epoch, position))['rng']
        .integers(2**60)
        .item()
        for index, epoch, position in (
            (0, 0, 0),
            (0, 0, 0),
            (0, 0, 1),
            (0, 1, 0),
        )
    ]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3
    assert 'rng' not in dataset.get_data_info(0)
