# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Program ``mmfashion``: its commands, and errors in one line."""

from collections.abc import Sequence
from typing import Any

import click

from .. import __version__
from ..errors import UserError
from ..utils.cli import run_tool
from . import options
from .completion import SHELLS, VARIABLE, completion_script
from .gallery import gallery
from .groups import Group
from .page import app
from .passed_on import (
    demo,
    doctor,
    export,
    setup,
    synthetic,
    test,
    train,
)
from .predict import landmarks, predict
from .reid import reid
from .try_on import try_on
from .zoo import cache, download, info, models


@click.group(
    cls=Group,
    context_settings={
        'help_option_names': ['-h', '--help'],
        'max_content_width': 80,
    },
)
@click.version_option(__version__, message='%(prog)s %(version)s')
def program() -> None:
    """Fashion models: clothes, landmarks, persons, virtual try-on.

    A command that uses a model needs no name: it runs the published one.
    --model, --weights, --out, --device and --batch-size mean the same
    everywhere. Each command has --help.
    """


@click.command(
    cls=options.Command,
    examples=[
        'mmfashion completion bash >> ~/.bashrc',
        'mmfashion completion zsh >> ~/.zshrc',
    ],
)
@click.argument(
    'shell', required=False, metavar='[SHELL]', type=click.Choice(SHELLS)
)
def completion(shell: str | None) -> None:
    """Print the script that completes commands and names in a shell.

    SHELL is bash, zsh or fish. Default: the one in $SHELL.
    """
    click.echo(completion_script(program, shell), nl=False)


program.add_section(
    'Use a model', predict, landmarks, reid, try_on, gallery, app
)
program.add_section('Choose a model', models, info, download, cache)
program.add_section('Train and measure', train, test, synthetic, export)
program.add_section('This installation', doctor, setup, demo, completion)


def run(words: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        words (Sequence[str], optional): Arguments. Defaults to None: those of
            the process.

    Returns:
        int: The exit status.

    Raises:
        UserError: The command line, or what the command was given, is wrong.
        KeyboardInterrupt: Ctrl-C.
    """
    try:
        status: Any = program.main(
            args=None if words is None else [*words],
            prog_name='mmfashion',
            complete_var=VARIABLE,
            standalone_mode=False,
        )
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        raise UserError(_one_line(error)) from None
    return status if isinstance(status, int) else 0


def _one_line(error: click.ClickException) -> str:
    """Return Click's message, with the help of the command to look into."""
    text = ' '.join(error.format_message().split()).rstrip('.')
    text = text[:1].lower() + text[1:]
    context = getattr(error, 'ctx', None)
    if context is not None:
        text += f'; see: {context.command_path} --help'
    return text


def main() -> None:
    """Run the program and end the process."""
    run_tool(run)
