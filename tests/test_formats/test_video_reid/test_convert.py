# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import numpy as np
import pytest
from PIL import Image

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.video_reid.convert import (
    convert,
    name_frames,
)
from mmfashion_ext.formats.video_reid.layout import PersonSplit, VideoReID
from mmfashion_ext.formats.video_reid.optical_flow import compute_flow
from mmfashion_ext.formats.video_reid.raw_ilids_prid import (
    RawTracklet,
    RawVideos,
)


def write_frame(path, seed, size=(16, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def raw(tmp_path):
    tracklets = [
        RawTracklet(
            pid,
            camid,
            [
                write_frame(tmp_path / f'raw/{pid}{camid}{k}.png', 9 * pid + k)
                for k in range(length)
            ],
        )
        for pid, camid, length in ((0, 0, 3), (0, 1, 1), (1, 0, 2), (1, 1, 0))
    ]
    return RawVideos(
        'toy', 2, ['a', 'b'], tracklets, [PersonSplit([0], [1], [1])]
    )


def run(raw, root, flow='dis', jobs=1):
    done = []

    def progress(counts, title, total):
        done.append([title, 0, total])
        for count in counts:
            done[-1][1] += count
            yield count

    data = convert(
        raw, root, flow=flow, bound=16.0, jobs=jobs, progress=progress
    )
    assert all(count == total == 6 for _, count, total in done)
    return data


def read_all(folder):
    return {p.name: np.asarray(Image.open(p)) for p in folder.iterdir()}


def test_everything_is_written(raw, tmp_path):
    root = tmp_path / 'new' / 'toy'
    data = run(raw, root)
    assert VideoReID.read(root / 'meta.json', root / 'splits.json') == data
    assert data.meta.identities[0] == [
        [f'00000000_00_{k:04d}.png' for k in range(3)],
        ['00000000_01_0000.png'],
    ]
    assert data.meta.tracklets is None
    frames, flows = read_all(root / 'images'), read_all(root / 'others')
    assert len(frames) == 6
    assert set(frames) == set(flows)
    for tracklet in raw.tracklets:
        raw_frames = [np.asarray(Image.open(p)) for p in tracklet.frames]
        for k, (frame, map_) in enumerate(
            zip(raw_frames, compute_flow(raw_frames, 'dis'), strict=True)
        ):
            name = f'{tracklet.pid:08d}_{tracklet.camid:02d}_{k:04d}.png'
            assert (frames[name] == frame).all()
            assert (flows[name] == map_).all()


def test_goes_on_where_it_was(raw, tmp_path):
    run(raw, tmp_path)
    want = read_all(tmp_path / 'others')
    kept = tmp_path / 'others/00000000_00_0000.png'
    lost = tmp_path / 'others/00000000_00_0001.png'
    broken = tmp_path / 'images/00000001_00_0001.png'
    lost.unlink()
    broken.unlink()
    broken.write_bytes(b'half')
    (tmp_path / 'meta.json').unlink()
    old = kept.stat().st_mtime_ns
    run(raw, tmp_path)
    assert kept.stat().st_mtime_ns == old
    found = read_all(tmp_path / 'others')
    assert set(found) == set(want)
    assert all((found[name] == want[name]).all() for name in want)
    assert broken.stat().st_size > 4
    assert (tmp_path / 'meta.json').is_file()


def test_processes_write_the_same(raw, tmp_path):
    run(raw, tmp_path / 'one')
    run(raw, tmp_path / 'two', jobs=2)
    one, two = (read_all(tmp_path / n / 'others') for n in ('one', 'two'))
    assert set(one) == set(two)
    assert all((one[name] == two[name]).all() for name in one)


def test_kinds_of_flow_are_not_mixed(raw, tmp_path):
    run(raw, tmp_path, 'none')
    assert not (tmp_path / 'others').exists()
    run(raw, tmp_path, 'dis')
    with pytest.raises(UserError, match=r'flow of another kind .*farneback'):
        run(raw, tmp_path, 'farneback')
    (tmp_path / 'flow.json').unlink()
    with pytest.raises(UserError, match=r"another kind \('unknown', expected"):
        run(raw, tmp_path, 'dis')


def test_given_flow_is_copied(raw, tmp_path):
    given = [
        RawTracklet(*t[:3], t[2])
        for t in ((r.pid, r.camid, r.frames) for r in raw.tracklets)
    ]
    videos = RawVideos('toy', 2, ['a', 'b'], given, raw.splits)
    run(videos, tmp_path, 'given')
    frames, flows = (read_all(tmp_path / n) for n in ('images', 'others'))
    assert all((frames[name] == flows[name]).all() for name in frames)


def test_several_tracklets_count_on(tmp_path):
    paths = [write_frame(tmp_path / f'{k}.JPG', k) for k in range(3)]
    tracklets = [
        RawTracklet(0, 4, paths[:2]),
        RawTracklet(0, 4, paths[2:]),
    ]
    named = name_frames(tracklets)
    assert [t.files for t in named] == [
        ['00000000_04_0000.jpg', '00000000_04_0001.jpg'],
        ['00000000_04_0002.jpg'],
    ]
    split = PersonSplit([0], [0], [0], [0], [1], [1])
    videos = RawVideos('toy', 5, ['a'], tracklets, [split], listed=True)
    convert(
        videos,
        tmp_path / 'out',
        flow='farneback',
        bound=16.0,
        jobs=1,
        progress=lambda counts, title, total: counts,
    )
    data = VideoReID.read(
        tmp_path / 'out/meta.json', tmp_path / 'out/splits.json'
    )
    assert data.tracklets(0, 'gallery') == named[1:]
    maps = sorted(p.name for p in (tmp_path / 'out/others').iterdir())
    assert maps == [f'00000000_04_{k:04d}.png' for k in range(3)]


def test_bad_frames_are_named(raw, tmp_path):
    bad = raw.tracklets[2].frames[1]
    write_frame(bad, 1, (16, 9))
    with pytest.raises(UserError, match='8 x 16 and 9 x 16 px'):
        run(raw, tmp_path / 'a')
    bad.write_bytes(bad.read_bytes()[:200])
    with pytest.raises(
        UserError,
        match=r'1_00_0001\.png: cannot be read as an image .* convert once',
    ):
        run(raw, tmp_path / 'b')
    bad.unlink()
    with pytest.raises(UserError, match='does not exist, though a list'):
        run(raw, tmp_path / 'c')
    assert not list(tmp_path.glob('?/meta.json'))


@pytest.mark.fault(21)
def test_all_bad_frames_are_reported(raw, tmp_path, capsys):
    """One does not end the conversion before the others are seen."""
    out = tmp_path / 'out'
    first, second = raw.tracklets[0].frames[1], raw.tracklets[2].frames[0]
    whole = {path: path.read_bytes() for path in (first, second)}
    for path in whole:
        path.unlink()
        path.write_bytes(whole[path][:100])
    with pytest.raises(UserError, match=r'^2 frames or .*0_00_0001\.png') as e:
        run(raw, out)
    assert '\n' not in str(e.value)
    listed = capsys.readouterr().err.splitlines()
    assert ['00_00_0001' in listed[0], '01_00_0000' in listed[1]] == [True] * 2
    assert len(list((out / 'others').iterdir())) == 1, 'the good tracklet'
    for path, content in whole.items():  # of the same size as the damaged
        path.write_bytes(content)
    run(raw, out)
    assert len(read_all(out / 'others')) == 6
    for path in whole:
        path.unlink()
    with pytest.raises(
        UserError, match=r'^2 frames .* does not exist, though'
    ):
        run(raw, tmp_path / 'other')
