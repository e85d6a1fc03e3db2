# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Steps of the demo: run in order, timed, one failing step does not end it."""

import os
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from mmfashion_ext.errors import UserError

#: Lines of a failed command's output that are shown.
_TAIL = 12


@dataclass(frozen=True)
class Figure:
    """An image on the page.

    Attributes:
        file (str): Relative to the page.
        alt (str): What the image shows, for readers who do not see it.
        caption (str): Text below it. Defaults to ''.
        wide (bool): It needs the whole width. Defaults to False.
    """

    file: str
    alt: str
    caption: str = ''
    wide: bool = False


@dataclass(eq=False)
class Step:
    """One step of the demo, and what the page shows of it.

    Attributes:
        system (str): Title of the system that it belongs to.
        name (str): What it does, an imperative.
        seconds (float): How long it takes on 2 idle cores without a GPU.
        run (callable): Does it; gets the step and fills the fields below.
        needs (tuple[Step, ...]): Steps whose results it uses.
        state (str): '' (not yet run), 'done', 'failed' or 'left out'.
        error (str): Why it failed or was left out, one line.
        took (float): Seconds that it took.
        text (list[str]): Paragraphs.
        figures (list[Figure]): Images.
        numbers (list[tuple[str, str]]): Name and value.
        code (list[tuple[str, str]]): Title, and commands, Python or a config.
    """

    system: str
    name: str
    seconds: float
    run: Callable[['Step'], None]
    needs: tuple['Step', ...] = ()
    state: str = ''
    error: str = ''
    took: float = 0.0
    text: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    numbers: list[tuple[str, str]] = field(default_factory=list)
    code: list[tuple[str, str]] = field(default_factory=list)

    @property
    def title(self) -> str:
        """System and step, as messages name it."""
        return f'{self.system}: {self.name}'

    def note(self, *words: str | Path) -> str:
        """Add a command of Python to the page, and return it."""
        line = shlex.join(['python', *map(str, words)])
        self.code.append(('command', line))
        return line


class StepError(Exception):
    """A command of a step ended with an error; the message names it."""


def duration(seconds: float) -> str:
    """Return seconds as text, e.g. ``'2 min 5 s'``."""
    minutes, rest = divmod(max(round(seconds), 0), 60)
    return f'{minutes} min {rest} s' if minutes else f'{rest} s'


def cpu_seconds() -> float:
    """Return the CPU time of this process and of those that it started."""
    used = [
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return sum(one.ru_utime + one.ru_stime for one in used)


def seconds_left(steps: Sequence[Step]) -> float:
    """Return how long the steps that have not been run will take.

    Args:
        steps (Sequence[Step]): All steps of the demo. What was run tells how
            fast this machine is against the one that was measured; the first
            ten seconds count as measured, as a first step says little.
    """
    run = [step for step in steps if step.state in ('done', 'failed')]
    expected = sum(step.seconds for step in run)
    pace = (sum(step.took for step in run) + 10) / (expected + 10)
    return pace * sum(step.seconds for step in steps if not step.state)


def run_steps(
    steps: Sequence[Step], write: Callable[[], None], console: Console
) -> list[Step]:
    """Run all steps that can be run, and write the page after each.

    Args:
        steps (Sequence[Step]): In their order.
        write (callable): Writes the page as it is by now.
        console (Console): Where the progress is shown.

    Returns:
        list[Step]: Those that failed or were left out.
    """
    for number, step in enumerate(steps, 1):
        missing = [need for need in step.needs if need.state != 'done']
        at = f'[{number:2d}/{len(steps)}] {step.title}'
        if missing:
            step.state = 'left out'
            step.error = f'needs the step "{missing[0].title}"'
            _say(console, f'{at}: left out, {step.error}')
            continue
        left = duration(seconds_left(steps))
        _say(console, f'{at} (about {left} left)')
        start = time.perf_counter()
        try:
            with console.status('working', spinner='line'):
                step.run(step)
            step.state = 'done'
        except Exception as error:  # the other steps go on
            step.state = 'failed'
            step.error = _reason(error)
            _say(console, f'        FAILED: {step.error}')
        step.took = time.perf_counter() - start
        write()
    return [step for step in steps if step.state != 'done']


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _reason(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    if not isinstance(error, StepError | UserError | OSError):
        text = f'{type(error).__name__}: {text}'
    return text


class Workspace:
    """Where a demo writes, and how it runs commands.

    Args:
        folder (Path): Of the page and of all that it shows.
        root (Path): Of ``tools/`` and ``demo/``.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        self.root = root
        self._logs = 0

    def shown(self, path: Path) -> Path:
        """Return a path as a reader in the current folder would type it."""
        here = Path.cwd()
        path = path.absolute()
        return path.relative_to(here) if path.is_relative_to(here) else path

    def path(self, *parts: str) -> Path:
        """Return a path in the folder; its parent is made."""
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return self.shown(path)

    def tool(self, name: str) -> Path:
        """Return the path of a script, e.g. ``'tools/test.py'``."""
        return self.shown(self.root / name)

    def command(self, step: Step, *words: str | Path) -> None:
        """Run Python with these arguments, and note it for the page.

        Args:
            step (Step): Whose command it is.
            *words (str | Path): After ``python``.

        Raises:
            StepError: It ended with another status than 0.
        """
        line = step.note(*words)
        log = self._log()
        with log.open('w') as file:
            print('$', line, file=file, flush=True)
            status = subprocess.call(
                [sys.executable, *map(str, words)],
                stdout=file,
                stderr=subprocess.STDOUT,
                env=os.environ | {'PYTHONUNBUFFERED': '1'},
            )
        if status:
            tail = log.read_text(errors='replace').splitlines()[1:]
            raise StepError(
                f'`{line}` ended with {status}; its output is in {log}:\n'
                + '\n'.join(f'    {text}' for text in tail[-_TAIL:])
            )

    def program(self, step: Step, *words: str | Path) -> None:
        """Run a command of ``mmfashion`` in this process, and note it.

        Args:
            step (Step): Whose command it is.
            *words (str | Path): After ``mmfashion``.

        Raises:
            StepError: It ended with another status than 0.
        """
        from mmfashion_ext.cli.app import run

        given = [str(word) for word in words]
        line = shlex.join(['mmfashion', *given])
        step.code.append(('command', line))
        with self._captured():
            status = run(given)
        if status:
            raise StepError(f'`{line}` ended with {status}')

    def python(self, step: Step, code: str) -> dict[str, Any]:
        """Run Python code in this process, and note it for the page.

        Args:
            step (Step): Whose code it is.
            code (str): As the page shows it.

        Returns:
            dict[str, Any]: Its variables.
        """
        step.code.append(('Python', code.strip()))
        variables: dict[str, Any] = {'__name__': 'demo'}
        with self._captured():
            exec(compile(code, step.title, 'exec'), variables)
        return variables

    @contextmanager
    def _captured(self) -> Iterator[None]:
        """Write what this process prints to a log."""
        with (
            self._log().open('w') as file,
            redirect_stdout(file),
            redirect_stderr(file),
        ):
            yield

    def _log(self) -> Path:
        self._logs += 1
        return self.path('logs', f'{self._logs:02d}.txt')
