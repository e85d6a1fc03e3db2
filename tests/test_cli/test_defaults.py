# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The published model of a task is the default of its command."""

import pytest

from mmfashion_ext import hub, plugins
from mmfashion_ext.cli import defaults
from mmfashion_ext.errors import UserError
from mmfashion_ext.hub import catalog


def choose(command, model=None, weights=None, **options):
    return defaults.choose_model(command, model, weights, **options)


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
    assert choose('predict') == 'masks'
    assert defaults.published_models('predict') == ['masks', 'second']
    assert choose('reid') == 'other'


def test_the_balanced_model_is_preferred(entries):
    task = ['Virtual Try-on']
    entries(
        ('first', 'tryon', 'weights/f', task, 'tryon:lightweight'),
        ('second', 'tryon', 'weights/s', task, 'tryon:balanced'),
    )
    assert choose('try-on') == 'second'


def test_without_published_weights_the_next_step_is_named(entries, tmp_path):
    weights = str(tmp_path / 'x.pth')
    entries(('bare', 'scan', None, ['Video Person Re-identification']))
    with pytest.raises(UserError, match='has published weights yet: train'):
        choose('reid')
    with pytest.raises(UserError, match=r'--weights .*x.pth: no such file'):
        choose('reid', weights=weights)
    (tmp_path / 'x.pth').write_text('')
    with pytest.raises(UserError, match=r'x.pth: say with --model NAME'):
        choose('reid', weights=weights)
    with pytest.raises(UserError, match=r'--det-weights FILE'):
        choose('predict', option='--det-model')


def test_a_model_that_was_named(entries, monkeypatch):
    name = 'scan_r50_1xb32-30e_mars-256x128'
    task = ['Video Person Re-identification']
    entries((name, 'scan', None, task))
    assert choose('reid', name, 'https://example.org/x.pth') == name
    with pytest.raises(UserError, match=f'mmfashion train {name}'):
        choose('reid', name)
    with pytest.raises(UserError, match="no config 'nix'"):
        choose('reid', 'nix')
    entries((name, 'scan', 'weights/x', task))
    assert choose('reid', name) == name
    assert not defaults.has_weights('match-rcnn_r50_fpn_8xb2-1x_deepfashion2')


def test_tasks_and_systems_are_those_of_the_zoo():
    assert {*defaults.COMMANDS} == {*plugins.SYSTEMS}
    entries = hub.metafile_entries()
    for need in defaults.NEEDS.values():
        assert any(
            {*need.tasks} <= {*entry['Metadata']['Tasks']}
            and catalog.system_of(entry) == need.system
            for entry in entries
        )
