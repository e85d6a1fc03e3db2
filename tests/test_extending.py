# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The contributing page's checklists "add a system" and "add a metric".

A fake fifth system is added to a copy of the package, with the files that the
checklist lists and one row in ``plugins.SYSTEMS``; then everything that works
for the other four must work for it.
"""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from mmfashion_ext.plugins import SYSTEMS

ROOT = Path(__file__).resolve().parents[1]
NAME = 'colour_linear_1xb2-1e_toy'

FILES = {
    'mmfashion_ext/colour/__init__.py': '''
"""Mean colour of images, a system that exists in a test only."""
from ..plugins import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        'model': ('ColourNet',),
        'dataset': ('ColourDataset',),
        'metric': ('ColourMetric',),
        'inferencer': ('ColourInferencer',),
    },
)
''',
    'mmfashion_ext/colour/model.py': '''
import torch
from mmengine.model import BaseModel
from torch import nn

from ..registry import MODELS


@MODELS.register_module()
class ColourNet(BaseModel):
    """Predict the mean of an image, (B, 3), from its (B, 3, h, w)."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        means = torch.stack(list(inputs)).float().mean((2, 3))
        predicted = self.fc(means)
        if mode == 'loss':
            return {'loss': (predicted - means).abs().mean()}
        return list(predicted.detach())
''',
    'mmfashion_ext/colour/dataset.py': '''
import torch
from torch.utils.data import Dataset

from ..registry import DATASETS


@DATASETS.register_module()
class ColourDataset(Dataset):
    """Four images (3, 4, 4) in 0-1."""

    metainfo = {}

    def __len__(self):
        return 4

    def __getitem__(self, index):
        image = torch.full((3, 4, 4), index / 4)
        return {'inputs': image, 'data_samples': None}
''',
    'mmfashion_ext/colour/metric.py': '''
from mmengine.evaluator import BaseMetric

from ..registry import METRICS


@METRICS.register_module()
class ColourMetric(BaseMetric):
    """Largest predicted value."""

    def process(self, data_batch, data_samples):
        self.results += [float(sample.max()) for sample in data_samples]

    def compute_metrics(self, results):
        return {'colour/max': max(results)}
''',
    'mmfashion_ext/colour/inferencer.py': '''
import torch

from ..inferencer import Inferencer
from ..utils.image_inputs import number_of_inputs, resolve_images


class ColourInferencer(Inferencer):
    """Colour inferencer: images in, mean colours out."""

    def __call__(self, inputs, **kwargs):
        items = resolve_images(inputs)
        return self._run(items, total=number_of_inputs(inputs), **kwargs)

    def _predict(self, loaded, options):
        images = [torch.from_numpy(x).permute(2, 0, 1) for x in loaded]
        return self.model(images)

    def _to_prediction(self, sample):
        return {'colour': sample.numpy()}

    def _draw(self, loaded, sample, options):
        return loaded
''',
    f'configs/colour/{NAME}.py': """
_base_ = '../_base_/default_runtime.py'
default_scope = 'mmengine'
model = dict(type='mmfashion_ext.ColourNet')
train_dataloader = dict(
    batch_size=2,
    dataset=dict(type='mmfashion_ext.ColourDataset'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='pseudo_collate'),
)
test_dataloader = dict(
    batch_size=2,
    dataset=dict(type='mmfashion_ext.ColourDataset'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
)
train_cfg = dict(by_epoch=True, max_epochs=1)
test_cfg = dict()
test_evaluator = dict(type='mmfashion_ext.ColourMetric')
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))
""",
    'configs/colour/README.md': '# Mean colour\n',
    'configs/colour/metafile.yml': f"""
Collections:
- Name: Colour
  Paper: {{URL: 'https://example.org', Title: Colours}}
  README: configs/colour/README.md
  Code: mmfashion_ext/colour/model.py
Models:
- Name: {NAME}
  In Collection: Colour
  Config: configs/colour/{NAME}.py
  Metadata: {{Tasks: [Colour], Dataset: toy}}
  Results: []
""",
}

USE = f"""
import runpy
import sys
import torch
import mmfashion_ext
from mmfashion_ext import hub, plugins

out = sys.argv[1]

assert mmfashion_ext.list_models('colour*') == ['{NAME}']
assert 'colour' in plugins.installed_systems()
model = mmfashion_ext.get_model('{NAME}')
assert type(model).__name__ == 'ColourNet'
infer = mmfashion_ext.build_inferencer(model, show_progress=False)
image = torch.full((4, 4, 3), 8, dtype=torch.uint8).numpy()
result = infer([image, image], out_dir=out)
assert len(result['predictions']) == 2, result
assert result['predictions'][1]['colour'].shape == (3,)
from mmengine.registry import DATASETS
assert DATASETS.get('mmfashion_ext.ColourDataset')

# by the tools of all systems, which know nothing of this one
for words in (
    ['tools/train.py', '{NAME}'],
    ['tools/test.py', '{NAME}', out + '/epoch_1.pth', '--out',
     out + '/m.json'],
):
    sys.argv = [*words, '--work-dir', out]
    try:
        runpy.run_path(words[0], run_name='__main__')
    except SystemExit as end:
        assert not end.code, words
assert 'mmdet' not in sys.modules
"""


@pytest.fixture
def with_fifth_system(tmp_path_factory):
    """A copy of the repository in which the checklist was followed."""
    root = tmp_path_factory.mktemp('repository')
    ignore = shutil.ignore_patterns('__pycache__', '.mim')
    for name in ('mmfashion_ext', 'configs', 'tools'):
        shutil.copytree(ROOT / name, root / name, ignore=ignore)
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip())
    index = (ROOT / 'model-index.yml').read_text()
    line = '  - configs/colour/metafile.yml\n'
    (root / 'model-index.yml').write_text(index + line)
    plugins = root / 'mmfashion_ext' / 'plugins.py'
    text, count = re.subn(
        r'(?m)^(SYSTEMS\b.*\{)$',
        r"\1\n    'colour': (MMENGINE,),",
        plugins.read_text(),
    )
    assert count == 1
    plugins.write_text(text)
    return root


def test_a_fifth_system_works_like_the_others(
    with_fifth_system, run_python, tmp_path
):
    """It is listed, built, run, trained and tested."""
    root = with_fifth_system
    run_python('-c', USE, tmp_path, cwd=root, path=[root])
    written = json.loads((tmp_path / 'results.json').read_text())
    assert [entry['name'] for entry in written['predictions']] == [
        'image',
        'image_2',
    ]
    assert set(json.loads((tmp_path / 'm.json').read_text())) == {'colour/max'}


METRIC = '''
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS


@METRICS.register_module()
class MeanScore(BaseMetric):
    """Mean score of all detections, 0-1."""

    def process(self, data_batch, data_samples):
        for sample in data_samples:
            scores = sample['pred_instances']['scores']
            self.results.append(float(scores.mean()) if len(scores) else 0)

    def compute_metrics(self, results):
        return {'mean_score': sum(results) / len(results)}
'''


def test_a_metric_of_ones_own(tmp_path, monkeypatch):
    """A class and a line of a config; no file of the package is edited."""
    pytest.importorskip('mmdet')
    import torch
    from mmengine.config import Config
    from mmengine.evaluator import Evaluator
    from mmengine.registry import METRICS, DefaultScope
    from mmengine.structures import InstanceData

    base = 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160'
    (tmp_path / 'mean_score.py').write_text(METRIC)
    (tmp_path / 'own.py').write_text(
        f"_base_ = __import__('mmfashion_ext').config_path('{base}')\n"
        "custom_imports = dict(imports=['mean_score'])\n"
        "test_evaluator = dict(_delete_=True, type='mmengine.MeanScore')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    try:
        cfg = Config.fromfile(tmp_path / 'own.py')
        from mmdet.structures import DetDataSample

        sample = DetDataSample()
        sample.pred_instances = InstanceData(scores=torch.tensor([0.25, 0.75]))
        with DefaultScope.overwrite_default_scope(cfg.default_scope):
            evaluator = Evaluator([cfg.test_evaluator])
        evaluator.process([sample, sample])
        assert evaluator.evaluate(2) == {'mean_score': 0.5}
    finally:
        sys.modules.pop('mean_score', None)
        METRICS.module_dict.pop('MeanScore', None)


@pytest.mark.parametrize('system', SYSTEMS)
def test_what_is_listed_per_system(system):
    """A system that is forgotten in one of these is found by no user."""
    name = system.replace('_', '-')
    configs = ROOT / 'configs' / system
    for file in ('README.md', 'metafile.yml', '_base_/runtime.py'):
        assert (configs / file).is_file()
    index = (ROOT / 'model-index.yml').read_text()
    assert f'- configs/{system}/metafile.yml' in index
    setup = (ROOT / 'setup.py').read_text()
    assert re.search(rf"^        '{name}': [A-Z_]+,$", setup, re.M)
    assert f'](docs/{system}.md)' in (ROOT / 'README.md').read_text()
    assert (ROOT / 'docs' / f'{system}.md').is_file()
    assert (ROOT / 'tests' / f'test_{system}').is_dir()
    for demo in ('tour/systems.py', 'train_demo.py'):
        assert f'def {system}(' in (ROOT / 'demo' / demo).read_text()
    package = __import__(f'mmfashion_ext.{system}', fromlist=['x'])
    assert len([n for n in package.__all__ if n.endswith('Inferencer')]) == 1
