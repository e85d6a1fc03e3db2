# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Draw the images of docs/web.md: the built try-on page in Chromium.

Examples:
    python tools/misc/build_web.py
    python tools/misc/web_images.py web/dist
"""

import argparse
import functools
import http.server
import sys
import threading
from pathlib import Path

from mmfashion_ext.utils.cli import run_tool

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests'))
SECONDS = 600  # for a machine that is busy


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A static host that writes no log."""

    def log_message(self, *args: object) -> None:
        """Write nothing."""


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('page', type=Path, help='folder of the built page')
    parser.add_argument('--person', type=int, default=2, help='1, 2 ...')
    parser.add_argument('--garment', type=int, default=2, help='1, 2 ...')
    parser.add_argument(
        '--out',
        type=Path,
        default=ROOT / 'docs' / 'images',
        help='folder of web.jpg and web_phone.jpg (default: %(default)s)',
    )
    return parser.parse_args()


def main() -> None:
    """Open the page, choose, and write what is seen."""
    args = parse_args()
    from browser import Browser

    handler = functools.partial(Quiet, directory=str(args.page))
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    done = 'document.querySelector("#status").textContent === "Done."'
    with Browser() as browser:
        page = browser.open(
            f'http://127.0.0.1:{server.server_port}/?backend=wasm',
            size=(1200, 760),
        )
        page.wait_for(done, timeout=SECONDS)
        for group, number in (
            ('persons', args.person),
            ('garments', args.garment),
        ):
            choice = (
                f'document.querySelectorAll("[name={group}]")[{number - 1}]'
            )
            page.run(
                'document.querySelector("#status").textContent = "";'
                f'{choice}.checked = false; {choice}.click()'
            )
            page.wait_for(done, timeout=SECONDS)
        page.screenshot(args.out / 'web.jpg', quality=85)
        page.resize(390, 844, phone=True)
        page.run('scrollTo(0, 0)')
        page.screenshot(args.out / 'web_phone.jpg', quality=85)
    server.shutdown()
    print(f'wrote {args.out}/web.jpg and web_phone.jpg')


if __name__ == '__main__':
    run_tool(main)
