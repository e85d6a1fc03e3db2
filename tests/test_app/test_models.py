# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Models of the pages: built once, when used; missing ones say why."""

import threading

import pytest

from mmfashion_ext.app.models import TASKS, Choice, Models
from mmfashion_ext.errors import UserError


def test_built_once_and_only_when_used():
    built = []

    def choice(task):
        return Choice(task, lambda: built.append(task) or object())

    models = Models({task: choice(task) for task in TASKS})
    assert built == []
    first = []
    threads = [
        threading.Thread(target=lambda: first.append(models['reid']))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == ['reid']
    assert len({*map(id, first)}) == 1


def test_what_is_missing():
    models = Models(dict.fromkeys(TASKS, Choice(missing='Train one.')))
    with pytest.raises(UserError, match='Train one'):
        models['predict']


def test_an_error_of_a_build_comes_again():
    def build():
        raise UserError('no such file')

    models = Models(dict.fromkeys(TASKS, Choice('x', build)))
    for _ in range(2):
        with pytest.raises(UserError, match='no such file'):
            models['predict']


def test_every_task_has_a_choice():
    with pytest.raises(KeyError):
        Models({'predict': Choice('x')})
