# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Parser of the command lines that a tool and a command share."""

import argparse
from typing import NoReturn

from ..errors import UserError


class CommandParser(argparse.ArgumentParser):
    """Parser of ``mmfashion COMMAND``: an error is one line.

    A script of ``tools/`` uses argparse's own class, whose errors begin with
    the usage.
    """

    def error(self, message: str) -> NoReturn:
        """Raise a UserError that names the command's help."""
        raise UserError(f'{message}; see: {self.prog} --help')


def new_parser(
    description: str, script: str, command: str | None
) -> argparse.ArgumentParser:
    """Return an empty parser.

    Args:
        description (str): Text of the help; ``{program}`` stands for what is
            typed to run it.
        script (str): How the tool is called, e.g.
            ``'python tools/train.py'``.
        command (str, optional): Name of the command, e.g. ``'train'``.
            Defaults to None: the tool.
    """
    parser_class = CommandParser if command else argparse.ArgumentParser
    program = f'mmfashion {command}' if command else script
    return parser_class(
        prog=program if command else None,
        description=description.format(program=program),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=not command,
    )
