# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Completion in the shell: names of models, and the script that turns it on.

Click completes commands, options and files by itself.
"""

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from ..errors import UserError

#: Shell -> what to do with the script.
_HOW = {
    'bash': 'mmfashion completion bash >> ~/.bashrc',
    'zsh': 'mmfashion completion zsh >> ~/.zshrc',
    'fish': 'mmfashion completion fish '
    '> ~/.config/fish/completions/mmfashion.fish',
}
SHELLS = tuple(_HOW)
#: Variable by which the shell asks the program for completions.
VARIABLE = '_MMFASHION_COMPLETE'


def complete_models(
    ctx: click.Context, param: click.Parameter | None, incomplete: str
) -> list[CompletionItem]:
    """Return the models whose name begins with what was typed."""
    from ..hub import aliases, list_models

    return [
        CompletionItem(name)
        for name in [*list_models(), *aliases()]
        if name.startswith(incomplete)
    ]


def completion_script(group: click.Command, shell: str | None) -> str:
    """Return the script that turns completion on in a shell.

    Args:
        group (click.Command): The program.
        shell (str, optional): ``'bash'``, ``'zsh'`` or ``'fish'``. Defaults
            to None: the one that ``$SHELL`` names.

    Raises:
        UserError: There is no script for this shell.
    """
    name = shell or Path(os.environ.get('SHELL', '')).name
    if name not in SHELLS:
        raise UserError(
            f'no completion for the shell {name!r}; name one of '
            f'{", ".join(SHELLS)}: mmfashion completion bash'
        )
    found = get_completion_class(name)
    if found is None:
        raise UserError(f'this Click has no completion for {name}')
    script = found(group, {}, 'mmfashion', VARIABLE)
    body = script.source_template % script.source_vars()
    return f'# to turn it on: {_HOW[name]}\n{body.strip()}\n'
