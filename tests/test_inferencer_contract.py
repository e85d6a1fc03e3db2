# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""All inferencers have one contract, and docs/inference.md shows it."""

import inspect
import re
from pathlib import Path

import pytest

from mmfashion_ext import plugins
from mmfashion_ext.inferencer import Inferencer

DOCS = (Path(__file__).parents[1] / 'docs' / 'inference.md').read_text()
SYSTEMS = plugins.installed_systems()
COMMON = {
    'out_dir': None,
    'draw': False,
    'show': False,
    'stream': False,
}
INPUTS = {
    'match_rcnn': {'inputs': inspect.Parameter.empty},
    'landmark': {'inputs': inspect.Parameter.empty},
    'scan': dict.fromkeys(('query', 'gallery'), inspect.Parameter.empty),
    'tryon': {
        'person': inspect.Parameter.empty,
        'cloth': inspect.Parameter.empty,
        'cloth_mask': None,
    },
}


def inferencer_of(system):
    package = __import__(f'mmfashion_ext.{system}', fromlist=['x'])
    (name,) = (n for n in package.__all__ if n.endswith('Inferencer'))
    return getattr(package, name)


def parameters(function):
    """Positional and keyword-only parameters with their defaults."""
    found = list(inspect.signature(function).parameters.values())[1:]
    assert not [
        p for p in found if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    positional = {
        p.name: p.default for p in found if p.kind is p.POSITIONAL_OR_KEYWORD
    }
    named = {p.name: p.default for p in found if p.kind is p.KEYWORD_ONLY}
    return positional, named


@pytest.mark.parametrize('system', SYSTEMS)
def test_constructor(system):
    positional, named = parameters(inferencer_of(system).__init__)
    assert positional == {
        'model': inspect.Parameter.empty,
        'weights': None,
        'device': None,
    }
    assert named['batch_size'] == 1
    assert named['show_progress'] is True


@pytest.mark.parametrize('system', SYSTEMS)
def test_call(system):
    positional, named = parameters(inferencer_of(system).__call__)
    assert positional == INPUTS[system]
    assert named.items() >= COMMON.items()
    # of the hosts, without a meaning here
    assert not {
        'texts',
        'tokens_positive',
        'no_save_vis',
        'pred_score_thr',
    } & {*named}


@pytest.mark.parametrize('system', SYSTEMS)
def test_is_the_one_base_and_not_the_hosts(system):
    cls = inferencer_of(system)
    assert issubclass(cls, Inferencer)
    assert {base.__module__.split('.')[0] for base in cls.__mro__} <= {
        'mmfashion_ext',
        'abc',
        'builtins',
    }


@pytest.mark.fault(27)
@pytest.mark.parametrize('system', SYSTEMS)
def test_errors_in_one_input_are_caught_in_one_place(system):
    """So test_inferencer.py, where they are raised, holds for all four."""
    cls = inferencer_of(system)
    for name in (
        '_run',
        '_results_listed',
        '_try_batch',
        '_try_load',
        '_try_predict',
    ):
        assert getattr(cls, name) is getattr(Inferencer, name), name


@pytest.mark.parametrize('system', SYSTEMS)
def test_the_page_names_every_option(system):
    cls = inferencer_of(system)
    for function in (cls.__init__, cls.__call__):
        for name in {**parameters(function)[0], **parameters(function)[1]}:
            assert re.search(rf'\b{name}\b', DOCS), name
    assert f'`{cls.__name__}`' in DOCS
