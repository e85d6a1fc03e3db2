# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Groups of commands: lists by purpose, and suggestions for wrong names."""

import difflib
from typing import Any

import click
from click.shell_completion import CompletionItem

from ..errors import UserError


class Group(click.Group):
    """Group that prints its help if no command follows.

    Of a wrong name it says which commands are similar.

    Args:
        *args: Of Click's class.
        **kwargs: Of Click's class.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invoke_without_command = True
        self.no_args_is_help = False
        self.sections: dict[str, list[str]] = {}

    def add_section(self, title: str, *commands: click.Command) -> None:
        """Add commands that the help lists below a title."""
        names = self.sections.setdefault(title, [])
        for command in commands:
            self.add_command(command)
            names.append(str(command.name))

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the sections, all with columns of one width."""
        width = max(map(len, self.commands))
        for title, names in self.sections.items():
            rows = [
                (
                    name.ljust(width),
                    self.commands[name].get_short_help_str(formatter.width),
                )
                for name in names
            ]
            with formatter.section(title):
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, or print the help where there is none."""
        if not ctx._protected_args and not ctx.args:
            click.echo(ctx.get_help())
            return 0
        return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; of a wrong name say which are similar."""
        name = args[0]
        if self.get_command(ctx, name) is None:
            close = difflib.get_close_matches(name, self.commands)
            meant = f' Did you mean {" or ".join(close)}?' if close else ''
            raise UserError(
                f'no command {name!r}.{meant} See: {ctx.command_path} --help'
            )
        return super().resolve_command(ctx, args)


class DefaultGroup(Group):
    """Group that runs one of its commands where none is named.

    Args:
        *args: Of Click's class.
        default (str): Name of that command.
        **kwargs: Of Click's class.
    """

    def __init__(self, *args: Any, default: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command before words that name none."""
        known = {*self.commands, *ctx.help_option_names}
        if args and args[0] not in known:
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[CompletionItem]:
        """Complete commands, and files for the default one."""
        files = CompletionItem(incomplete, type='file')
        return [*super().shell_complete(ctx, incomplete), files]
