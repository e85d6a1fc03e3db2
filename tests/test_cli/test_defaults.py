# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The published model of a task is the default of its command."""

import pytest

from mmfashion_ext import hub, plugins
from mmfashion_ext.cli import defaults
from mmfashion_ext.errors import UserError
from mmfashion_ext.hub import catalog


@pytest.fixture
def entries(monkeypatch):
    """A function that sets the models of all metafiles."""

    def use(*models):
        monkeypatch.setattr(
            hub,
            'metafile_entries',
            lambda: [
                {
                    'Name': name,
                    'Config': f'configs/{system}/{name}.py',
                    'Weights': weights,
                    'Aliases': aliases,
                    'Metadata': {'Tasks': tasks},
                }
                for name, system, weights, tasks, *aliases in models
            ],
        )

    return use


def test_the_first_published_model_of_the_task(entries):
    clothes = ['Object Detection', 'Instance Segmentation']
    entries(
        ('bare', 'match_rcnn', None, clothes),
        ('other', 'scan', 'weights/o', ['Video Person Re-identification']),
        ('boxes', 'match_rcnn', 'weights/b', clothes[:1]),
        ('masks', 'match_rcnn', 'weights/m', clothes),
        ('second', 'match_rcnn', 'weights/s', clothes),
    )
    assert defaults.default_model('predict') == 'masks'
    assert defaults.published_models('predict') == ['masks', 'second']
    assert defaults.default_model('reid') == 'other'


def test_the_balanced_model_is_preferred(entries):
    task = ['Virtual Try-on']
    entries(
        ('first', 'tryon', 'weights/f', task, 'tryon:lightweight'),
        ('second', 'tryon', 'weights/s', task, 'tryon:balanced'),
    )
    assert defaults.default_model('try-on') == 'second'


def test_without_published_weights_the_next_step_is_named(entries):
    entries(('bare', 'scan', None, ['Video Person Re-identification']))
    with pytest.raises(UserError, match='has published weights yet: train'):
        defaults.default_model('reid')
    with pytest.raises(UserError, match=r'x.pth: say with --model NAME'):
        defaults.default_model('reid', 'x.pth')
    with pytest.raises(UserError, match=r'--det-weights FILE'):
        defaults.default_model('predict', option='--det-model')


def test_tasks_and_systems_are_those_of_the_zoo():
    assert {*defaults.COMMANDS} == {*plugins.SYSTEMS}
    entries = hub.metafile_entries()
    for need in defaults.NEEDS.values():
        assert any(
            {*need.tasks} <= {*entry['Metadata']['Tasks']}
            and catalog.system_of(entry) == need.system
            for entry in entries
        )
