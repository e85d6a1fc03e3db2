# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Configs and Python in README, docs and the configs' pages.

Configs are merged into the hosts' own and built. Python runs on small models
with random weights. test_docs.py parses the commands.
"""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, DefaultScope

import mmfashion_ext
from mmfashion_ext import hub, plugins
from mmfashion_ext.errors import UserError
from mmfashion_ext.synthetic.video_reid.surveillance import (
    generate_surveillance,
)

pytestmark = [
    pytest.mark.fault(11),
    pytest.mark.skipif(
        set(plugins.installed_systems()) != set(plugins.SYSTEMS),
        reason='needs all hosts',
    ),
]

ROOT = Path(__file__).resolve().parents[1]
#: Small models in place of those of a page.
SMALL = {
    'match_rcnn': 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160',
    'landmark': 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96',
    'scan': 'scan_r10-small_1xb32-12e_synthetic-64x32',
    'tryon': 'pf-afn_e2e-small_1xb4-8e_synthetic-128x96',
}
MODEL_NAME = re.compile(r'[a-z][\w-]*_\d+xb\d+-[\w-]+')


def snippets(page):
    """The Python blocks of a page, in order."""
    text = (ROOT / page).read_text()
    return re.findall(r'^```python\n(.*?)^```$', text, re.M | re.S)


PAGES = [
    page
    for pattern in ('README.md', 'docs/**/*.md', 'configs/*/README.md')
    for page in sorted(str(p.relative_to(ROOT)) for p in ROOT.glob(pattern))
    if snippets(page)
]


def configs():
    """Page and number of every snippet that is a config."""
    return [
        (page, index)
        for page in PAGES
        for index, code in enumerate(snippets(page))
        if code.startswith('_base_')
    ]


@pytest.mark.parametrize(('page', 'index'), configs())
def test_configs_build_on_those_of_the_hosts(page, index, tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(snippets(page)[index])
    cfg = Config.fromfile(path)
    model = mmfashion_ext.get_model(str(path))
    names = {type(module).__name__ for module in model.modules()}
    types = re.findall(r"type='mmfashion_ext\.(\w+)'", path.read_text())
    assert {*types} <= names
    assert cfg.model.type in names or '.' in cfg.model.type


@pytest.mark.parametrize(
    ('outputs', 'points', 'expected'),
    [(17, 'separate', 294), (294, 'aggregated', 81)],
)
def test_outputs_of_another_head_are_refused(outputs, points, expected):
    head = dict(
        type='mmfashion_ext.CategoryHeatmapHead',
        in_channels=8,
        out_channels=outputs,
        points=points,
    )
    message = (
        f'CategoryHeatmapHead: out_channels is {outputs}, expected {expected}'
        f", since points is '{points}'; leave it out, or set out_channels=None"
    )
    with (
        DefaultScope.overwrite_default_scope('mmpose'),
        pytest.raises(UserError, match=re.escape(message)),
    ):
        MODELS.build(head)


def write_frames(path, count=3, size=(64, 32)):
    """Frames of noise as files in a folder, or as a video."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (count, *size, 3), np.uint8)
    if path.suffix:
        fourcc = cv2.VideoWriter.fourcc(*'mp4v')
        writer = cv2.VideoWriter(str(path), fourcc, 5, size[::-1])
        for frame in frames:
            writer.write(frame)
        writer.release()
        return
    path.mkdir(parents=True)
    for number, frame in enumerate(frames):
        cv2.imwrite(str(path / f'{number:05d}.png'), frame)


@pytest.fixture(scope='module')
def workspace(tmp_path_factory):
    """A folder with all files that the Python snippets name."""
    folder = tmp_path_factory.mktemp('docs')
    image = np.full((128, 96, 3), 200, np.uint8)
    image[20:100, 20:70] = 60
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[20:100, 20:70] = 255
    for name in ('photo', 'street', 'person', 'cloth', 'mask'):
        suffix = 'png' if name == 'mask' else 'jpg'
        content = mask if name == 'mask' else image
        cv2.imwrite(str(folder / f'{name}.{suffix}'), content)
    for name in ('images', 'photos', 'persons', 'clothes', 'masks'):
        (folder / name).mkdir()
        content = mask if name == 'masks' else image
        cv2.imwrite(str(folder / name / 'a.png'), content)
    for name in ('cam1/person001', 'cam2/person001', 'cam2/person002'):
        write_frames(folder / name)
    for name in ('query', 'gallery/a', 'gallery/b'):
        write_frames(folder / name)
    for name in ('a.mp4', 'b.mp4'):
        write_frames(folder / name)
    scene = generate_surveillance(
        folder / 'scene', num=2, size=48, frames=60, progress=False
    )
    (folder / 'cam1.mp4').write_bytes((scene / 'videos/cam1.mp4').read_bytes())
    (folder / 'cam1.txt').write_bytes((scene / 'boxes/cam1.txt').read_bytes())
    (folder / 'boxes_b.json').write_text(
        '[[0, 0, 32, 64], null, [2, 2, 9, 9]]'
    )
    for system, name in SMALL.items():
        model = mmfashion_ext.get_model(name)
        content = {'state_dict': model.state_dict(), 'meta': {}}
        torch.save(content, folder / f'{system}.pth')
    return folder


def on_small_models(code):
    """A snippet with the systems' small models and their weights.

    Models with published weights run as they are.
    """
    published = mmfashion_ext.list_models(pretrained=True)
    for name in set(MODEL_NAME.findall(code)) - {*published}:
        system = Path(mmfashion_ext.config_path(name))
        system = system.relative_to(ROOT / 'configs').parts[0]
        code = code.replace(f"'{name}'", repr(SMALL[system]))
    current = None
    for line in code.splitlines():
        for system, name in SMALL.items():
            if name in line:
                current = system
        if current:
            weights = re.sub(r"'[^']*\.pth'", repr(f'{current}.pth'), line)
            code = code.replace(line, weights)
    return code


@pytest.fixture
def namespace():
    """What the snippets leave to their reader."""
    frames = [np.full((128, 96, 3), 90, np.uint8)]
    shown = []
    return {
        'boxes_a': [(0, 0, 32, 64), None, (2, 2, 9, 9)],
        'camera': lambda: iter(frames),
        'show': shown.append,
        'shown': shown,
    }


PYTHON_PAGES = [
    page
    for page in PAGES
    if page not in ('README.md', 'docs/inference.md', 'docs/datasets.md')
]


@pytest.mark.parametrize('page', PYTHON_PAGES)
def test_python_runs(page, workspace, namespace, monkeypatch, capsys):
    monkeypatch.chdir(workspace)
    registry = MODELS.children['mmdet']  # a snippet registers a head
    types = dict(registry.module_dict)
    monkeypatch.setattr(registry, '_module_dict', types)
    namespace['__name__'] = 'snippet'
    if page == 'docs/lite.md':
        pytest.importorskip('onnxruntime')
        from mmfashion_ext.match_rcnn.onnx_export import export_onnx

        export_onnx(mmfashion_ext.get_model(SMALL['match_rcnn']), 'exported')
    for code in snippets(page):
        if not code.startswith('_base_'):
            exec(on_small_models(code), namespace)
    if page == 'docs/tryon.md':
        (image,) = namespace['shown']
        assert image.shape == (128, 96, 3)


@pytest.mark.skipif(
    'match-rcnn:balanced' not in hub.aliases(),
    reason='no weights of Match R-CNN are published',
)
def test_readme_runs_as_it_stands(monkeypatch, capsys):
    """Its lines find the garments, with the weights of the repository."""
    code, *others = snippets('README.md')
    assert all(other.startswith('_base_') for other in others)
    assert len(code.strip().splitlines()) <= 6
    monkeypatch.chdir(ROOT)
    exec(code, {'__name__': 'snippet'})
    printed = capsys.readouterr().out.splitlines()
    files = sorted((ROOT / 'demo' / 'images').glob('*.jpg'))
    found = {line.split(' ')[0]: line for line in printed}
    assert {file.stem for file in files} <= {*found}
    for name, category in (('jeans', 'trousers'), ('shorts', 'shorts')):
        assert category in found[name], printed


def test_the_contract_of_all_systems(workspace, monkeypatch, capsys):
    """docs/inference.md: one name stands for a model of each system."""
    (code,) = snippets('docs/inference.md')
    monkeypatch.chdir(workspace)
    calls = [line for line in code.splitlines() if 'infer(' in line]
    assert len(calls) == 3
    for system, call in zip(
        ('match_rcnn', 'landmark', 'scan', 'tryon'),
        (calls[0], *calls),
        strict=True,
    ):
        if system == 'landmark':
            continue  # needs a detector or boxes, see docs/landmark.md
        lines = [
            line
            for line in code.splitlines()
            if 'infer(' not in line or line == call
        ]
        own = '\n'.join(lines).replace("'NAME'", repr(SMALL[system]))
        own = own.replace("'weights.pth'", repr(f'{system}.pth'))
        variables = {}
        exec(own, variables)
        assert len(variables['result']['predictions']) == 1
        assert variables['result']['skipped'] == []


def test_the_dataset_of_the_datasets_page(write_viton):
    (code,) = snippets('docs/datasets.md')
    variables = {}
    exec(code, variables)
    dataset = variables['dataset']
    assert dataset['data_root'] == 'data/viton/'
    dataset['data_root'] = str(write_viton('viton', size=(512, 384), num=2))
    with DefaultScope.overwrite_default_scope('mmengine'):
        sample = DATASETS.build(dataset)[0]
    assert sample['inputs']['person'].shape == (3, 512, 384)
