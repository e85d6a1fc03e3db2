# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""tools/prepare_tryon.py: arguments, and a run without models."""

import importlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip('mmengine')
from mmengine.structures import InstanceData

from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon.preparation.worn_garments import WornGarments


@pytest.fixture
def tool(monkeypatch, pytestconfig):
    monkeypatch.syspath_prepend(str(pytestconfig.rootpath / 'tools'))
    return importlib.import_module('prepare_tryon')


def write(path, garment):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.full((96, 72, 3), 235, np.uint8)
    image[garment] = 30, 60, 170
    cv2.imwrite(str(path), image)


def test_a_run_without_models(tool, tmp_path, capsys):
    write(tmp_path / 'persons/a b.png', np.s_[30:60, 20:50])
    write(tmp_path / 'clothes/lower_body/a b.png', np.s_[10:86, 20:50])
    write(tmp_path / 'clothes/lower_body/none.png', np.s_[0:0])
    paths = [str(tmp_path / name) for name in ('persons', 'clothes', 'out')]
    tool.main([*paths, '--parser', 'none'])
    *lines, last = capsys.readouterr().out.splitlines()
    (line,) = [x for x in lines if 'unusable' in x]
    assert line.startswith(f'{paths[1]}/lower_body/none.png: unusable, GrabC')
    assert '1 persons, 1 garments, 1 unusable, 1 pairs (worn)' in last
    pairs = (tmp_path / 'out/pairs.txt').read_text()
    assert pairs == 'a b.png\ta b.png\tlower_body\n'


@pytest.mark.parametrize(
    ('options', 'match'),
    [
        (['--score-thr', '2'], 'expected 0 to 1, got 2'),
        (['--pose', 'x.py'], 'give both, or neither'),
        (['--parser', 'none', '--crop'], 'neither --crop nor'),
    ],
)
def test_options_that_contradict(tool, options, match):
    with pytest.raises(UserError, match=match):
        tool.parse_args(['persons', 'clothes', 'out', *options])


class Detector:
    """In place of a detector of mmdet."""

    def __init__(self, classes, masks=True):
        self.model = SimpleNamespace(dataset_meta={'classes': classes})
        self.masks = masks

    def __call__(self, image, return_datasamples):
        found = InstanceData(
            labels=torch.tensor([1]),
            scores=torch.tensor([0.9]),
            bboxes=torch.tensor([[1.0, 2, 3, 4]]),
        )
        if self.masks:
            found.masks = torch.ones(1, *image.shape[:2]) > 0
        return {'predictions': [SimpleNamespace(pred_instances=found)]}


class TestParser:
    @pytest.fixture
    def build(self, tool, monkeypatch):
        """Build the parser with a pretended detector; its name too."""
        pytest.importorskip('mmdet')

        def build(*options, **detector):
            monkeypatch.setattr(
                'mmfashion_ext.hub.mmdet_detector.build_detector',
                lambda name, weights, device: Detector(**detector),
            )
            args = tool.parse_args(['persons', 'clothes', 'out', *options])
            return tool.build_parser(args)

        return build

    def test_by_default_the_published_one(self, build):
        name, find = build(classes=['skirt', 'vest_dress'])
        assert name.startswith('match-rcnn')
        found = find(np.zeros((4, 3, 3), np.uint8))
        worn = WornGarments.of(found)
        assert worn.classes == ['dresses']
        assert worn.masks.shape == (1, 4, 3)
        assert worn.boxes.tolist() == [[1, 2, 3, 4]]

    def test_a_detector_without_masks_or_of_other_things(self, build):
        _, find = build(classes=['skirt', 'vest_dress'], masks=False)
        with pytest.raises(UserError, match='boxes without masks'):
            WornGarments.of(find(np.zeros((4, 3, 3), np.uint8)))
        with pytest.raises(UserError, match='its classes are cat, dog, expe'):
            build(classes=['cat', 'dog'])
