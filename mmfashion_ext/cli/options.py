# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Options of the commands: one name and one meaning everywhere."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from ..errors import UserError
from .completion import complete_models

Decorator = Callable[[Any], Any]

#: Folder of results where a command has to write some and none was named.
DEFAULT_OUT = 'mmfashion_results'


class Command(click.Command):
    """Command whose help ends with examples.

    Args:
        *args: Of Click's class.
        examples (Sequence[str]): Lines of the shell.
        **kwargs: Of Click's class.
    """

    def __init__(
        self, *args: Any, examples: Sequence[str] = (), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_epilog(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the examples as they are."""
        if self.examples:
            with formatter.section('Examples'):
                for line in self.examples:
                    formatter.write(f'  {line}\n')

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; what is missing is told with the command's usage."""
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as error:
            if error.param is None or error.param.param_type_name == 'option':
                raise
            usage = ' '.join([ctx.command_path, *self.collect_usage(ctx)])
            raise UserError(
                f'{error.param.make_metavar(ctx)} is missing; expected: '
                f'{usage}; see: {ctx.command_path} --help'
            ) from None

    def collect_usage(self, ctx: click.Context) -> list[str]:
        """Return the parts of the usage after the command's name."""
        return [piece for piece in self.collect_usage_pieces(ctx) if piece[:1]]


class Number(click.ParamType):
    """Type of an option that is a number in a range.

    Args:
        convert (type): ``int`` or ``float``.
        low (float): Lowest value.
        high (float, optional): Highest value.
    """

    name = 'number'

    def __init__(
        self, convert: type, low: float, high: float | None = None
    ) -> None:
        self.number, self.low, self.high = convert, low, high

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """Return the number."""
        try:
            number = self.number(value)
            if number >= self.low and (
                self.high is None or number <= self.high
            ):
                return number
        except ValueError:
            pass
        kind = 'a whole number' if self.number is int else 'a number'
        limits = f'from {self.low:g}'
        if self.high is not None:
            limits += f' to {self.high:g}'
        self.fail(f'expected {kind} {limits}, got {value!r}', param, ctx)


def model(default: str) -> Decorator:
    """Return the option ``--model``; ``default`` says what it is without."""
    return click.option(
        '--model',
        metavar='NAME',
        shell_complete=complete_models,
        help=f'Name of a model, or config file. Default: {default}.',
    )


def weights(default: str = 'the published ones') -> Decorator:
    """Return the option ``--weights``."""
    return click.option(
        '--weights',
        metavar='FILE',
        type=click.Path(),
        help=f'Checkpoint of the model, a file or URL. Default: {default}.',
    )


def out(metavar: str, what: str, **settings: Any) -> Decorator:
    """Return the option ``--out``: where results are written."""
    return click.option(
        '--out', metavar=metavar, type=click.Path(), help=what, **settings
    )


def batch_size(things: str, default: int = 1) -> Decorator:
    """Return the option ``--batch-size`` of what goes through together."""
    return click.option(
        '--batch-size',
        metavar='N',
        type=Number(int, 1),
        default=default,
        show_default=True,
        help=f'{things} that go through the network together.',
    )


def score_thr(default: float = 0.3) -> Decorator:
    """Return the option ``--score-thr`` of detected garments."""
    return click.option(
        '--score-thr',
        metavar='S',
        type=Number(float, 0, 1),
        default=default,
        show_default=True,
        help='Lowest score, 0 to 1, of a garment.',
    )


def top(things: str, default: int = 10) -> Decorator:
    """Return the option ``--top``: how many matches are shown."""
    return click.option(
        '--top',
        metavar='N',
        type=Number(int, 1),
        default=default,
        show_default=True,
        help=f'{things} to show.',
    )


device = click.option(
    '--device',
    metavar='NAME',
    help='cpu, cuda, cuda:1 ... Default: cuda if there is a GPU.',
)

as_json = click.option(
    '--json',
    'as_json',
    is_flag=True,
    help='Print JSON, and nothing else, to stdout.',
)

draw = click.option(
    '--draw',
    is_flag=True,
    help=f'Write drawn images; without --out to the folder {DEFAULT_OUT}.',
)
