# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Run long commands with one line of progress and a complete log."""

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

#: Progress read from a line of output: (done, total, current item). A total of
#: 0 means that it is unknown.
Step = tuple[int, int, str]

_NINJA = re.compile(r'^\s*\[(\d+)/(\d+)\]\s')
_PIP = re.compile(r'^(?:Collecting|Requirement already satisfied:) (\S+)')
_ERROR = re.compile(r'\berror\b|\bError:|\bfatal\b', re.IGNORECASE)


class SetupError(Exception):
    """A failure that the user can fix; its text is the whole message."""


def ninja_step(line: str) -> Step | None:
    """Parse ``[31/78] c++ ...``, which ninja prints when a file is done."""
    match = _NINJA.match(line)
    return (int(match[1]), int(match[2]), '') if match else None


def pip_steps(total: int) -> Callable[[str], Step | None]:
    """Return a parser of pip's output that counts packages up to ``total``."""
    seen = 0

    def step(line: str) -> Step | None:
        nonlocal seen
        if line.startswith('Installing collected packages'):
            return total, total, 'unpacking'
        match = _PIP.match(line)
        if match is None:
            return None
        seen = min(seen + 1, total)
        return seen, total, match[1]

    return step


def duration(seconds: float) -> str:
    """Format seconds: ``130.4`` -> ``'2 min 10 s'``."""
    minutes, rest = divmod(round(seconds), 60)
    return f'{minutes} min {rest} s' if minutes else f'{rest} s'


def progress_line(title: str, step: Step, elapsed: float) -> str:
    """Return ``mmcv ops 31/78, 2 min 10 s, about 3 min left`` or the like.

    Args:
        title (str): What is being done.
        step (tuple): Done, total (0: unknown), current item.
        elapsed (float): Seconds since the start.

    Returns:
        str: One line.
    """
    done, total, item = step
    text = title + (f' {done}/{total}' if total else '')
    text += f' ({item})' if item else ''
    text += f', {duration(elapsed)}'
    # Compiling a file takes about the same time for each, a download does not:
    # only the former (without a named item) allows an estimate, after a few.
    if not item and done >= 3:
        left = elapsed / done * (total - done)
        text += (
            f', about {round(left / 60)} min left'
            if left >= 90
            else f', about {max(5, round(left / 5) * 5)} s left'
        )
    return text


def error_lines(text: str, count: int = 5) -> list[str]:
    """Return the last lines of a log that name an error, or its last lines."""
    lines = [line.strip()[:300] for line in text.splitlines() if line.strip()]
    return ([line for line in lines if _ERROR.search(line)] or lines)[-count:]


class Reporter:
    """Shows progress: in place on a terminal, every 20 s in a log file."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.start = self.shown = time.monotonic()
        self.live = sys.stdout.isatty()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.start

    def show(self, step: Step) -> None:
        """Show the current progress."""
        line = progress_line(self.title, step, self.elapsed)
        if self.live:
            print(f'\r\033[K{line[:100]}', end='', flush=True)
        elif time.monotonic() - self.shown > 20:
            self.shown = time.monotonic()
            print(line, flush=True)

    def close(self, word: str) -> None:
        """Replace the progress with one final line, such as ``done``."""
        start = '\r\033[K' if self.live else ''
        line = f'{start}{self.title}: {word}, {duration(self.elapsed)}'
        print(line, flush=True)


def _lines(process: subprocess.Popen) -> Iterator[str | None]:
    """Yield each line of output, and None after a second without one."""
    lines: queue.Queue = queue.Queue()

    def read() -> None:
        for line in process.stdout:
            lines.put(line)
        lines.put(StopIteration)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=1)
        except queue.Empty:
            line = None
        if line is StopIteration:
            return
        yield line


def _start(
    command: Sequence[str | Path],
    env: Mapping[str, str] | None,
    cwd: Path | None,
) -> subprocess.Popen:
    """Start a command in a session of its own, its output in one pipe."""
    return subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={
            **os.environ,
            'PIP_DISABLE_PIP_VERSION_CHECK': '1',
            **(env or {}),
        },
        cwd=cwd,
        text=True,
        errors='replace',
        start_new_session=True,
    )


def run(
    title: str,
    command: Sequence[str | Path],
    log: Path,
    *,
    step: Callable[[str], Step | None] = lambda line: None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Run a command, show its progress, and write its output to a log.

    Args:
        title (str): What is being done, in a few words.
        command (sequence): The program and its arguments.
        log (Path): File that the output is written to.
        step (callable): Parses progress from a line of output, else None.
        env (mapping, optional): Variables added to those of this process.
        cwd (Path, optional): Working directory.

    Returns:
        str: The output, standard error included.

    Raises:
        SetupError: The command failed; the message has the log file and its
            last errors.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    reporter, state, output = Reporter(title), (0, 0, ''), []
    process = _start(command, env, cwd)
    try:
        with log.open('w', encoding='utf-8') as file:
            file.write(f'$ {" ".join(map(str, command))}\n')
            for line in _lines(process):
                if line is not None:
                    file.write(line)
                    file.flush()
                    output.append(line)
                    state = step(line) or state
                reporter.show(state)
    except BaseException:  # an interruption must stop the compilers as well
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise
    if process.wait():
        reporter.close('failed')
        tail = '\n'.join(f'  {line}' for line in error_lines(''.join(output)))
        raise SetupError(
            f'{title} failed (exit code {process.returncode}); the complete '
            f'output is in {log}, its last errors are:\n{tail}'
        )
    reporter.close('done')
    return ''.join(output)
