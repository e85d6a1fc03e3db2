# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Recipes of the published models: their form, order and resumption."""

import shlex
import sys
from pathlib import Path

import pytest
import yaml

from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.hub import catalog
from mmfashion_ext.zoo.recipes import (
    checkpoint_of,
    describe_plan,
    is_done,
    plan,
    read_recipes,
    run_step,
    select_recipes,
)

RECIPE = {
    'Name': 'a_model',
    'Checkpoint': '{work}/a_model/epoch_*.pth',
    'License': 'Apache-2.0',
    'Training Data': '3 images',
    'Steps': [
        {
            'Name': 'data',
            'Command': "python -c \"open('d', 'a')\"",
            'Minutes': 2,
        },
        {
            'Name': 'train',
            'Command': 'git no-such-command {data}',
            'Minutes': 70.5,
        },
    ],
}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A function that writes recipes of two models to a repository."""
    folder = tmp_path / 'configs' / 'scan'
    folder.mkdir(parents=True)
    for name in ('a_model', 'b_model'):
        (folder / f'{name}.py').touch()
    monkeypatch.setattr(catalog, 'root', lambda: tmp_path)
    monkeypatch.setattr(catalog, 'metafile_entries', list)

    def write(*recipes):
        text = yaml.safe_dump({'Models': list(recipes)})
        (folder / 'zoo.yml').write_text(text)
        return tmp_path

    return write


def test_recipes_of_this_repository_can_be_planned():
    """Each published model has one, with the tools that it names."""
    names = {recipe['Name'] for recipe in read_recipes()}
    assert names >= set(hub.list_models(pretrained=True))
    for recipe in read_recipes():
        steps = plan(recipe, Path('work'))
        assert steps
        for step in steps:
            script = step.command[1]
            if script.endswith('.py'):
                assert (hub.root() / script).is_file(), script
            assert '{' not in shlex.join(step.command)


def test_recipes_are_read_and_chosen(repository):
    repository(RECIPE, RECIPE | {'Name': 'b_model'})
    assert [r['Name'] for r in read_recipes()] == ['a_model', 'b_model']
    assert [r['Name'] for r in select_recipes(['b_model'])] == ['b_model']
    assert len(select_recipes([])) == 2
    with pytest.raises(UserError, match='no recipe of c; there are recip'):
        select_recipes(['c'])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'Name': 'a_modl'}, "no config 'a_modl'. Did you mean a_model"),
        ({'Steps': 'x'}, 'expected a list of steps'),
        ({'Steps': [{'Name': 'x'}]}, 'lacks Command, Minutes'),
        ({'Checkpoint': None}, 'Checkpoint'),
        ({'Tests': [{'Options': 'x'}]}, 'Options'),
    ],
)
def test_wrong_recipes_are_named(repository, change, message):
    repository(RECIPE | change)
    with pytest.raises(UserError, match=message) as error:
        read_recipes()
    assert 'zoo.yml' in str(error.value)


def test_commands_are_planned_without_a_shell(tmp_path):
    data, train = plan(RECIPE, tmp_path)
    assert data.command == (sys.executable, '-c', "open('d', 'a')")
    assert train.command == ('git', 'no-such-command', str(tmp_path / 'data'))
    for command in ('rm -rf x', '', 'python "x'):
        step = {'Name': 's', 'Command': command, 'Minutes': 0}
        with pytest.raises(UserError, match='recipe of a_model, step s: the'):
            plan(RECIPE | {'Steps': [step]}, tmp_path)


def test_what_has_ended_well_is_not_repeated(repository, tmp_path):
    root, work = repository(RECIPE), tmp_path / 'work'
    data, train = plan(RECIPE, work)
    assert 'about 1 h 12 min' in describe_plan([data, train], work)
    assert run_step(data, work)
    assert (root / 'd').exists()
    (root / 'd').unlink()
    assert is_done(data, work)
    assert not run_step(data, work)
    assert not (root / 'd').exists()
    text = describe_plan([data, train], work)
    assert 'data (done)' in text
    assert 'about 1 h 10 min' in text
    with pytest.raises(UserError, match='step train: ended with status'):
        run_step(train, work)
    assert not is_done(train, work)


def test_steps_of_one_command_are_counted_once(tmp_path):
    data, _ = plan(RECIPE, tmp_path)
    other, _ = plan(RECIPE | {'Name': 'b_model'}, tmp_path)
    assert 'about 0 h 2 min' in describe_plan([data, other], tmp_path)


def test_one_checkpoint_is_expected(repository, tmp_path):
    repository(RECIPE)
    with pytest.raises(UserError, match=r'expected one checkpoint .* none'):
        checkpoint_of(RECIPE, tmp_path)
    (tmp_path / 'a_model').mkdir()
    first = tmp_path / 'a_model' / 'epoch_1.pth'
    first.touch()
    assert checkpoint_of(RECIPE, tmp_path) == first
    first.with_name('epoch_2.pth').touch()
    with pytest.raises(UserError, match=r'found .*epoch_1.*epoch_2'):
        checkpoint_of(RECIPE, tmp_path)
