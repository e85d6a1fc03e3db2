# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Commands whose arguments are passed on: train, test, synthetic ...

Their parsers are those of the tools; Click shows them and completes their
options, the tool's code parses.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from ..errors import UserError
from .completion import complete_models


class PassedOn(click.Command):
    """Command whose arguments a parser of argparse reads.

    Args:
        name (str): Name of the command.
        help (str): A line for the list of commands.
        parser (callable): Returns the parser.
        run (callable): Is called with the arguments; returns the status.
        names_model (bool): The first argument is the name of a model.
    """

    def __init__(
        self,
        name: str,
        help: str,
        parser: Callable[[], argparse.ArgumentParser],
        run: Callable[[list[str]], int | None],
        names_model: bool = False,
    ) -> None:
        super().__init__(
            name,
            help=help,
            callback=lambda words: run([*words]),
            add_help_option=False,
        )
        self.new_parser = parser
        self.names_model = names_model

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave the arguments as they are, ``--`` included."""
        ctx.params = {'words': tuple(args)}
        return []

    def get_help(self, ctx: click.Context) -> str:
        """Return the parser's help."""
        return self.new_parser().format_help().rstrip()

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[CompletionItem]:
        """Complete options, values of a choice and names of models."""
        if incomplete.startswith('-'):
            return [
                CompletionItem(option)
                for option in _options(self.new_parser())
                if option.startswith(incomplete)
            ]
        found: list[CompletionItem] = []
        if self.names_model:
            found = complete_models(ctx, None, incomplete)
        return found or [CompletionItem(incomplete, type='file')]


def _options(parser: argparse.ArgumentParser) -> list[str]:
    """Return the options of a parser and of its commands."""
    found: list[str] = []
    for action in parser._actions:
        if action.help != argparse.SUPPRESS:
            found += [o for o in action.option_strings if o.startswith('--')]
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                found += _options(sub)
    return sorted({*found})


def _train_parser() -> argparse.ArgumentParser:
    from .train import build_parser

    return build_parser('train')


def _train(words: list[str]) -> None:
    from .train import main

    main(words, 'train')


def _test_parser() -> argparse.ArgumentParser:
    from .test import build_parser

    return build_parser('test')


def _test(words: list[str]) -> None:
    from .test import main

    main(words, 'test')


def _export_parser() -> argparse.ArgumentParser:
    from .export import build_parser

    return build_parser('export')


def _export(words: list[str]) -> None:
    from .export import main

    main(words, 'export')


def _synthetic_parser() -> argparse.ArgumentParser:
    from ..synthetic.__main__ import build_parser

    return build_parser('mmfashion synthetic')


def _synthetic(words: list[str]) -> int:
    from ..synthetic.__main__ import main

    return main(words, 'mmfashion synthetic')


train = PassedOn(
    'train', 'Train a model of any system.', _train_parser, _train, True
)
test = PassedOn(
    'test', 'Test a model on its dataset.', _test_parser, _test, True
)
export = PassedOn(
    'export',
    'Export a model to ONNX.',
    _export_parser,
    _export,
    True,
)
synthetic = PassedOn(
    'synthetic',
    'Write a synthetic dataset in the layout of a real one.',
    _synthetic_parser,
    _synthetic,
)


class Script(click.Command):
    """Command that runs a script of the repository, or of the wheel's copy.

    Args:
        name (str): Name of the command.
        help (str): A line for the list of commands.
        script (str): The script, below the folder of ``configs/``.
        has_arguments (bool): It parses arguments, ``--help`` among them.
    """

    def __init__(
        self, name: str, help: str, script: str, has_arguments: bool
    ) -> None:
        super().__init__(
            name,
            help=help,
            callback=lambda words=(): self.run(words),
            add_help_option=not has_arguments,
        )
        self.script = script
        self.has_arguments = has_arguments

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave the script's arguments as they are."""
        if not self.has_arguments:
            return super().parse_args(ctx, args)
        ctx.params = {'words': tuple(args)}
        return []

    def run(self, words: Sequence[str]) -> int:
        """Run the script with this Python; return its status."""
        from ..hub import root

        path = Path(root()) / self.script
        if not path.is_file():
            raise UserError(
                f'{path} is missing: the installation is incomplete; install '
                'mmfashion_ext again'
            )
        command: list[Any] = [sys.executable, path, *words]
        with subprocess.Popen(command) as process:
            try:
                return process.wait()
            except KeyboardInterrupt:
                process.wait()  # the terminal has told the script too
                raise


doctor = Script(
    'doctor',
    'Show what is installed, and how to fix problems.',
    'tools/doctor.py',
    has_arguments=False,
)
setup = Script(
    'setup',
    'Install what the systems need: host libraries, compiled ops.',
    'tools/install.py',
    has_arguments=True,
)
demo = Script(
    'demo',
    'Show every system on one page.',
    'demo/run_demo.py',
    has_arguments=True,
)
