# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Models of the pages: chosen at the start, built when first used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from ..errors import UserError

#: What a page needs: clothes detection, search, try-on, re-identification.
TASKS = ('predict', 'gallery', 'try-on', 'reid')


@dataclass(frozen=True)
class Choice:
    """The model of a page, or why there is none.

    Attributes:
        model (str): What visitors see: its name.
        build (callable, optional): Builds what the page runs: an inferencer,
            or a :class:`~.shop.Shop`.
        missing (str): What is missing, and what to do; empty if nothing is.
    """

    model: str = ''
    build: Callable[[], Any] | None = None
    missing: str = ''


class Models:
    """What the pages run, each built once, when it is first used.

    Args:
        choices (Mapping[str, Choice]): One for each of ``TASKS``.
    """

    def __init__(self, choices: Mapping[str, Choice]) -> None:
        self.choices = {task: choices[task] for task in TASKS}
        self._built: dict[str, Any] = {}
        self._lock = Lock()

    def __getitem__(self, task: str) -> Any:
        """Return what a page runs.

        Args:
            task (str): One of ``TASKS``.

        Raises:
            UserError: Something is missing, or it cannot be built.
        """
        choice = self.choices[task]
        if choice.build is None:
            raise UserError(choice.missing)
        with self._lock:
            if task not in self._built:
                self._built[task] = choice.build()
            return self._built[task]
