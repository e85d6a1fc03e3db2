# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import re
import time

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_reid.raw_ilids_prid import read_ilids_vid
from mmfashion_ext.synthetic import generate_video_reid
from mmfashion_ext.synthetic.__main__ import main
from mmfashion_ext.synthetic.video_reid.camera import (
    Occluder,
    Track,
    make_camera,
    random_track,
    render_frame,
)
from mmfashion_ext.synthetic.video_reid.generate import (
    SEQUENCES,
    person_appearance,
)
from mmfashion_ext.synthetic.video_reid.walker import (
    CameraView,
    draw_walker,
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


def test_walkers_differ_by_person_and_side():
    images = []
    for person, yaw in ((0, 0.0), (0, np.pi), (1, 0.0)):
        view = CameraView(yaw, 0.2, 55, (16, 60))
        appearance = person_appearance(0, person)
        figure, cover = draw_walker(appearance, 1.0, view, (32, 64))
        assert figure.shape == (64, 32, 3)
        assert figure.dtype == cover.dtype == np.float32
        assert 0 <= cover.min() <= cover.max() <= 1
        assert 0.08 < cover.mean() < 0.6
        assert (figure[cover == 0] == 0).all()
        assert (figure <= 255 * cover[:, :, None] + 1e-3).all()
        images.append(figure)
    first, behind, other = images
    assert np.abs(first - behind).mean() > 2
    assert np.abs(first - other).mean() > 2


def test_walker_outside_the_picture():
    view = CameraView(0.3, 0.2, 55, (-300, 900))
    _, cover = draw_walker(person_appearance(0, 0), 0.0, view, (16, 32))
    assert not cover.any()


def still(camera, occluders):
    waves = np.zeros((3, 4))
    return Track(40, np.pi / 2, 0.0, 0.0, 1.0, waves, occluders)


@pytest.mark.parametrize('crosses', [True, False])
def test_someone_or_something_comes_between(crosses):
    rng = np.random.default_rng(0)
    camera = make_camera(rng, 0, 64)
    appearance, other = person_appearance(0, 0), person_appearance(0, 5)
    occluder = Occluder(20.0, 0.05, other if crosses else None, 1.5, 1.0)
    plain, hidden = still(camera, []), still(camera, [occluder])
    changed = [
        np.abs(
            render_frame(
                np.random.default_rng(1), camera, plain, appearance, 64, k
            )
            - render_frame(
                np.random.default_rng(1), camera, hidden, appearance, 64, k
            ).astype(float)
        ).mean()
        for k in (0, 20, 39)
    ]
    assert changed[0] == changed[2] == 0
    assert changed[1] > 5


def test_two_cameras_see_differently():
    appearances = [person_appearance(0, k) for k in range(3)]
    means = []
    for kind in (0, 1):
        camera = make_camera(np.random.default_rng(kind), kind, 64)
        rng = np.random.default_rng(5)
        track = random_track(rng, camera, 30, 64, appearances)
        image = render_frame(rng, camera, track, appearances[0], 64, 3)
        assert image.shape == (64, 32, 3)
        assert image.dtype == np.uint8
        blue, _, red = image.reshape(-1, 3).mean(0)
        means.append(blue / red)
    assert means[1] > 1.3 * means[0]  # cold against warm light


def test_fast_enough():
    """60 frames a second of one core; time that others take is not ours."""
    camera = make_camera(np.random.default_rng(0), 0, 128)
    appearance, rng = person_appearance(0, 0), np.random.default_rng(0)
    track = random_track(rng, camera, 60, 128, [appearance])
    render_frame(rng, camera, track, appearance, 128, 0)
    start = time.process_time()
    for frame in range(60):
        image = render_frame(rng, camera, track, appearance, 128, frame)
        cv2.imencode('.png', image)
    assert time.process_time() - start < 2  # twice as long as it may take


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
