# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Page "Find a person" with a stand-in for the model."""

import json

import numpy as np
import pytest

from mmfashion_ext.app import persons
from mmfashion_ext.app.persons import (
    HEADINGS,
    find_person,
    group_tracklets,
    read_tracklet,
)
from mmfashion_ext.errors import UserError
from mmfashion_ext.scan import Video


class Infer:
    """The longer a tracklet, the likelier."""

    def __call__(self, query, gallery, **options):
        self.query, self.options = query, options
        ranked = sorted(gallery, key=lambda name: -len(gallery[name]))
        prediction = {
            'gallery': ranked,
            'scores': np.linspace(0.9, 0.1, len(ranked)),
            'visualization': np.zeros((5, 5, 3), np.uint8),
        }
        return {'predictions': [prediction], 'skipped': []}


def names(groups):
    return {k: [file.name for file in v] for k, v in groups.items()}


def test_groups(upload, clip):
    files = [
        *(upload(f'cam2_p5_{n}.png') for n in (10, 9)),
        upload('cam2_p6_1.jpg'),
        clip('walk.avi'),
        upload('walk.json', b'[]'),
        clip('run.avi'),
        upload('007.png'),
    ]
    assert names(group_tracklets(files)) == {
        'frames': ['007.png'],
        'cam2_p5': ['cam2_p5_9.png', 'cam2_p5_10.png'],
        'cam2_p6': ['cam2_p6_1.jpg'],
        'run.avi': ['run.avi'],
        'walk.avi': ['walk.avi', 'walk.json'],
    }


def test_boxes_without_a_clip(upload):
    with pytest.raises(UserError, match=r'^walk.json: there is no clip'):
        group_tracklets([upload('walk.json', b'[]'), upload('a.png')])


def test_a_ranking(upload, clip):
    infer = Infer()
    query = [upload('x1.png'), upload('y2.png')]  # one person in any case
    gallery = [clip('short.avi', 2), clip('long.avi', 5)]
    found = find_person(query, gallery, infer, 1)
    ((name, frames),) = infer.query.items()
    assert (name, len(frames)) == ('x1.png', 2)
    assert infer.options == {'draw': True, 'top': 1}
    assert found.rows == [('1', '0.900', 'long.avi')]
    assert len(found.rows[0]) == len(HEADINGS)
    assert found.notes == []


def test_bad_tracklets_among_several_are_left_out(upload, clip):
    bad = upload('bad.avi', b'#EXTM3U')
    found = find_person([upload()], [bad, clip('walk.avi')], Infer(), 5)
    assert [row[-1] for row in found.rows] == ['walk.avi']
    (note,) = found.notes
    assert note.startswith('Left out: bad.avi: cannot be read as a video')
    with pytest.raises(UserError, match=r'^bad.avi: cannot be read'):
        find_person([upload()], [bad], Infer(), 5)


def test_what_a_visitor_forgets(upload):
    with pytest.raises(UserError, match='No file of the person'):
        find_person([], [upload()], Infer(), 5)
    with pytest.raises(UserError, match='No tracklet to search in'):
        find_person([upload()], [], Infer(), 5)


def test_a_video_with_boxes(upload, clip, monkeypatch):
    boxes = upload('walk.json', json.dumps([[0, 0, 8, 8]] * 4).encode())
    video = read_tracklet([clip('walk.avi'), boxes])
    assert isinstance(video, Video)
    assert video.boxes == boxes.path
    playlist = upload('list.mp4', b'#EXTM3U')
    with pytest.raises(UserError, match=r'list.mp4: cannot be read'):
        read_tracklet([playlist, boxes])
    monkeypatch.setattr(persons, '_MAX_BOXES_BYTES', 3)
    with pytest.raises(UserError, match=r'walk.json: more than 1 MiB'):
        read_tracklet([clip('walk.avi'), boxes])
