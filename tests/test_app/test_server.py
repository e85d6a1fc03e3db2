# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The web app in Chromium, with the published models.

One server and one browser serve all tests of this file; each test chooses its
files itself. With SCREENSHOTS=docs/images the images of docs/app.md are made.
"""

import base64
import os
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmfashion_ext import build_inferencer
from mmfashion_ext.app import server
from mmfashion_ext.app.clothes import readable
from mmfashion_ext.app.examples import garment_photos
from mmfashion_ext.app.models import Choice
from mmfashion_ext.app.server import serve
from mmfashion_ext.cli.defaults import published_models
from mmfashion_ext.cli.gallery_actions import EncoderOptions
from mmfashion_ext.cli.page import choose_shop
from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn.gallery import query_gallery
from mmfashion_ext.utils.video import VideoReader

from ..browser import PHONE, Browser, find_chromium

WAIT = 300  # s, many times what it needs: the machine may be busy
TABS = 'Analyse a photo', 'Find in shop', 'Try on', 'Find a person'
PHOTOS = {file.stem: file for file in garment_photos()}


def published(task):
    name, *_ = published_models(task)
    return Choice(name, lambda: build_inferencer(name, show_progress=False))


@pytest.fixture(scope='module')
def app(tmp_path_factory):
    """The server, with a shop of three images."""
    choices = {task: published(task) for task in ('predict', 'try-on', 'reid')}
    folder = tmp_path_factory.mktemp('shop')
    for name in ('jeans', 'red_jacket', 'skirt'):
        shutil.copy(PHOTOS[name], folder)
    choices['gallery'] = choose_shop(
        str(folder), EncoderOptions(), tmp_path_factory.mktemp('index')
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, 'MAX_FILE_BYTES', 2**20)
        with serve(choices) as running:
            for task in choices:
                assert running.models[task]
            yield running
    assert not running.folder.exists()
    assert 'GRADIO_TEMP_DIR' not in os.environ


@pytest.fixture(scope='module')
def page(app):
    """The pages, loaded."""
    if find_chromium() is None:
        pytest.skip('needs Chromium: apt-get install chromium')
    with Browser() as browser:
        page = browser.open()
        page.call('Page.navigate', url=app.url)
        page.wait_for("document.querySelector('#analyse-photo input')", WAIT)
        yield page


def show(page, tab):
    """Open a tab."""
    page.run(
        "[...document.querySelectorAll('[role=tab]')]"
        f".find(tab => tab.innerText === '{tab}').click()"
    )
    page.wait_for(_BUTTON, WAIT)


def choose(page, selector, *files):
    """Choose files in place of those that are there."""
    page.run(
        f"document.querySelectorAll('{selector} [aria-label^=Clear],"
        f"{selector} [aria-label^=Remove]').forEach(x => x.click())"
    )
    field = f'{selector} input[type=file]'
    page.wait_for(f"document.querySelector('{field}')", WAIT)
    page.upload(field, *files)
    page.wait_for(
        f"document.querySelectorAll('{selector} img').length >= {len(files)}",
        WAIT,
    )


_BUTTON = (
    "[...document.querySelectorAll('button.primary')].find(x => "
    'x.offsetParent)'
)


def run(page, status):
    """Press the button of the page with the keyboard; its status text."""
    page.run(f"document.querySelector('{status} [role]')?.remove()")
    page.run(f'({_BUTTON}).focus()')
    page.press('Enter')
    page.wait_for(f"document.querySelector('{status} [role]')", WAIT)
    return page.text(status)


def cells(page, table):
    """The texts of a table's rows."""
    return page.run(
        f"[...document.querySelectorAll('{table} tbody tr')]"
        '.map(row => [...row.children].map(cell => cell.innerText))'
    )


def shown_image(page, selector, number=0):
    """An image of the page, (h, w, 3) uint8 BGR."""
    address = page.run(
        f"document.querySelectorAll('{selector} img')[{number}].src"
    )
    with urllib.request.urlopen(address) as answer:
        content = np.frombuffer(answer.read(), np.uint8)
    return cv2.imdecode(content, cv2.IMREAD_COLOR)


def keep(page, name):
    """Write what is seen, for the docs, if that is asked for."""
    folder = os.environ.get('SCREENSHOTS')
    if folder:
        page.run('scrollTo(0, 0)')
        page.wait_for(
            '[...document.images].filter(x => x.offsetParent && '
            'x.getBoundingClientRect().top < innerHeight)'
            '.every(x => x.complete)',
            WAIT,
        )
        page.screenshot(Path(folder) / f'app_{name}.jpg', quality=70)


def test_analyse_finds_what_python_finds(app, page):
    show(page, 'Analyse a photo')
    choose(page, '#analyse-photo', PHOTOS['red_jacket'])
    status = run(page, '#analyse-status')
    infer = app.models['predict']
    (found,) = infer(
        str(PHOTOS['red_jacket']), score_thr=0.3, duplicate_iou=0.7
    )['predictions']
    count = len(found['scores'])
    assert count >= 1
    assert status.startswith(f'{count} garment')
    rows = cells(page, '#analyse-table')
    assert [row[0] for row in rows] == list(map(readable, found['categories']))
    assert [row[1] for row in rows] == [f'{x:.2f}' for x in found['scores']]
    boxes = np.array([row[2].split() for row in rows], float)
    np.testing.assert_allclose(boxes, found['bboxes'], atol=0.51)
    page.wait_for("document.querySelector('#analyse-drawn img')", WAIT)
    drawn = shown_image(page, '#analyse-drawn')
    photo = cv2.imread(str(PHOTOS['red_jacket']))
    assert drawn.shape == photo.shape
    assert np.abs(drawn.astype(int) - photo).mean() > 2  # something is drawn
    said = page.run("document.querySelector('#analyse-drawn img').alt")
    assert rows[0][0] in said
    assert 'result.json' in ''.join(page.text('#analyse-json').split())
    keep(page, 'analyse')


def test_try_on_is_that_of_python_to_the_pixel(app, page, tmp_path):
    show(page, 'Try on')
    person = app.folder / 'examples' / 'person_1.jpg'
    garments = [PHOTOS['t-shirt'], PHOTOS['sweater']]
    if 'SCREENSHOTS' not in os.environ:  # small: GrabCut makes their masks
        for number, photo in enumerate(garments):
            image = cv2.resize(cv2.imread(str(photo)), (72, 96))
            garments[number] = tmp_path / photo.name
            cv2.imwrite(str(garments[number]), image)
    choose(page, '#tryon-person', person)
    choose(page, '#tryon-garments', *garments)
    assert run(page, '#tryon-status').startswith('2 try-ons.')
    page.wait_for(
        "document.querySelectorAll('#tryon-results img').length >= 2", WAIT
    )
    result = app.models['try-on'](str(person), [*map(str, garments)])
    for number, prediction in enumerate(result['predictions']):
        found = shown_image(page, '#tryon-results', number)
        np.testing.assert_array_equal(found, prediction['try_on'])
    keep(page, 'try_on')
    text = page.text('#tryon-results')
    assert 't-shirt.jpg' in text
    assert 'sweater.jpg' in text


def test_person_of_an_example_by_keyboard(app, page):
    show(page, 'Find a person')
    example = '#person-examples .gallery-item, #person-examples tbody tr'
    page.wait_for(f"document.querySelector('{example}')", WAIT)
    page.run(f"document.querySelector('{example}').click()")
    page.wait_for(
        "document.querySelector('#person-gallery').innerText"
        ".includes('walker')",
        WAIT,
    )
    status = run(page, '#person-status')
    folder = app.folder / 'examples'

    def frames(name):
        return [*VideoReader(folder / name)]

    gallery = {
        name: frames(name)
        for name in (f'walker_{n}_camera_2.mp4' for n in range(1, 5))
    }
    infer = app.models['reid']
    (found,) = infer({'q': frames('walker_1_camera_1.mp4')}, gallery)[
        'predictions'
    ]
    rows = cells(page, '#person-table')
    assert [row[2] for row in rows] == found['gallery']
    assert [row[1] for row in rows] == [f'{x:.3f}' for x in found['scores']]
    assert found['gallery'][0] in status
    page.wait_for("document.querySelector('#person-sheet img')", WAIT)
    assert shown_image(page, '#person-sheet').shape[0] > 50
    keep(page, 'person')


def test_a_bad_file_gives_its_error_as_text(app, page, tmp_path):
    show(page, 'Analyse a photo')
    bad = tmp_path / 'holiday.jpg'
    bad.write_text('this is not an image')
    choose(page, '#analyse-photo', bad)
    status = run(page, '#analyse-status')
    assert status.startswith('holiday.jpg: cannot be read as an image')
    assert str(app.folder) not in status
    page.wait_for("document.querySelector('#analyse-status [role=alert]')")
    assert cells(page, '#analyse-table') == []
    choose(page, '#analyse-photo', PHOTOS['jeans'])  # and goes on
    assert 'garment' in run(page, '#analyse-status')


def test_a_garment_is_found_in_the_shop(app, page):
    show(page, 'Find in shop')
    choose(page, '#shop-photo', PHOTOS['jeans'])
    assert run(page, '#shop-status').startswith('3 matches found.')
    shop = app.models['gallery']
    (garment,) = query_gallery(
        str(PHOTOS['jeans']), shop.index, shop.encoder, 5
    )
    rows = cells(page, '#shop-table')
    assert [row[2] for row in rows] == [
        f'{match["similarity"]:.3f}' for match in garment['matches']
    ]
    assert [row[4] for row in rows] == [
        Path(match['image']).name for match in garment['matches']
    ]
    assert rows[0][4] == 'jeans.jpg'
    page.wait_for(
        "document.querySelectorAll('#shop-matches img').length >= 4", WAIT
    )
    keep(page, 'shop')


def test_everything_has_a_name_for_screen_readers(page):
    for tab in TABS:
        show(page, tab)
        elements = page.accessible()
        controls = {'button', 'slider', 'spinbutton', 'textbox', 'tab'}
        nameless = [
            role
            for role, name in elements
            if role in controls and not name.strip()
        ]
        assert nameless == [], (tab, elements)
        images = page.run(
            '[...document.images].filter(x => x.offsetParent && !x.alt)'
            '.map(x => x.outerHTML)'
        )
        assert images == [], tab
        assert ('heading', 'Clothes, shops, try-on and persons') in elements
    names = {name for role, name in elements if role == 'button'}
    assert 'Compare' in names
    assert any(name.startswith('Person to find') for name in names)


def test_a_phone_shows_everything_without_scrolling_sideways(page):
    page.resize(*PHONE, phone=True)
    try:
        for tab in TABS:
            show(page, tab)
            width, seen = page.run(
                '[document.documentElement.scrollWidth, innerWidth]'
            )
            assert seen == PHONE[0]
            assert width <= seen, tab
            box = page.run(f'({_BUTTON}).getBoundingClientRect().toJSON()')
            assert box['left'] >= 0
            assert box['right'] <= seen
            assert box['height'] >= 32  # a finger can hit it
            if tab == 'Try on':
                keep(page, 'phone')
    finally:
        page.resize(1280, 900)


def test_pages_ask_this_server_alone_and_write_no_errors(app, page):
    others = [
        url
        for url in page.requests()
        if not url.startswith((app.url, 'data:', 'blob:'))
    ]
    assert others == []
    assert page.problems() == []


def test_too_large_an_upload_is_refused(app):
    body = (
        b'--x\r\nContent-Disposition: form-data; name="files"; '
        b'filename="a.jpg"\r\n\r\n' + bytes(2**20 + 1) + b'\r\n--x--\r\n'
    )
    request = urllib.request.Request(
        f'{app.url}gradio_api/upload',
        body,
        {'Content-Type': 'multipart/form-data; boundary=x'},
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 413


@pytest.mark.parametrize('path', [__file__, '/etc/passwd', sys.executable])
def test_other_files_of_the_machine_are_not_served(app, path):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f'{app.url}gradio_api/file={path}')
    assert caught.value.code in (403, 404)


def test_uploads_lie_in_the_temporary_folder(app):
    content = base64.b64decode('R0lGODlhAQABAAAAACw=')
    body = (
        b'--x\r\nContent-Disposition: form-data; name="files"; '
        b'filename="../../a.gif"\r\n\r\n' + content + b'\r\n--x--\r\n'
    )
    request = urllib.request.Request(
        f'{app.url}gradio_api/upload',
        body,
        {'Content-Type': 'multipart/form-data; boundary=x'},
    )
    with urllib.request.urlopen(request) as answer:
        text = answer.read().decode()
    path = Path(text.strip('[]"'))
    assert path.is_relative_to(app.folder / 'uploads')
    assert path.read_bytes() == content


def test_without_gradio(monkeypatch):
    monkeypatch.setitem(sys.modules, 'gradio', None)
    with (
        pytest.raises(
            ImportError, match=r"pip install 'mmfashion_ext\[app\]'"
        ),
        serve({}),
    ):
        pass


def test_a_port_that_is_taken(app):
    choices = dict(app.models.choices)
    port = int(app.url.rstrip('/').rpartition(':')[2])
    with (
        pytest.raises(UserError, match='name a free one with --port'),
        serve(choices, port=port),
    ):
        pass
