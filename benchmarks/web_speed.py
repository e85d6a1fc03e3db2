# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Try-ons a second of the page in Chromium, beside ONNX Runtime's own speed.

Both run the same graphs on one core and one thread, in turns: the person is
encoded and dressed in a garment that was encoded before, as for each image of
a camera. In the browser that includes resizing the photograph and composing
at its size. CPU milliseconds depend little on what else is running, those of
Chromium are of all its processes.

    python tools/misc/build_web.py --size 256 192 --out page
    python benchmarks/web_speed.py page
"""

import argparse
import functools
import http.server
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import report

from mmfashion_ext.utils.cli import run_tool

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'tests'))
ROUNDS = 20  # of one measurement of the page, see page.js
SECONDS = 600  # for a machine that is busy


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A static host that writes no log."""

    def log_message(self, *args: object) -> None:
        """Write nothing."""


class Native:
    """The graphs of a page in ONNX Runtime for Python, one thread."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        about = json.loads((folder / 'model.json').read_text())
        self.graphs = about['graphs']
        h, w = about['size']
        for name, value in (('batch', 1), ('h', h), ('w', w)):
            options.add_free_dimension_override_by_name(name, value)
        for n in (2, 4, 8, 16, 32):
            for name, value in ((f'h_{n}', h // n), (f'w_{n}', w // n)):
                options.add_free_dimension_override_by_name(name, value)
        self.sessions = {
            name: onnxruntime.InferenceSession(
                str(folder / f'{name}.onnx'),
                options,
                providers=['CPUExecutionProvider'],
            )
            for name in ('person', 'cloth', 'dress')
        }
        random = np.random.default_rng(0)
        image = random.uniform(-1, 1, (2, 1, 3, h, w)).astype(np.float32)
        mask = np.ones((1, 1, h, w), np.float32)
        self.inputs = dict(person=image[0], cloth=image[1], cloth_mask=mask)
        self.inputs |= self._run('cloth')

    def _run(self, name: str) -> dict[str, np.ndarray]:
        graph = self.graphs[name]
        outputs = graph['outputs']
        if name == 'dress':  # what the page asks for
            outputs = ['flow', 'rendered', 'cloth_logits', 'changed']
        feeds = {key: self.inputs[key] for key in graph['inputs']}
        values = self.sessions[name].run(outputs, feeds)
        return dict(zip(outputs, values, strict=True))

    def try_on(self) -> None:
        """Encode the person and dress it."""
        self.inputs |= self._run('person')
        self._run('dress')


def cpu_seconds(group: int) -> float:
    """Return the CPU seconds of the processes of a group."""
    ticks = 0
    for stat in Path('/proc').glob('[0-9]*/stat'):
        try:
            fields = stat.read_text().rpartition(')')[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[2]) == group:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf('SC_CLK_TCK')


def native_turn(native: Native) -> tuple[float, list[float]]:
    """Return CPU milliseconds of a try-on, and milliseconds of each."""
    start, times = time.process_time(), []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        native.try_on()
        times.append(1000 * (time.perf_counter() - begun))
    return 1000 * (time.process_time() - start) / ROUNDS, times


def page_turn(page: Any, group: int) -> tuple[float, list[dict[str, float]]]:
    """Return CPU milliseconds of a try-on, and milliseconds of each.

    Args:
        page (Page): The opened page.
        group (int): Group of Chromium's processes.
    """
    speed = 'document.querySelector("#speed").dataset'
    page.run(f'delete {speed}.times')
    start = cpu_seconds(group)
    page.click('#measure')
    times = page.wait_for(f'{speed}.times', timeout=SECONDS)
    spent = cpu_seconds(group) - start
    return 1000 * spent / ROUNDS, json.loads(times)


def measure(folder: Path, turns: int) -> dict[str, float]:
    """Measure both in turns.

    Args:
        folder (Path): The built page.
        turns (int): How often.

    Returns:
        dict[str, float]: Milliseconds and rates of the fastest.
    """
    from browser import Browser

    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f'http://127.0.0.1:{server.server_port}/?backend=wasm&threads=1'
    native = Native(folder / 'model')
    native.try_on()
    cpu: dict[str, list[float]] = {'native': [], 'page': []}
    wall: dict[str, list[float]] = {'native': [], 'all': [], 'network': []}
    with Browser() as chromium:
        page = chromium.open(url)
        done = 'document.querySelector("#status").textContent === "Done."'
        page.wait_for(done, timeout=SECONDS)
        page.click('summary')
        for _ in range(turns):
            spent, times = native_turn(native)
            cpu['native'].append(spent)
            wall['native'] += times
            spent, entries = page_turn(page, chromium.pid)
            cpu['page'].append(spent)
            for kind in ('all', 'network'):
                wall[kind] += [entry[kind] for entry in entries]
    server.shutdown()
    fastest = {kind: min(times) for kind, times in wall.items()}
    native_cpu, page_cpu = min(cpu['native']), min(cpu['page'])
    ratio = fastest['network'] / fastest['native']
    return {
        'ONNX Runtime, CPU ms': native_cpu,
        'page, CPU ms': page_cpu,
        'page, times ONNX Runtime (CPU)': page_cpu / native_cpu,
        'page, try-ons for each CPU second': 1000 / page_cpu,
        'ONNX Runtime, ms (fastest)': fastest['native'],
        'page, ms (fastest)': fastest['all'],
        'page, its network, ms (fastest)': fastest['network'],
        'network, times ONNX Runtime (fastest)': ratio,
        'page, try-ons a second (fastest)': 1000 / fastest['all'],
    }


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = report.parser(__doc__)
    parser.add_argument('page', help='folder of the built page')
    parser.add_argument('--turns', type=int, default=3)
    parser.add_argument(
        '--core', type=int, default=0, help='the one that both run on'
    )
    return parser.parse_args()


def main() -> None:
    """Pin this process and Chromium to one core, and measure."""
    args = parse_args()
    os.sched_setaffinity(0, {args.core})
    folder = Path(args.page)
    about = json.loads((folder / 'model' / 'model.json').read_text())
    h, w = about['size']
    title = f'{about["name"]}, {h} x {w}, one core, {args.turns} turns'
    report.show(title, measure(folder, args.turns), args)


if __name__ == '__main__':
    run_tool(main)
