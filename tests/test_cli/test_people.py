# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""``mmfashion reid index|search|info`` from raw videos to a sheet."""

import json

import pytest

from mmfashion_ext.formats.video_boxes.mot import read_mot
from mmfashion_ext.synthetic.video_reid.surveillance import (
    generate_surveillance,
)


@pytest.fixture(scope='module')
def scene(tmp_path_factory):
    out = tmp_path_factory.mktemp('scene') / 'data'
    return generate_surveillance(
        out, num=2, size=48, frames=70, progress=False
    )


def test_from_raw_videos_to_a_person(mmfashion, error, scene, tmp_path):
    pytest.importorskip('trackers')
    boxes = ['--boxes', scene / 'detections']
    words = ['reid', 'index', scene / 'videos', '--out', 'p.index', *boxes]
    done = mmfashion(*words, '--tracks', 'tracks')
    first, second, *wrote = done.stdout.splitlines()
    assert first == 'cam1.mp4: 70 frames, 2 tracks, 2 tracklets'
    assert second.startswith('cam2.mp4: 70 frames')
    assert wrote == ['wrote p.index: 4 tracklets', 'wrote tracks/']
    assert read_mot(tmp_path / 'tracks' / 'cam2.txt').tracked
    assert mmfashion(*words).stdout.startswith('2 videos were in it, unch')

    text = mmfashion('reid', 'info', 'p.index').stdout
    assert '4 tracklets of 2 videos' in text
    assert '  cam2.mp4#2  0:0' in text
    found = json.loads(mmfashion('reid', 'info', 'p.index', '--json').stdout)
    assert [row['tracklets'] for row in found['videos']] == [2, 2]

    words = ['reid', 'search', 'p.index', '--query', 'cam1.mp4#2']
    done = mmfashion(*words, '--other-videos', '--top', 1, '--out', 'f.png')
    title, match, wrote = done.stdout.splitlines()
    assert title == 'cam1.mp4#2: 1 matches'
    rank, score, name, times = match.split()
    assert (rank, name[:9]) == ('1', 'cam2.mp4#')
    assert 0 <= float(score) <= 1
    assert times.count(':') == 2
    assert (tmp_path / 'f.png').is_file()
    plain = json.loads(mmfashion(*words, '--json').stdout)
    assert len(plain['results'][0]['matches']) == 3

    video = str(scene / 'videos' / 'cam1.mp4')
    words = ['reid', 'search', 'p.index', '--query', video]
    title = mmfashion(*words, *boxes, '--top', 1).stdout.splitlines()[0]
    assert title.startswith('cam1.mp4#1 0:0')
    assert '--boxes FILE or --detector NAME' in error(*words)
    message = error(*words, '--at', 1, '--box', 0, 0, 5, 5)
    assert 'no person at 0:01.0 in the box 0, 0, 5, 5' in message


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ('index', 'VIDEO... is missing; expected: mmfashion reid index'),
        ('index a.mp4', "missing option '--out'"),
        ('index a.mp4 --out i', 'needs the boxes of the persons, and no dete'),
        ('index a.mp4 --out i --boxes a --detector b', 'not both'),
        ('index a.mp4 --out i --boxes a', 'a.mp4: no such file or folder'),
        ('index . --out i --boxes a', 'no videos in this folder'),
        ('index . --out . --boxes a', '--out . is a folder, expected a file'),
        ('search i', "missing option '--query'"),
        ('search i --query q', 'i: no such file; make an index: mmfashion'),
        ('search i --query q --at 3', '--box and --at go together'),
        ('search i --query q --out a.txt', '--out must end with .jpg or .png'),
        ('info i', 'i: no such file; make an index: mmfashion'),
    ],
)
def test_what_is_wrong_is_told_in_one_line(error, words, message):
    assert message in error('reid', *words.split())


def test_words_that_name_no_command_are_compared(error, mmfashion):
    assert error('reid', 'a', 'b').startswith('a: no such file or folder')
    assert 'GALLERY is missing' in error('reid', '--top', '3', 'a')
    assert 'mmfashion reid compare' in error('reid', 'compare', 'a')
    assert 'Commands:' in mmfashion('reid', '--help').stdout
    assert mmfashion('reid').stdout == mmfashion('reid', '--help').stdout
