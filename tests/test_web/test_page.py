# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The try-on page of ``web/``, built and used in headless Chromium."""

import base64
import functools
import http.server
import importlib.util
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmfashion_ext.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
MODEL = 'tryon:balanced'
#: Seconds that nothing needs, also not on a machine that is busy.
LONG = 600
pytestmark = [
    pytest.mark.skipif(
        not (shutil.which('node') and shutil.which('npm')),
        reason='needs Node.js with npm, which are not installed',
    ),
]


def load(path):
    """Import a file that is not in a package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


browser = load(ROOT / 'tests' / 'browser.py')
pytestmark.append(browser.needs_chromium)


class Server:
    """A static host of a folder that remembers what it was asked for."""

    def __init__(self, folder):
        self.asked = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_request(handler, *args):
                self.asked.append((handler.command, handler.path))

        handler = functools.partial(Handler, directory=str(folder))
        self.host = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
        self.url = f'http://127.0.0.1:{self.host.server_port}/'
        thread = threading.Thread(target=self.host.serve_forever, daemon=True)
        thread.start()

    def stop(self):
        self.host.shutdown()
        self.host.server_close()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """The built page; npm's packages are fetched if they are not there."""
    pytest.importorskip('torch')
    pytest.importorskip('onnx')
    tool = load(ROOT / 'tools' / 'misc' / 'build_web.py')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('npm_config_fetch_retries', '0')
        try:
            tool.install_packages()
        except (UserError, subprocess.SubprocessError) as error:
            pytest.skip(f'the packages of web/ cannot be had: {error}')
    out = tmp_path_factory.mktemp('page') / 'dist'
    tool.build(out, MODEL, people_height=256)
    return out


@pytest.fixture(scope='module')
def chromium():
    flags = (
        '--use-fake-device-for-media-stream',
        '--use-fake-ui-for-media-stream',
    )
    with browser.Browser(*flags) as started:
        yield started


@pytest.fixture(scope='module')
def server(folder):
    started = Server(folder)
    yield started
    started.stop()


DONE = 'document.querySelector("#status").textContent === "Done."'
ERROR = 'document.querySelector("#error").textContent'


@pytest.fixture(scope='module')
def opened(chromium, server):
    """The page with its first try-on."""
    page = chromium.open(f'{server.url}?backend=wasm')
    page.wait_for(DONE, timeout=LONG)
    return page


@pytest.fixture
def page(opened):
    """The page in a window of a desk, with its first person and garment."""
    opened.resize(1280, 900)
    for group in ('persons', 'garments'):
        choose(opened, f'[name={group}]')
    return opened


def choose(page, selector):
    """Choose by a script, and wait for the try-on."""
    page.run(
        'document.querySelector("#status").textContent = "";'
        f'document.querySelector({selector!r}).checked = false;'
        f'document.querySelector({selector!r}).click()'
    )
    page.wait_for(DONE, timeout=LONG)


def upload(page, selector, file):
    page.run('document.querySelector("#status").textContent = ""')
    page.upload(selector, file)
    page.wait_for(f'{DONE} || {ERROR}', timeout=LONG)
    assert page.run(ERROR) == ''


def shown(page):
    """The image on the canvas, (h, w, 3) uint8 BGR."""
    url = page.run('document.querySelector("#result").toDataURL()')
    content = base64.b64decode(url.partition(',')[2])
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


def test_try_on_is_that_of_python(page, folder, tmp_path):
    """If not, the page shows something else than the package computes."""
    from mmfashion_ext.tryon import TryOnInferencer

    examples = folder / 'examples'
    person = cv2.imread(str(examples / 'person_2.jpg'))
    person = cv2.resize(person, (260, 330))  # not the network's shape
    cv2.imwrite(str(tmp_path / 'me.png'), person)
    garment = cv2.imread(str(examples / 'shirt.jpg'))
    mask = cv2.imread(str(examples / 'shirt_mask.png'), 0)
    cv2.imwrite(str(tmp_path / 'mine.png'), np.dstack([garment, mask]))
    upload(page, '#person-file', tmp_path / 'me.png')
    upload(page, '#garment-file', tmp_path / 'mine.png')
    infer = TryOnInferencer(MODEL, show_progress=False)
    white = np.where(mask[..., None] >= 128, garment, np.uint8(255))
    expected = infer(person, white, mask)['predictions'][0]['try_on']
    found = shown(page)
    assert found.shape == expected.shape
    difference = np.abs(found.astype(int) - expected.astype(int))
    assert (expected != person).any(-1).mean() > 0.05, 'nothing was put on'
    assert difference.mean() < 0.05, f'{difference.mean():.3f} grey levels'
    assert (difference > 2).mean() < 0.001
    assert page.problems() == []
    name = page.run(
        'document.querySelector("#result").getAttribute("aria-label")'
    )
    assert name == 'me.png, wearing: mine.png'


def test_garment_of_a_photograph_is_cut_out(page):
    """If not, the background of a visitor's photograph is put on."""
    before = shown(page)
    upload(page, '#garment-file', ROOT / 'demo' / 'images' / 'dress.jpg')
    after = shown(page)
    changed = (before != after).any(-1).mean()
    assert 0.02 < changed < 0.6
    assert page.run(ERROR) == ''


@pytest.mark.parametrize('group', ['person', 'garment'])
def test_a_file_that_is_not_an_image_is_an_error(page, group, tmp_path):
    """If not, nothing happens, and the visitor does not know why."""
    file = tmp_path / 'notes.jpg'
    file.write_text('not an image')
    page.upload(f'#{group}-file', file)
    text = page.wait_for(ERROR, timeout=LONG)
    assert text == (
        'notes.jpg is not an image that this browser can read; choose a '
        'JPEG, PNG or WebP file.'
    )


def test_a_photograph_without_garment_is_an_error(page, tmp_path):
    file = tmp_path / 'wall.png'
    cv2.imwrite(str(file), np.full((120, 90, 3), 180, np.uint8))
    page.upload('#garment-file', file)
    text = page.wait_for(ERROR, timeout=LONG)
    assert text.startswith('wall.png: the garment could not be cut out (')
    assert 'laid flat' in text
    # the page goes on
    choose(page, '[name=garments]')
    assert page.run(ERROR) == ''


def test_screen_readers_and_keys(page):
    """If not, the page cannot be used without eyes or without a mouse."""
    found = page.accessible()
    for expected in (
        ('heading', 'Virtual try-on'),
        ('image', 'Person 1, wearing: T-shirt'),
        ('group', 'Person'),
        ('radio', 'Person 1'),
        ('radio', 'T-shirt'),
        ('button', 'Choose a photograph of a person'),
        ('button', 'Choose a photograph of a garment'),
        ('button', 'Use the camera'),
        ('button', 'Show the original'),
        ('button', 'Save the image'),
        ('status', ''),
    ):
        assert expected in found, expected
    controls = [x for x in found if x[0] in ('radio', 'button', 'image')]
    assert all(name for _, name in controls), 'a control has no name'
    page.run('document.querySelector("[name=garments]").focus()')
    page.press('ArrowRight')
    label = 'document.querySelector("#result").getAttribute("aria-label")'
    shirt = f'{label} === "Person 1, wearing: Shirt"'
    page.wait_for(shirt, timeout=LONG)
    page.wait_for(DONE, timeout=LONG)


def test_original_and_try_on(page):
    """If not, the visitor cannot compare the two."""
    made = shown(page)
    page.click('#before')
    original = shown(page)
    assert (made != original).any()
    page.click('#before')
    assert (shown(page) == made).all()


def test_phone(page):
    """If not, parts of the page are beyond the edge of a phone."""
    page.resize(*browser.PHONE, phone=True)
    width = page.run('document.documentElement.scrollWidth')
    assert width <= browser.PHONE[0]
    heights = page.run(
        '[...document.querySelectorAll("button, .button")]'
        '.filter((x) => x.checkVisibility({contentVisibilityAuto: true}))'
        '.map((x) => x.getBoundingClientRect().height).filter(Boolean)'
    )
    assert heights
    assert min(heights) >= 44, 'too small for a finger'
    page.click('#before')
    page.click('#before')


def test_camera(page):
    """If not, the camera is on and nothing is seen, or it stays on."""
    page.click('#camera')
    status = 'document.querySelector("#status").textContent'
    page.wait_for(f'{status}.startsWith("The camera is on")', timeout=LONG)
    assert page.text('#camera') == 'Stop the camera'
    h, w = shown(page).shape[:2]
    assert abs(w / h - 3 / 4) < 0.01
    assert re.fullmatch(r'[\d.]+ try-ons a second', page.text('#rate'))
    page.click('#camera')
    assert page.text('#camera') == 'Use the camera'
    assert page.problems() == []


def test_nothing_is_sent_and_no_network_is_needed(opened, server):
    """If not, images could leave, or the page needs its host all the time."""
    opened.wait_for(
        'document.documentElement.dataset.offline === "ready"', timeout=LONG
    )
    assert {method for method, _ in server.asked} == {'GET'}
    hosts = {url.split('/')[2] for url in opened.requests() if '//' in url}
    assert hosts <= {server.url.split('/')[2]}
    count = len(server.asked)
    choose(opened, '[name=persons]')
    conditions = {'latency': 0, 'downloadThroughput': -1}
    conditions['uploadThroughput'] = -1
    emulate = functools.partial(
        opened.call, 'Network.emulateNetworkConditions', **conditions
    )
    emulate(offline=True)
    opened.go(f'{server.url}?backend=wasm')
    opened.wait_for(DONE, timeout=LONG)
    emulate(offline=False)
    # Chromium asks for the page itself beside its service worker
    asked = {path for _, path in server.asked[count:]}
    assert asked <= {'/?backend=wasm', '/service_worker.js'}
    # with its headers WebAssembly may use threads
    assert opened.run('crossOriginIsolated')
