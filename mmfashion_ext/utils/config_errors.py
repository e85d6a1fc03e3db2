# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Errors of a config that appear when its objects are built, in one line."""

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ..errors import UserError, did_you_mean

_UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")
_MISSING = re.compile(r'missing \d+ required .*arguments?: (.+)')
_UNKNOWN_TYPE = re.compile(r'(\S+) is not in the (\S+) registry')


@contextmanager
def config_errors(where: str = 'the config') -> Iterator[None]:
    """Turn an error that a config's content caused into a ``UserError``.

    Args:
        where (str): The config's file or name, for the message.

    Raises:
        UserError: A class got an argument that it does not have, lacks one,
            or a type is not known. Any other error passes as it is.
    """
    try:
        yield
    except (TypeError, KeyError) as error:
        message = explain(error)
        if message is None:
            raise
        raise UserError(f'{where}: {message}') from error


def explain(error: TypeError | KeyError) -> str | None:
    """Describe an error of MMEngine's builder; None for any other error.

    Args:
        error (TypeError | KeyError): With its traceback.
    """
    frame = _builder_frame(error)
    if frame is None:
        return None
    text = str(error.args[0]) if error.args else ''
    if isinstance(error, KeyError):
        found = _UNKNOWN_TYPE.search(text)
        return found and _unknown_type(found[1], frame)
    cls, args = frame.f_locals.get('obj_cls'), frame.f_locals.get('args') or {}
    if cls is None:
        return None
    if (found := _UNEXPECTED.search(text)) and found[1] in args:
        known = arguments(cls)
        hint = did_you_mean(found[1], known) or '.'
        return (
            f'{cls.__name__} has no argument {found[1]!r}{hint} It has '
            f'{", ".join(sorted(known))}'
        )
    if found := _MISSING.search(text):
        return f'{cls.__name__} lacks {found[1]}; add it to the config'
    return None


def arguments(cls: type) -> set[str]:
    """Return the arguments that a class takes, those of its bases included."""
    names: set[str] = set()
    for base in inspect.getmro(cls) if inspect.isclass(cls) else [cls]:
        function = (
            vars(base).get('__init__') if inspect.isclass(base) else base
        )
        if not inspect.isfunction(function):
            continue
        parameters = inspect.signature(function).parameters.values()
        names |= {
            p.name
            for p in parameters
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        }
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break  # what the bases have does not get through
    return names - {'self'}


def _builder_frame(error: BaseException) -> FrameType | None:
    """Return the innermost call of MMEngine's builder."""
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name == 'build_from_cfg':
            found = trace.tb_frame
        trace = trace.tb_next
    return found


def _unknown_type(name: str, frame: FrameType) -> str:
    registry = frame.f_locals['registry']
    known: set[str] = set()
    node = registry
    while node is not None:
        known |= set(node.module_dict)
        for child in node.children.values():
            known |= set(child.module_dict)
        node = node.parent
    return (
        f'no {registry.name} is called {name!r}'
        f'{did_you_mean(name.rpartition(".")[2], known)}'
    )
