# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""tools/prepare_tryon.py: arguments, and a run without models."""

import importlib

import cv2
import numpy as np
import pytest

pytest.importorskip('mmengine')
from mmfashion_ext.errors import UserError


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


def test_the_parser_by_default_is_the_published_one(tool, monkeypatch):
    built = {}

    def build(name, weights, device, **kwargs):
        built.update(name=name, weights=weights)
        return lambda image: {'predictions': [{'labels': image.shape}]}

    monkeypatch.setattr('mmfashion_ext.hub.build_inferencer', build)
    args = tool.parse_args(['persons', 'clothes', 'out'])
    name, find = tool.build_parser(args)
    assert name == built['name']
    assert name.startswith('match-rcnn')
    assert find(np.zeros((4, 3, 3), np.uint8)) == {'labels': (4, 3, 3)}
