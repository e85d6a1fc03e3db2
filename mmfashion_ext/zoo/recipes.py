# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Recipes of the published models: commands that make them from nothing.

``configs/SYSTEM/zoo.yml`` has a list of recipes under ``Models``::

    Models:
    - Name: NAME
      Checkpoint: '{work}/NAME/epoch_12.pth'
      License: Apache-2.0
      Training Data: 2,000 synthetic images, seed 0
      Aliases: [scan:balanced]
      Steps:
      - Name: data
        Command: python -m mmfashion_ext.synthetic video-reid {data}/reid
        Minutes: 2
      - Name: train
        Command: >-
          python tools/train.py NAME --work-dir {work}/NAME --resume auto
        Minutes: 40
      Tests:
      - Dataset: synthetic, 100 persons
        Options: [test_dataloader.dataset.data_root=work_dirs/zoo/data/reid]

A command is run in the folder of ``configs/`` without a shell; ``{work}`` is
the folder of the whole run and ``{data}`` its ``data``. ``Minutes`` are
measured on 2 cores without a GPU. Steps of several models with the same
command are run once. After the steps the checkpoint is published as a file of
the zoo and that file is tested.
"""

import hashlib
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError, describe, did_you_mean
from ..evaluation.metafile import read_yaml
from ..formats.checks import Fields, Record, require
from ..formats.rules import ListOf, Number, OptionalField, Text
from ..hub import catalog
from ..utils.download_cache import read_record
from ..utils.files import write_json

RECIPES = 'zoo.yml'

_STEP: Fields = {
    'Name': Text('a name'),
    'Command': Text('a command'),
    'Minutes': Number(0),
}
_TEST: Fields = {
    'Dataset': OptionalField(Text('what it is tested on')),
    'Options': OptionalField(ListOf(Text('key=value'), 'options')),
}
_RECIPE: Fields = {
    'Name': Text('a name'),
    'Checkpoint': Text('a path'),
    'License': Text('a licence'),
    'Training Data': Text('what it is trained on'),
    'Aliases': OptionalField(ListOf(Text('a name'), 'names')),
    'Steps': ListOf(Record(_STEP), 'steps'),
    'Tests': OptionalField(ListOf(Record(_TEST), 'tests')),
}


@dataclass(frozen=True)
class Step:
    """One command of a recipe.

    Attributes:
        model (str): Name of the model.
        name (str): What the command does, in a word or two.
        command (tuple[str, ...]): Program and arguments.
        minutes (float): How long it took on 2 cores.
    """

    model: str
    name: str
    command: tuple[str, ...]
    minutes: float

    @property
    def key(self) -> str:
        """What is the same for the same command."""
        text = '\0'.join(self.command)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_recipes() -> list[dict]:
    """Return the recipes of all systems, in the order of their folders.

    Raises:
        UserError: A file cannot be read or has another form, or a recipe is
            of a model without a config.
    """
    names = {path.stem for path in catalog.leaf_configs()}
    recipes = []
    for path in sorted((catalog.root() / 'configs').glob(f'*/{RECIPES}')):
        content = read_yaml(path)
        require(content, {'Models': ListOf(None, 'recipes')}, f'{path}:')
        for index, recipe in enumerate(content['Models']):
            require(recipe, _RECIPE, f'{path}: entry {index} of Models')
            if recipe['Name'] not in names:
                raise UserError(
                    f'{path}: entry {index} of Models: no config '
                    f'{recipe["Name"]!r}{did_you_mean(recipe["Name"], names)}'
                )
            recipes.append(recipe)
    return recipes


def select_recipes(names: Sequence[str]) -> list[dict]:
    """Return the recipes of some models, of all where none is named.

    Raises:
        UserError: A model has no recipe.
    """
    recipes = read_recipes()
    known = {recipe['Name']: recipe for recipe in recipes}
    chosen = [catalog.model_name(name) for name in names]
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise UserError(
            f'no recipe of {describe(unknown)}; there are recipes of '
            f'{describe(sorted(known)) or "no model"}, see configs/*/{RECIPES}'
        )
    return [known[name] for name in chosen] or recipes


def plan(recipe: dict, work: Path) -> list[Step]:
    """Return the commands of a recipe, up to its checkpoint.

    Args:
        recipe (dict): One of :func:`read_recipes`.
        work (Path): Folder of the whole run.

    Raises:
        UserError: A command cannot be split, or does not begin with
            ``python`` or ``git``.
    """
    steps = []
    for step in recipe['Steps']:
        text = fill_folders(step['Command'], work)
        where = f'recipe of {recipe["Name"]}, step {step["Name"]}'
        try:
            command = shlex.split(text)
        except ValueError as error:
            raise UserError(
                f'{where}: the command cannot be split ({error}): {text}'
            ) from None
        if not command or command[0] not in ('python', 'git'):
            raise UserError(
                f'{where}: the command begins with {command[:1]}, expected '
                'python or git'
            )
        if command[0] == 'python':
            command[0] = sys.executable
        minutes = float(step['Minutes'])
        steps.append(
            Step(recipe['Name'], step['Name'], tuple(command), minutes)
        )
    return steps


def checkpoint_of(recipe: dict, work: Path) -> Path:
    """Return the checkpoint that a recipe ends with.

    Raises:
        UserError: There is none: no file of the pattern, or several.
    """
    pattern = catalog.root() / fill_folders(recipe['Checkpoint'], work)
    found = sorted(pattern.parent.glob(pattern.name))
    if len(found) != 1:
        raise UserError(
            f'recipe of {recipe["Name"]}: expected one checkpoint {pattern}, '
            f'found {describe(found) or "none"}'
        )
    return found[0]


def run_step(step: Step, work: Path | None) -> bool:
    """Run a command, unless it has ended well before.

    Args:
        step (Step): The command; its output goes to the console.
        work (Path, optional): Folder of the whole run, which keeps what has
            ended. None: it is run in any case.

    Returns:
        bool: Whether it was run now.

    Raises:
        UserError: The command failed.
    """
    if work and is_done(step, work):
        return False
    start = time.monotonic()
    status = subprocess.run(
        step.command, cwd=catalog.root(), check=False
    ).returncode
    if status:
        raise UserError(
            f'{step.model}, step {step.name}: ended with status {status}: '
            f'{shlex.join(step.command)}. Correct it and run this again: what '
            'has ended well is not repeated'
        )
    minutes = round((time.monotonic() - start) / 60, 2)
    content = {'command': list(step.command), 'minutes': minutes}
    if work:
        write_json(_stamp(step, work), content)
    return True


def is_done(step: Step, work: Path) -> bool:
    """Return whether a step's command has ended well in this folder."""
    done = read_record(_stamp(step, work)).get('command')
    return done == json.loads(json.dumps(step.command))


def describe_plan(steps: Sequence[Step], work: Path) -> str:
    """Return one line for each step, and how long all of it will be.

    Args:
        steps (Sequence[Step]): Of one model or of several.
        work (Path): Folder of the whole run.
    """
    lines, seen, total = [], set(), 0.0
    for number, step in enumerate(steps, 1):
        done = is_done(step, work) or step.key in seen
        total += 0 if done else step.minutes
        seen.add(step.key)
        note = 'done' if done else f'about {step.minutes:g} min'
        lines.append(f'{number:3}. {step.model}: {step.name} ({note})')
    hours, minutes = divmod(round(total), 60)
    lines.append(f'To do: about {hours} h {minutes} min on 2 cores.')
    return '\n'.join(lines)


def fill_folders(text: str, work: Path) -> str:
    """Put the folders of a run in place of ``{work}`` and ``{data}``."""
    data = (work / 'data').as_posix()
    return text.replace('{work}', work.as_posix()).replace('{data}', data)


def _stamp(step: Step, work: Path) -> Path:
    return work / 'done' / f'{step.key}.json'
