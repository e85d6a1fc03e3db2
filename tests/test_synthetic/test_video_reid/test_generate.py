# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import re

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_reid.raw_ilids_prid import read_ilids_vid
from mmfashion_ext.synthetic import generate_video_reid
from mmfashion_ext.synthetic.__main__ import main
from mmfashion_ext.synthetic.video_reid.generate import (
    SEQUENCES,
)

MAKE = {'size': 32, 'frames': (2, 5), 'progress': False}


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    out = tmp_path_factory.mktemp('data') / 'reid'
    return generate_video_reid(out, num=16, seed=3, **MAKE)


def test_layout_of_ilids(root):
    files = sorted(
        f.relative_to(root).as_posix() for f in root.rglob('*') if f.is_file()
    )
    split = 'raw/iLIDS-VID/train-test people splits/'
    assert files[-1] == split + 'train_test_splits_ilidsvid.mat'
    pattern = re.compile(
        SEQUENCES + r'/cam([12])/(person\d{3})/cam\1_\2_\d{5}\.png'
    )
    assert all(pattern.fullmatch(file) for file in files[:-1])
    assert cv2.imread(str(root / files[0])).shape == (32, 16, 3)


def test_is_read_like_ilids(root):
    raw = read_ilids_vid(root / 'raw')
    numbers = [int(name[-3:]) for name in raw.persons]
    assert numbers == [*range(1, 16), 17]  # with a hole, like the real ones
    lengths = [len(t.frames) for t in raw.tracklets]
    assert len(lengths) == 32
    assert set(lengths) <= {2, 3, 4, 5}
    assert len(set(lengths)) > 1
    for tracklet in raw.tracklets:
        frames = [int(path.stem[-5:]) for path in tracklet.frames]
        assert frames == list(range(frames[0], frames[0] + len(frames)))
    assert len(raw.splits) == 10
    assert len({tuple(split.trainval) for split in raw.splits}) == 10
    for split in raw.splits:
        assert len(split.trainval) == len(split.query) == 8


def contents(root):
    files = sorted(path for path in root.rglob('*') if path.is_file())
    return {str(f.relative_to(root)): f.read_bytes() for f in files}


def test_same_seed_same_bytes(tmp_path):
    first = contents(generate_video_reid(tmp_path / 'a', num=2, **MAKE))
    again = contents(generate_video_reid(tmp_path / 'b', num=2, **MAKE))
    assert first == again
    more = contents(generate_video_reid(tmp_path / 'c', num=3, **MAKE))
    images = {name for name in first if name.endswith('.png')}
    assert all(first[name] == more[name] for name in images)
    other = contents(
        generate_video_reid(tmp_path / 'd', num=2, seed=1, **MAKE)
    )
    assert set(other) != set(first)


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'num': 1}, 'num must be at least 2, got 1'),
        ({'num': 901}, 'num must be at most 900, got 901'),
        ({'seed': -1}, 'seed must be at least 0'),
        ({'size': 15}, 'size must be at least 16, got 15'),
        ({'frames': (0, 3)}, 'frames must be at least 1, got 0'),
        ({'frames': (4, 3)}, 'fewest and the most, got 4 and 3'),
    ],
)
def test_numbers_out_of_range(tmp_path, wrong, message):
    with pytest.raises(UserError, match=message):
        generate_video_reid(tmp_path / 'a', **wrong)
    assert not list(tmp_path.iterdir())


def test_converted_data_are_replaced_whole(tmp_path):
    out = generate_video_reid(tmp_path / 'a', num=2, **MAKE)
    (out / 'images').mkdir()
    (out / 'meta.json').write_text('{}')
    with pytest.raises(UserError, match='is not empty'):
        generate_video_reid(out, num=2, **MAKE)
    generate_video_reid(out, num=2, overwrite=True, **MAKE)
    assert [path.name for path in out.iterdir()] == ['raw']


def stripes(image):
    """Colours of eight stripes of the image's middle, (24,)."""
    h, w = image.shape[:2]
    middle = image[h // 8 :, w // 3 : -w // 3].astype(float)
    return cv2.resize(middle, (1, 8), interpolation=cv2.INTER_AREA).ravel()


def test_persons_can_be_told_apart_across_cameras(root):
    """Colours alone are far better than chance (1 / 16), not perfect."""
    features = np.stack(
        [
            np.median([stripes(cv2.imread(str(p))) for p in t.frames], axis=0)
            for t in read_ilids_vid(root / 'raw').tracklets
        ]
    )
    unit = []
    for seen in (features[::2], features[1::2]):  # one camera each
        seen = (seen - seen.mean(0)) / seen.std(0)
        unit.append(seen / np.linalg.norm(seen, axis=1, keepdims=True))
    found = (unit[0] @ unit[1].T).argmax(1)
    assert 0.3 < (found == np.arange(16)).mean() < 1


def test_command_line_writes_data_and_sheet(tmp_path, capsys):
    out, sheet = tmp_path / 'reid', tmp_path / 'sheet.png'
    arguments = ['video-reid', str(out), '--num', '3', '--size', '32']
    arguments += ['--frames', '1', '3', '--sheet', str(sheet)]
    assert main(arguments) == 0
    assert cv2.imread(str(sheet)).shape[0] == 2 * (128 + 20 + 8)
    printed = capsys.readouterr().out
    assert f'video_reid.py ilids-vid {out}/raw --out {out}' in printed
    assert str(sheet) in printed
    assert main(arguments) == 2
    assert 'is not empty' in capsys.readouterr().err


def test_cameras_stand_in_several_halls(tmp_path):
    """One hall is the default; others have a wall and a light of their own."""
    make = {**MAKE, 'num': 8, 'seed': 4}
    usual, varied, fewer = (
        generate_video_reid(tmp_path / name, **make | more)
        for name, more in (
            ('usual', {}),
            ('varied', {'cameras': 3}),
            ('fewer', {'cameras': 3, 'num': 5}),
        )
    )
    before, after = contents(usual), contents(varied)
    same = [before[name] == after[name] for name in before]
    assert 0.1 < np.mean(same) < 0.7  # one in three, and the list of splits
    frames = {n: c for n, c in contents(fewer).items() if n.endswith('.png')}
    assert frames.items() <= after.items()


def test_no_camera_is_an_error(tmp_path):
    with pytest.raises(UserError, match='cameras must be at least 1, got 0'):
        generate_video_reid(tmp_path / 'x', cameras=0, **MAKE)
