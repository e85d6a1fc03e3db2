# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The demo's page: whole, escaped, with nothing fetched from elsewhere."""

from html.parser import HTMLParser

import pytest
from tour.page import write_page
from tour.steps import Figure, Step


class Page(HTMLParser):
    """Tags and text of a page; tags that are not closed are an error."""

    EMPTY = {'meta', 'img', 'br'}

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.open = [], '', []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def steps():
    done = Step('R & D', 'find', 1, print, state='done', took=65.0)
    done.figures.append(Figure('images/a.jpg', 'a "red" <skirt>', 'skirt'))
    done.figures.append(Figure('images/b.jpg', 'a sheet', wide=True))
    done.numbers.append(('boxes, AP50', '0.512'))
    done.code.append(('command', 'python x.py <in >out'))
    done.text.append('Made here.')
    bad = Step('Try-on', 'train', 1, print, state='failed', error='no <disk>')
    rest = Step('Try-on', 'test', 1, print, (bad,), state='left out')
    return [done, bad, rest, Step('Try-on', 'not yet', 1, print)]


@pytest.fixture
def page(steps):
    intros = {'R & D': 'Finds.', 'Try-on': 'Puts.', 'SCAN': 'Not shown.'}
    return Page(write_page('A demo', ['Lead.'], intros, steps))


def test_everything_is_on_it_and_escaped(page):
    for text in (
        *('A demo', 'Lead.', 'R & D', 'Finds.', 'Made here.', '1 min 5 s'),
        *('boxes, AP50', '0.512', 'python x.py <in >out', 'no <disk>'),
        *('1 of 4 steps done', 'Try-on: train: failed', 'skirt'),
    ):
        assert text in page.text, text
    assert 'not yet' not in page.text


def test_images_are_described_and_files_are_beside_it(page):
    images = page.all('img')
    assert [image['alt'] for image in images] == ['a "red" <skirt>', 'a sheet']
    for attributes in (*images, *page.all('a'), *page.all('link')):
        for key in ('src', 'href'):
            assert '//' not in attributes.get(key, '')
    assert page.all('script') == []


def test_links_and_labels_lead_somewhere(page):
    names = [a['id'] for _, a in page.tags if 'id' in a]
    assert len(names) == len(set(names))
    for link in page.all('a'):
        if link['href'].startswith('#'):
            assert link['href'][1:] in names
    for section in page.all('section'):
        assert section['aria-labelledby'] in names


def test_it_is_readable_on_a_phone(page):
    assert page.all('html')[0]['lang'] == 'en'
    (viewport,) = [m for m in page.all('meta') if m.get('name') == 'viewport']
    assert 'width=device-width' in viewport['content']
