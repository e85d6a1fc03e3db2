# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Figures of the demo, made of the predictions of a fake inferencer."""

from pathlib import Path

import numpy as np
import pytest
from tour.models import Model
from tour.showing import (
    show_clothes,
    show_ranking,
    show_search,
    show_try_on,
)
from tour.steps import Step, Workspace

import mmfashion_ext
from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.images import read_image, write_image

MODEL = Model('some-model', 'weights.safetensors')


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Workspace(tmp_path / 'out', tmp_path)


@pytest.fixture
def step():
    return Step('Match R-CNN', 'predict', 1, print)


@pytest.fixture
def calls(monkeypatch):
    """What the fake inferencer was built and called with."""
    noted = []

    def build(name, **options):
        noted.append((name, options))
        return infer

    def infer(*inputs, out_dir, grid=False, top=None, score_thr=0):
        noted.append((inputs, out_dir))
        out = Path(out_dir)
        if grid:
            write_image(out / 'grid.jpg', np.zeros((9, 9, 3), np.uint8))
            return {}
        first, *_ = inputs
        files = [Path(first)] if isinstance(first, str) else first
        if isinstance(first, str) and Path(first).is_dir():
            files = sorted(Path(first).iterdir())
        predictions = []
        for file in map(Path, files):
            (out / 'visualizations').mkdir(parents=True, exist_ok=True)
            write_image(
                out / 'visualizations' / f'{file.stem}.jpg',
                np.zeros((9, 9, 3), np.uint8),
            )
            predictions.append(
                {
                    'name': file.stem,
                    'bboxes': np.zeros((2, 4)),
                    'categories': ['long_sleeved_dress', 'skirt'],
                    'scores': np.array([0.91, 0.4]),
                    'gallery': ['b/person002', 'b/person001'],
                }
            )
        return {'predictions': predictions, 'skipped': []}

    monkeypatch.setattr(mmfashion_ext, 'build_inferencer', build)
    return noted


def test_clothes(work, step, calls, tmp_path):
    """One figure an image, described by what was found in it."""
    garments, generated = tmp_path / 'garments', tmp_path / 'generated'
    for folder, count in ((garments, 2), (generated, 9)):
        folder.mkdir()
        for number in range(count):
            (folder / f'{number:02d}.jpg').touch()
    inputs = {'garments': garments, 'generated': generated}
    options = ', det_model="detector"', ', score_thr=0.5'
    show_clothes(work, step, MODEL, inputs, *options)
    assert calls[0] == ('some-model', {'det_model': 'detector'})
    assert calls[1][0] == ('garments',)
    assert len(step.figures) == 2 + 6
    figure = step.figures[1]
    assert figure.caption == 'long sleeved dress 0.91, skirt 0.40'
    assert figure.alt == '01: long sleeved dress 0.91, skirt 0.40'
    for figure in step.figures:
        assert (tmp_path / 'out' / figure.file).is_file()
    assert 'photographs of garments (CC0), then generated' in step.text[0]
    assert "infer = build_inferencer('some-model'" in step.code[0][1]


def test_ranking(work, step, calls, tmp_path):
    """The caption says which place the right person has."""
    root = tmp_path / 'raw' / 'iLIDS-VID' / 'i-LIDS-VID' / 'sequences'
    for camera in ('cam1', 'cam2'):
        for person in ('person001', 'person002'):
            (root / camera / person).mkdir(parents=True)
    show_ranking(work, step, MODEL, tmp_path)
    places = [figure.caption.split()[-1] for figure in step.figures]
    assert places == ['2.', '1.']
    assert all(figure.wide for figure in step.figures)


def test_try_on(work, step, calls, tmp_path):
    photos = Path(__file__).parents[2] / 'demo' / 'images'
    for kind in ('img', 'clothes', 'edge'):
        (tmp_path / 'VITON_test' / f'test_{kind}').mkdir(parents=True)
    show_try_on(work, step, MODEL, tmp_path, photos)
    _, clothes, masks = calls[2][0]
    assert clothes[0] == f'{photos}/t-shirt.jpg'
    for cloth, mask in zip(clothes, masks, strict=True):
        assert mask.shape == read_image(cloth).shape[:2]
        assert 0.1 < (mask > 0).mean() < 0.8
    assert len({figure.file for figure in step.figures}) == 2
    for figure in step.figures:
        assert (tmp_path / 'out' / figure.file).is_file()
        assert figure.alt


@pytest.mark.parametrize('found_in', [0, 2, None])
def test_search(work, step, tmp_path, monkeypatch, found_in):
    """The first image of a user in which clothes are found is the query."""
    split = tmp_path / 'validation'
    for number, source in enumerate(('user', 'shop', 'user', 'user')):
        for folder, suffix in (('annos', 'json'), ('image', 'jpg')):
            path = split / folder / f'{number}.{suffix}'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'{{"source": "{source}"}}')

    def program(step, *words):
        step.code.append(('command', ' '.join(map(str, words))))
        if words[1] == 'query' and words[3].stem != str(found_in):
            raise UserError('no clothes found')

    monkeypatch.setattr(work, 'program', program)
    if found_in is None:
        with pytest.raises(UserError, match='no clothes'):
            show_search(work, step, MODEL, split, tmp_path / 'photos')
        return
    show_search(work, step, MODEL, split, tmp_path / 'photos')
    build, query = (command for _, command in step.code)
    assert build.startswith('gallery build out/data/shop ')
    assert query.startswith(
        f'gallery query out/predictions/shop.index '
        f'out/data/street/{found_in}.jpg '
    )
    assert [p.name for p in (tmp_path / 'out/data/shop').iterdir()] == [
        '1.jpg'
    ]
    assert step.figures[0].file == 'images/search.jpg'
