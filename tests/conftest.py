# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Synthetic data shared by the tests; nothing binary is stored."""

import gc
import http.server
import io
import json
import os
import random
import runpy
import subprocess
import sys
import threading
import time
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import pytest

from mmfashion_ext import plugins
from mmfashion_ext.formats.deepfashion2.constants import CATEGORY_BY_ID


def pytest_collection_modifyitems(items):
    """Files that start processes come first: they take longest.

    So several workers end at about the same time. With SHUFFLE=SEED all
    tests are run in a random order instead.
    """
    if 'SHUFFLE' in os.environ:
        random.Random(os.environ['SHUFFLE']).shuffle(items)
        return
    long = {
        item.path
        for item in items
        if {'run_python', 'run_ranks'} & set(item.fixturenames)
    }
    items.sort(key=lambda item: item.path not in long)


def pytest_collection_finish():
    """Spare the garbage collector the hosts: they stay to the end."""
    gc.collect()
    gc.freeze()


def remembered(function):
    """A function that does not compute again what it was asked before."""
    results = {}

    def call(*args, **kwargs):
        key = repr((args, kwargs))
        if key not in results:
            results[key] = function(*args, **kwargs)
        return results[key]

    return call


@pytest.fixture(scope='session', autouse=True)
def remember_what_mmengine_repeats():
    """Two functions of their arguments alone that take most of many tests.

    For each ``_base_`` in a host MMEngine parses all of the host's metafiles,
    and it formats a runner's config four times.
    """
    if not plugins.is_installed('mmengine'):
        yield
        return
    import mmengine.config.utils as config_utils
    from yapf.yapflib import yapf_api

    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((config_utils, 'load'), (yapf_api, 'FormatCode')):
            patch.setattr(module, name, remembered(getattr(module, name)))
        yield


def make_item(category_id=1, box=(10, 20, 60, 80), **changes):
    """A valid raw DeepFashion2 item with its landmarks on a diagonal.

    Landmark k is at (x1 + k, y1 + k); v = 2, the last one is v = 1.
    """
    category = CATEGORY_BY_ID[category_id]
    x1, y1, x2, y2 = box
    landmarks = []
    for k in range(1, category.num_landmarks + 1):
        v = 1 if k == category.num_landmarks else 2
        landmarks += [x1 + k, y1 + k, v]
    return {
        'category_name': category.raw_name,
        'category_id': category_id,
        'style': 1,
        'bounding_box': list(box),
        'landmarks': landmarks,
        'segmentation': [[x1, y1, x2, y1, x2, y2, x1, y2, x1, y1]],
        'scale': 2,
        'occlusion': 1,
        'zoom_in': 1,
        'viewpoint': 2,
    } | changes


def seed_generators(seed=0):
    """Set the random generators of Python, NumPy and PyTorch."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (the one that hosts use)
    if 'torch' in sys.modules:
        sys.modules['torch'].manual_seed(seed)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef):
    """What tests share is drawn alike, whichever of them comes first."""
    if fixturedef.scope == 'function':
        return (yield)
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    torch = sys.modules.get('torch')
    state = torch.get_rng_state() if torch else None
    seed_generators()
    try:
        return (yield)
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        if torch:
            torch.set_rng_state(state)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """Draw alike in each test, whatever came before it."""
    seed_generators()


def managed_by_name():
    """Class of MMEngine -> its instances by name."""
    utils = sys.modules.get('mmengine.utils')
    found = [utils.ManagerMixin] if utils else []
    for kind in found:  # grows meanwhile
        found += kind.__subclasses__()
    return {kind: kind._instance_dict for kind in found}


@pytest.fixture(autouse=True)
def own_process_state():
    """What a test sets in its process ends with the test.

    Default scope, loggers, visualizers and the like of MMEngine, environment
    variables, arguments, search path, threads and modes of PyTorch and
    OpenCV: so no test depends on those that ran before it.
    """
    torch = sys.modules.get('torch')
    managed = {kind: dict(kept) for kind, kept in managed_by_name().items()}
    environment, arguments = dict(os.environ), list(sys.argv)
    search_path, folder = list(sys.path), Path.cwd()
    threads = torch and torch.get_num_threads()
    opencv_threads = cv2.getNumThreads()
    yield
    for kind, kept in managed_by_name().items():
        kept.clear()
        kept.update(managed.get(kind, {}))
    registry = sys.modules.get('mmengine.registry')
    if registry is not None:
        registry.DefaultScope._instance_dict.clear()
    for name in {*os.environ} - {*environment, 'PYTEST_CURRENT_TEST'}:
        del os.environ[name]
    os.environ.update(environment)
    sys.argv[:], sys.path[:] = arguments, search_path
    os.chdir(folder)
    cv2.setNumThreads(opencv_threads)
    if torch:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)
        torch.use_deterministic_algorithms(False)


@pytest.fixture
def raw_split(tmp_path):
    """A function that writes annotations and images as a raw split."""

    def write(annotations: dict, size=(100, 120), name='train') -> Path:
        folder = tmp_path / name
        (folder / 'image').mkdir(parents=True)
        (folder / 'annos').mkdir()
        image = np.full((size[1], size[0], 3), 127, np.uint8)
        for stem, content in annotations.items():
            cv2.imwrite(str(folder / 'image' / f'{stem}.jpg'), image)
            path = folder / 'annos' / f'{stem}.json'
            path.write_text(json.dumps(content))
        return folder

    return write


@pytest.fixture
def raw_item():
    """The function ``make_item``."""
    return make_item


@pytest.fixture
def write_viton(tmp_path):
    """A function that writes a tiny dataset for try-on; its root.

    The person of item 2 has value 22 everywhere, cloth 122; the left half of
    a cloth's mask is on. Parse map and DensePose hold all ids, joint k is at
    (k, 2 k). Of DressCode it writes the folder of one class.
    """
    from mmfashion_ext.formats.viton.constants import (
        NUM_PARTS,
        PARSE_LABEL_SETS,
    )
    from mmfashion_ext.formats.viton.layout import LAYOUTS, cloth_stem

    def write(layout='viton', split='train', num=4, size=(32, 24), **kwargs):
        own = LAYOUTS[layout, split]
        cloth_class = kwargs.get('cloth_class', 'upper_body')
        below = cloth_class if own.by_class else own.base
        base = tmp_path / layout / below
        folders = {kind: base / own.folders[kind] for kind in own.folders}
        for kind in kwargs.get('without', ()):
            del folders[kind]
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=own.by_class)
        labels = len(PARSE_LABEL_SETS[own.parse])
        h, w = size
        ids = np.arange(h * w, dtype=np.uint8).reshape(size)
        mask = np.zeros(size, np.uint8)
        mask[:, : w // 2] = 255
        joints = [[k, 2 * k, 0.5] for k in range(18)]
        people = [{'pose_keypoints': np.ravel(joints).tolist()}]
        flow = np.indices(size)[::-1].transpose(1, 2, 0).astype(np.float32)
        pose = {'people': people}
        if layout == 'dresscode':
            pose = {'keypoints': [[*row, 0] for row in joints]}
        for n in range(num):
            person = f'{n:06d}_0' if layout == 'viton' else f'{n:05d}_00'
            if own.by_class:
                person = f'{n:06d}'
            cloth = cloth_stem(layout, person)
            contents = {
                'person': np.full(size, 20 + n),
                'cloth': np.full(size, 120 + n),
                'cloth_mask': mask,
                'parse': ids % labels,
                'densepose': ids % NUM_PARTS,
                'pose': pose,
                'flow': flow,
                'truth': np.full(size, 220 + n),
                'truth_flow': flow + 1,
            }
            for kind, folder in folders.items():
                stem = cloth if 'cloth' in kind else person
                path = folder / f'{stem}{own.endings[kind][0]}'
                content = contents[kind]
                if kind == 'pose':
                    path.write_text(json.dumps(content))
                elif path.suffix == '.npy':
                    np.save(path, content)
                elif kind in ('flow', 'truth_flow'):
                    np.savez(path, flow=content)
                else:
                    content = content.astype(np.uint8)
                    if kind in ('person', 'cloth', 'truth'):
                        content = content[:, :, None].repeat(3, 2)
                    cv2.imwrite(str(path), content)
        if own.by_class:
            names = [(f'{n:06d}_0.jpg', f'{n:06d}_1.jpg') for n in range(num)]
            lines = [f'{person}\t{cloth}\n' for person, cloth in names]
            (base / own.worn_pairs).write_text(''.join(lines))
        return tmp_path / layout

    return write


ROOT = Path(__file__).parents[1]


@pytest.fixture(scope='session')
def run_python():
    """Run a script with this Python; the finished process, output as text."""

    def run(*command, cwd=ROOT, status=0, path=()):
        done = subprocess.run(
            [sys.executable, *map(str, command)],
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            env={
                **os.environ,
                'PYTHONPATH': os.pathsep.join(map(str, [*path, ROOT])),
                'OMP_NUM_THREADS': '1',
            },
        )
        assert done.returncode == status, done.stderr
        return done

    return run


@pytest.fixture(scope='session')
def run_ranks(tmp_path_factory):
    """Run a script as two processes, as torchrun: SCRIPT ARGS STORE RANK 2."""

    def run(script, *arguments):
        store = tmp_path_factory.mktemp('ranks') / 'store'
        command = [sys.executable, script, *arguments, store]
        env = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
        ranks = [
            subprocess.Popen(
                [*map(str, command), str(rank), '2'],
                stderr=subprocess.PIPE,
                env=env,
                text=True,
            )
            for rank in range(2)
        ]
        try:
            errors = [rank.communicate(timeout=300)[1] for rank in ranks]
        finally:
            for rank in ranks:
                rank.kill()
        for rank, error in zip(ranks, errors, strict=True):
            assert rank.returncode == 0, error

    return run


@contextmanager
def own_mmengine_globals():
    """What MMEngine keeps by name, loggers and the like, ends with a run."""

    before = {kind: dict(kept) for kind, kept in managed_by_name().items()}
    for kind in before:
        kind._instance_dict.clear()
    try:
        yield
    finally:
        for kind in managed_by_name():
            for instance in kind._instance_dict.values():
                for handler in getattr(instance, 'handlers', ()):
                    handler.close()
            kind._instance_dict.clear()
            kind._instance_dict.update(before.get(kind, {}))


@pytest.fixture(scope='session')
def run_tool():
    """Run a script of this repository in this process, like ``run_python``.

    Importing the hosts takes many times longer than the rest; one test of
    each tool shows that it runs in a process of its own.
    """

    def run(script, *arguments, cwd=ROOT, status=0):
        command = [str(script), *map(str, arguments)]
        out, err = io.StringIO(), io.StringIO()
        with (
            pytest.MonkeyPatch.context() as patch,
            mock.patch.dict(os.environ),
            warnings.catch_warnings(),
            own_mmengine_globals(),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            patch.setattr(sys, 'argv', command)
            patch.chdir(cwd)
            with pytest.raises(SystemExit) as ended:
                runpy.run_path(str(ROOT / script), run_name='__main__')
        code = ended.value.code or 0
        assert code == status, err.getvalue()
        return subprocess.CompletedProcess(
            command, code, out.getvalue(), err.getvalue()
        )

    return run


@pytest.fixture(scope='session')
def tiny_deepfashion2(tmp_path_factory, run_tool):
    """Four images to train on, two to validate on; folder, --cfg-options."""
    from mmfashion_ext.synthetic import generate_deepfashion2

    root = tmp_path_factory.mktemp('deepfashion2') / 'data'
    generate_deepfashion2(root, num=4, val=2, size=96, progress=False)
    converter = ROOT / 'tools' / 'dataset_converters' / 'deepfashion2.py'
    for split in ('train', 'validation'):
        out = root / 'annotations' / f'{split}.json'
        run_tool(converter, root / split, '--out', out)
    truth = root / 'annotations' / 'validation.json'
    options = [
        f'val_evaluator.ann_file={truth}',
        f'test_evaluator.ann_file={truth}',
        'train_cfg.max_epochs=1',
        'train_cfg.val_interval=1',
        'default_hooks.logger.interval=1',
    ]
    for split in ('train', 'val', 'test'):
        options += [
            f'{split}_dataloader.dataset.data_root={root}/',
            f'{split}_dataloader.batch_size=2',
            f'{split}_dataloader.num_workers=0',
            f'{split}_dataloader.persistent_workers=False',
        ]
    return root, options


class Site(http.server.ThreadingHTTPServer):
    """A web server on this machine whose answers a test chooses, by path.

    Attributes:
        files: Content. What is not there is answered by 404.
        cut: How many more answers break off after half of their bytes.
        slow: Seconds before each of 8 pieces.
        status: Statuses of the next answers.
        redirects: Where a path is redirected to.
        lengths: What Content-Length says; None: nothing.
        etag: ETag of all files; ranges are served with it alone.
        shift: The next part begins so many bytes too late, and says so.
        asked, ranges: Paths and Range headers of the requests.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(('127.0.0.1', 0), SiteAnswer)
        self.url = f'http://127.0.0.1:{self.server_port}'
        self.files, self.cut, self.slow, self.status = {}, {}, {}, {}
        self.redirects, self.lengths, self.etag, self.shift = {}, {}, '', 0
        self.asked, self.ranges, self.ignores_if_range = [], [], False

    def handle_error(self, *_):
        """A client that went away is what some tests want."""


class SiteAnswer(http.server.BaseHTTPRequestHandler):
    """Answers of :class:`Site`."""

    def do_GET(self):
        site, wanted = self.server, self.headers.get('Range')
        site.asked.append(self.path)
        site.ranges.append(wanted)
        if site.status.get(self.path):
            return self.send_error(site.status[self.path].pop(0))
        if self.path in site.redirects:
            self.send_response(302)
            self.send_header('Location', site.redirects[self.path])
            return self.end_headers()
        content = site.files.get(self.path)
        if content is None:
            return self.send_error(404)
        same = self.headers.get('If-Range') in (None, site.etag)
        start = 0
        if wanted and site.etag and (same or site.ignores_if_range):
            start = int(wanted[6:-1])
            if start >= len(content):
                return self.send_error(416)
            start, site.shift = start + site.shift, 0
            self.send_response(206)
            span = f'bytes {start}-{len(content) - 1}/{len(content)}'
            self.send_header('Content-Range', span)
        else:
            self.send_response(200)
        return self.send_content(content[start:])

    def send_content(self, content):
        site = self.server
        length = site.lengths.get(self.path, str(len(content)))
        if length is not None:
            self.send_header('Content-Length', length)
        if site.etag:
            self.send_header('ETag', site.etag)
        self.end_headers()
        if site.cut.get(self.path, 0) > 0:
            site.cut[self.path] -= 1
            content = content[: len(content) // 2]
        if self.path not in site.slow:
            self.wfile.write(content)
            return
        step = -(-len(content) // 8)
        for i in range(0, len(content), step):
            time.sleep(site.slow[self.path])
            self.wfile.write(content[i : i + step])

    def log_message(self, *args):
        """Nothing is logged."""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A running :class:`Site`, and a download cache of its own."""
    from mmfashion_ext.utils import transfer

    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.delenv('MMFASHION_ZOO_URL', raising=False)
    monkeypatch.setattr(transfer, '_PAUSE', 0)
    server = Site()
    server.cache = tmp_path / 'torch'
    threading.Thread(
        target=server.serve_forever, args=(0.01,), daemon=True
    ).start()
    yield server
    server.shutdown()
    server.server_close()
