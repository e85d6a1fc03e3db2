# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Search: the right person first, with times and a sheet."""

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.scan.video_search.index_file import PersonIndex, read_index
from mmfashion_ext.scan.video_search.query import resolve_query
from mmfashion_ext.scan.video_search.search import (
    draw_results,
    search_persons,
    write_results,
)
from mmfashion_ext.utils.images import read_image


@pytest.fixture
def index(people):
    return read_index(people[0])


def test_persons_are_found_in_the_other_video(index, model):
    """Published weights, three persons: each is first in the other camera."""
    for number, name in enumerate(index.names()):
        queries = resolve_query(name, index, model)
        (result,) = search_persons(queries, index, model, other_videos=True)
        own = index.tracklets[number]
        best = result['matches'][0]
        assert best['track'] == own.track
        assert {m['video'] for m in result['matches']} == {
            index.videos[1 - own.video].path
        }
        assert len(result['matches']) == 3


def test_what_a_match_says(index, model):
    queries = resolve_query('cam1.mp4#1', index, model)
    (result,) = search_persons(queries, index, model, top=4)
    assert result['query'] == 'cam1.mp4#1'
    matches = result['matches']
    assert len(matches) == 4
    assert 'cam1.mp4#1' not in [match['name'] for match in matches]
    scores = [match['score'] for match in matches]
    assert scores == sorted(scores, reverse=True)
    for match in matches:
        boxes = index.tracklets[match['index']].boxes
        assert match['first_frame'] == boxes[0, 0]
        assert match['last_frame'] == boxes[-1, 0]
        assert match['start'] == pytest.approx(boxes[0, 0] / 25)
        assert match['end'] == pytest.approx((boxes[-1, 0] + 1) / 25)
        assert index.names()[match['index']] == match['name']


def test_the_sheet_shows_the_query_and_its_matches(index, model, tmp_path):
    queries = [
        query
        for name in ('cam1.mp4#1', 'cam2.mp4#1')
        for query in resolve_query(name, index, model)
    ]
    results = search_persons(queries, index, model, top=2)
    sheet = draw_results(queries, results, index)
    one = draw_results(queries[:1], results[:1], index)
    assert sheet.shape[0] == 2 * one.shape[0]
    assert sheet.shape[1] == one.shape[1]
    assert (sheet[: len(one)] == one).all()
    assert np.ptp(sheet) > 200
    write_results(tmp_path / 'a.png', queries, results, index)
    assert (read_image(tmp_path / 'a.png') == sheet).all()


def test_what_cannot_be_searched(index, model):
    queries = resolve_query('cam1.mp4#1', index, model)
    empty = PersonIndex(model.fingerprint, {})
    with pytest.raises(UserError, match='has no tracklets'):
        search_persons(queries, empty, model)
    other = PersonIndex('other:1', {}, index.videos, index.tracklets)
    with pytest.raises(UserError, match='made with another model'):
        search_persons(queries, other, model)
