# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Headless Chromium for tests of pages, driven by its DevTools protocol.

Chromium reads commands from its file descriptor 3 and answers on 4
(``--remote-debugging-pipe``), so that no package and no port is needed::

    with Browser() as browser:
        page = browser.open('http://127.0.0.1:8000')
        page.upload('#person input[type=file]', 'person.jpg')
        page.click('#run')
        page.wait_for('document.querySelector("#result img")')

Nothing but this machine can be reached from its pages.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

#: A phone's window (w, h) px of CSS.
PHONE = 390, 844

_NAMES = 'chromium', 'chromium-browser', 'google-chrome'
_KEYS = {
    'Tab': (9, ''),
    'Enter': (13, '\r'),
    'Escape': (27, ''),
    'Space': (32, ' '),
    'ArrowLeft': (37, ''),
    'ArrowUp': (38, ''),
    'ArrowRight': (39, ''),
    'ArrowDown': (40, ''),
}
_FLAGS = (
    '--headless=new',
    '--remote-debugging-pipe',
    '--no-first-run',
    '--no-default-browser-check',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-default-apps',
    '--disable-dev-shm-usage',
    '--disable-extensions',
    '--disable-sync',
    '--mute-audio',
    # nothing outside this machine
    '--host-resolver-rules='
    'MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
)


def find_chromium():
    """The path of Chromium, None where it is not installed."""
    named = os.environ.get('CHROMIUM')
    return named or next(filter(None, map(shutil.which, _NAMES)), None)


needs_chromium = pytest.mark.skipif(
    find_chromium() is None,
    reason='needs Chromium, which is not installed: apt-get install chromium',
)


class BrowserError(AssertionError):
    """What the page or the protocol says is wrong."""


class Browser:
    """One Chromium with its own temporary profile.

    ``flags`` are further arguments of its command line, such as
    ``--use-fake-device-for-media-stream``.
    """

    def __init__(self, *flags):
        self.profile = tempfile.mkdtemp(prefix='chromium-')
        self._events = []
        self._buffer = b''
        self._count = 0
        if os.geteuid() == 0:  # its sandbox refuses root
            flags = ('--no-sandbox', *flags)
        read, self._out = _pipe()
        self._in, write = _pipe()
        command = [
            *(find_chromium(), *_FLAGS, *flags),
            f'--user-data-dir={self.profile}',
            'about:blank',
        ]
        log = str(Path(self.profile) / 'stderr.txt')
        flag = os.O_WRONLY | os.O_CREAT
        self.pid = os.posix_spawn(
            command[0],
            command,
            # its settings and caches too lie in the temporary folder
            os.environ | {'HOME': self.profile, 'XDG_CONFIG_HOME': ''},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, log, flag, 0o600),
                (os.POSIX_SPAWN_DUP2, read, 3),
                (os.POSIX_SPAWN_DUP2, write, 4),
            ],
            setpgroup=0,
        )
        os.close(read)
        os.close(write)
        try:
            self.version = self.call('Browser.getVersion', timeout=60)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def open(self, url='about:blank', size=(1280, 900), phone=False):
        """A new tab with its own storage, loaded."""
        context = self.call('Target.createBrowserContext')['browserContextId']
        target = self.call(
            'Target.createTarget',
            url='about:blank',
            browserContextId=context,
        )['targetId']
        session = self.call(
            'Target.attachToTarget', targetId=target, flatten=True
        )['sessionId']
        page = Page(self, session, target)
        for domain in ('Page', 'Runtime', 'Network', 'Log', 'DOM'):
            page.call(f'{domain}.enable')
        page.resize(*(PHONE if phone else size), phone=phone)
        if url != 'about:blank':
            page.go(url)
        return page

    def call(self, method, session=None, timeout=120, **params):
        """Send a command; its answer."""
        self._count += 1
        message = {'id': self._count, 'method': method, 'params': params}
        if session:
            message['sessionId'] = session
        try:
            self._send(json.dumps(message).encode() + b'\0')
        except OSError as error:
            raise BrowserError(f'Chromium is gone: {error}') from None
        number, deadline = self._count, time.monotonic() + timeout
        while True:
            answer = self._receive(deadline - time.monotonic())
            if answer is None:
                raise BrowserError(f'{method}: no answer in {timeout} s')
            if answer.get('id') == number:
                break
        if 'error' in answer:
            raise BrowserError(f'{method}: {answer["error"]["message"]}')
        return answer['result']

    def events(self, session, method):
        """Parameters of the events of a kind that a tab sent so far."""
        return [
            event['params']
            for event in self._events
            if (event.get('sessionId'), event['method']) == (session, method)
        ]

    def receive(self, seconds):
        """Read what comes within a time; events are kept."""
        deadline = time.monotonic() + seconds
        while self._receive(deadline - time.monotonic()) is not None:
            pass

    def close(self):
        """End Chromium and delete its profile."""
        with suppress(Exception):
            self.call('Browser.close', timeout=5)
        self._wait(5)
        with suppress(ProcessLookupError):  # what it left behind
            os.killpg(self.pid, signal.SIGKILL)
        self._wait(5)
        for file in (self._in, self._out):
            os.close(file)
        shutil.rmtree(self.profile, ignore_errors=True)

    def _wait(self, seconds):
        """Wait until the process has ended, but no longer than this."""
        deadline = time.monotonic() + seconds
        with suppress(ChildProcessError):
            while not os.waitpid(self.pid, os.WNOHANG)[0]:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.02)

    def _send(self, content):
        while content:
            content = content[os.write(self._out, content) :]

    def _receive(self, timeout):
        """The next message, None after ``timeout`` s."""
        while b'\0' not in self._buffer:
            ready, *_ = select.select([self._in], [], [], max(timeout, 0))
            if not ready:
                return None
            part = os.read(self._in, 1 << 20)
            if not part:
                log = Path(self.profile) / 'stderr.txt'
                raise BrowserError(
                    f'Chromium ended: {log.read_text(errors="replace")}'
                )
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b'\0')
        message = json.loads(message)
        if 'method' in message:
            self._events.append(message)
        return message


class Page:
    """A tab. Selectors are CSS."""

    def __init__(self, browser, session, target):
        self.browser, self.session, self.target = browser, session, target

    def call(self, method, timeout=120, **params):
        """Send a command of the protocol to this tab; its answer."""
        return self.browser.call(method, self.session, timeout, **params)

    def go(self, url):
        """Load a page, and wait until it is loaded."""
        answer = self.call('Page.navigate', url=url)
        if 'errorText' in answer:
            raise BrowserError(f'{url}: {answer["errorText"]}')
        self.wait_for('document.readyState === "complete"')

    def resize(self, width, height, phone=False):
        """Set the size of the window in px of CSS; a phone has a finger."""
        self.call(
            'Emulation.setDeviceMetricsOverride',
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        self.call('Emulation.setTouchEmulationEnabled', enabled=phone)

    def run(self, script, timeout=120):
        """The value of an expression of JavaScript; promises are awaited."""
        answer = self.call(
            'Runtime.evaluate',
            timeout,
            expression=script,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if 'exceptionDetails' in answer:
            details = answer['exceptionDetails']
            raise BrowserError(
                details.get('exception', {}).get('description')
                or details['text']
            )
        return answer['result'].get('value')

    def wait_for(self, condition, timeout=120):
        """Wait until an expression is true; its value if JSON can hold it."""
        deadline = time.monotonic() + timeout
        while True:
            found = self.run(
                f'(() => {{ const x = ({condition});'
                ' return x instanceof Node ? true : x; })()'
            )
            if found:
                return found
            if time.monotonic() > deadline:
                text = self.text()[:1000]
                raise BrowserError(
                    f'not true after {timeout} s: {condition}; the page '
                    f'says: {text!r}; {self.problems()}'
                )
            time.sleep(0.05)

    def text(self, selector='body'):
        """What an element shows as text."""
        return self.run(f'({_element(selector)}).innerText')

    def upload(self, selector, *files):
        """Choose files in an ``<input type=file>``."""
        found = self.call('Runtime.evaluate', expression=_element(selector))
        if 'exceptionDetails' in found:
            raise BrowserError(f'{selector}: there is no such element')
        self.call(
            'DOM.setFileInputFiles',
            objectId=found['result']['objectId'],
            files=[str(Path(file).absolute()) for file in files],
        )

    def click(self, selector):
        """Click an element with the mouse; it must be visible and free."""
        x, y = self.run(
            f"""(() => {{
            const element = {_element(selector)};
            element.scrollIntoView({{block: 'center', behavior: 'instant'}});
            const box = element.getBoundingClientRect();
            const at = [box.x + box.width / 2, box.y + box.height / 2];
            const top = document.elementFromPoint(...at);
            if (!top || !(element.contains(top) || top.contains(element)))
                throw new Error('covered or hidden: ' + element.outerHTML);
            return at; }})()"""
        )
        for kind in ('mousePressed', 'mouseReleased'):
            self.call(
                'Input.dispatchMouseEvent',
                type=kind,
                x=x,
                y=y,
                button='left',
                clickCount=1,
            )

    def press(self, *keys):
        """Press keys one after the other, such as Tab, Enter, ArrowRight."""
        for key in keys:
            code, text = _KEYS[key]
            common = {
                'key': ' ' if key == 'Space' else key,
                'code': key,
                'windowsVirtualKeyCode': code,
            }
            down = {'type': 'keyDown', 'text': text} if text else {}
            self.call(
                'Input.dispatchKeyEvent',
                **({'type': 'rawKeyDown'} | down | common),
            )
            self.call('Input.dispatchKeyEvent', type='keyUp', **common)

    def type(self, text):
        """Write text into the element that has the focus."""
        self.call('Input.insertText', text=text)

    def accessible(self):
        """(role, name) of all that a screen reader meets, in its order."""
        tree = self.call('Accessibility.getFullAXTree')['nodes']
        return [
            (
                node.get('role', {}).get('value', ''),
                node.get('name', {}).get('value', ''),
            )
            for node in tree
            if not node.get('ignored')
        ]

    def requests(self):
        """The URLs that this tab has asked for so far."""
        self.browser.receive(0)
        sent = self.browser.events(self.session, 'Network.requestWillBeSent')
        return [event['request']['url'] for event in sent]

    def problems(self):
        """Errors that the page wrote to the console, or did not catch."""
        self.browser.receive(0)
        thrown = self.browser.events(self.session, 'Runtime.exceptionThrown')
        logged = self.browser.events(self.session, 'Log.entryAdded')
        called = self.browser.events(self.session, 'Runtime.consoleAPICalled')
        return [
            *(
                event['exceptionDetails']
                .get('exception', {})
                .get('description', event['exceptionDetails']['text'])
                for event in thrown
            ),
            *(
                f'{event["entry"]["text"]} {event["entry"].get("url", "")}'
                for event in logged
                if event['entry']['level'] == 'error'
            ),
            *(
                ' '.join(str(x.get('value')) for x in event['args'])
                for event in called
                if event['type'] == 'error'
            ),
        ]

    def screenshot(self, path, quality=80, **settings):
        """Write what is seen (.jpg or .png)."""
        form = 'png' if str(path).endswith('.png') else 'jpeg'
        if form == 'jpeg':
            settings['quality'] = quality
        image = self.call('Page.captureScreenshot', format=form, **settings)
        Path(path).write_bytes(base64.b64decode(image['data']))

    def close(self):
        """Close the tab."""
        self.browser.call('Target.closeTarget', targetId=self.target)


def _element(selector):
    """JavaScript for the first element of a selector, or an error."""
    quoted = json.dumps(selector)
    return (
        f'(document.querySelector({quoted}) || '
        f'(() => {{ throw new Error("nothing is " + {quoted}); }})())'
    )


def _pipe():
    """Both ends of a pipe, on descriptors above those of the protocol."""
    ends = []
    for end in os.pipe():
        ends.append(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10))
        os.close(end)
    return ends
