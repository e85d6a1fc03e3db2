# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Tabs of the page: their outputs for what the pages found."""

import json

import gradio as gr
import numpy as np
import pytest

from mmfashion_ext.app import clothes, persons, shop, try_on
from mmfashion_ext.app.clothes import Analysis
from mmfashion_ext.app.persons import Ranking
from mmfashion_ext.app.shop import Found
from mmfashion_ext.app.tabs import (
    show_analysis,
    show_persons,
    show_shop,
    show_try_on,
)
from mmfashion_ext.app.try_on import Dressed

IMAGE = np.zeros((4, 3, 3), np.uint8)
IMAGE[..., 0] = 255  # blue


@pytest.fixture
def button(choices, examples, tmp_path):
    """A function that lays out a tab; what its button runs."""

    def call(show):
        with gr.Blocks(analytics_enabled=False) as page:
            show(choices(), examples, tmp_path)
        (run,) = [x for x in page.fns.values() if not x.preprocess]
        return run.fn

    return call


def test_analysis(button, monkeypatch, tmp_path):
    rows = [('skirt', '0.90', '1 2 3 4', '8')]
    found = Analysis(IMAGE, rows, {'input': 'me.jpg'}, ['reduced'])
    monkeypatch.setattr(clothes, 'analyse', lambda *args: found)
    drawn, status, table, file = button(show_analysis)(None, 0.3)
    assert drawn.alt_text.endswith('skirt 0.90')
    assert '1 garment found.' in status
    assert 'reduced' in status
    assert '<th scope="row">skirt</th><td>0.90</td>' in table
    assert file.visible
    (path,) = tmp_path.glob('*/result.json')
    assert json.loads(path.read_text()) == {'input': 'me.jpg'}


def test_an_analysis_without_garments(button, monkeypatch):
    found = Analysis(IMAGE, [], {}, [])
    monkeypatch.setattr(clothes, 'analyse', lambda *args: found)
    drawn, status, *_ = button(show_analysis)(None, 0.3)
    assert 'No garments found.' in status
    assert 'No garments found.' in drawn.alt_text


def test_shop(button, monkeypatch):
    found = Found([(IMAGE, 'Your skirt')], [('1', '1', '0.9', 'a', 'b')], [])
    monkeypatch.setattr(shop, 'find_in_shop', lambda *args: found)
    status, ((image, caption),), table = button(show_shop)(None, 5)
    assert '1 matches found.' in status
    assert image[0, 0].tolist() == [0, 0, 255]  # RGB
    assert caption == 'Your skirt'
    assert '<caption>Matches</caption>' in table


def test_try_on(button, monkeypatch):
    dressed = Dressed([(IMAGE, 'shirt')] * 2, ['the mask is odd'])
    monkeypatch.setattr(try_on, 'dress', lambda *args: dressed)
    status, images = button(show_try_on)(None, None)
    assert '2 try-ons.' in status
    assert 'the mask is odd' in status
    assert images[1][0][0, 0].tolist() == [0, 0, 255]


def test_persons(button, monkeypatch):
    ranking = Ranking(IMAGE, [('1', '0.900', 'walk.mp4')], [])
    monkeypatch.setattr(persons, 'find_person', lambda *args: ranking)
    status, sheet, table = button(show_persons)(None, None, 5)
    assert 'Likeliest: walk.mp4, probability 0.900.' in status
    assert 'walk.mp4' in sheet.alt_text
    assert 'walk.mp4' in table


@pytest.mark.parametrize(
    ('show', 'values'),
    [
        (show_analysis, (None, 'x')),
        (show_shop, (None, 1000)),
        (show_try_on, (None, None)),
        (show_persons, (None, None, 5)),
    ],
)
def test_what_is_wrong_is_the_status(button, show, values):
    statuses = [x for x in button(show)(*values) if 'role="alert"' in str(x)]
    assert len(statuses) == 1
