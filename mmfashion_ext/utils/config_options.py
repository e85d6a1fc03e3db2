# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""``--cfg-options KEY=VALUE``: parse, check and merge, typos in one line."""

import argparse
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config, DictAction

from ..errors import UserError, did_you_mean

#: Settings at the top of a config besides the arguments of MMEngine's runner:
#: those that its methods and ``runner/`` look up.
_MORE_SETTINGS = (
    'auto_scale_lr',
    'env_cfg',
    'find_unused_parameters',
    'activation_checkpointing',
    'compile',
    'detect_anomalous_params',
    'model_wrapper_cfg',
    'strategy',
    'load_from',
    'load_from_partial',
    'randomness',
    'resume',
    'runner_type',
    'sync_bn',
    'test_pipeline',
    'tta_model',
    'tta_pipeline',
    'work_dir',
)


class ConfigOptions(DictAction):
    """Parse ``KEY=VALUE`` as MMEngine does; blanks in a text survive.

    MMEngine removes every blank, so that ``data_root=my data/`` would become
    ``mydata/``.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Add the options to the namespace; called by argparse.

        Raises:
            UserError: One has no ``=``, or unbalanced brackets.
        """
        options = dict(getattr(namespace, self.dest, None) or {})
        for text in values or ():
            key, equals, value = text.partition('=')
            if not equals or not key.strip():
                raise UserError(
                    f'{option_string} {text}: expected KEY=VALUE, e.g. '
                    'train_cfg.max_epochs=1'
                )
            options[key.strip()] = parse_value(value, text)
        setattr(namespace, self.dest, options)


def parse_value(value: str, option: str = '') -> Any:
    """Parse the value of an option: number, bool, None, text, list or tuple.

    Args:
        value (str): ``3``, ``1e-4``, ``true``, ``None``, ``some text``,
            ``1,2``, ``[a, b]`` or ``(1,2)``; nested brackets are allowed.
        option (str): The whole option, for the message. Defaults to ''.

    Raises:
        UserError: Brackets are not balanced.
    """
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in '\'"'
    if not quoted and any(mark in value for mark in ',[]()'):
        try:
            return _parse_sequence(value)
        except AssertionError:
            raise UserError(
                f'{option or value}: the brackets are not balanced; put '
                'quotes around a text that holds brackets'
            ) from None
    if quoted:
        return DictAction._parse_int_float_bool(value[1:-1])
    return DictAction._parse_int_float_bool(value.strip('\'"'))


def _parse_sequence(value: str) -> Any:
    """Parse a list or tuple; a text keeps the blanks inside it."""
    blank = '\0'  # MMEngine removes blanks, but no other mark
    guarded = ','.join(
        part.strip().replace(' ', blank) for part in value.split(',')
    )
    return _restore(DictAction._parse_iterable(guarded), blank)


def _restore(value: Any, blank: str) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_restore(entry, blank) for entry in value)
    if isinstance(value, str):
        # beside a bracket a blank is not part of the text
        return value.replace(blank, ' ').strip()
    return value


def merge_options(
    cfg: Config, options: Mapping[str, Any], flag: str = '--cfg-options'
) -> None:
    """Merge options into a config, which must have a place for them.

    Args:
        cfg (Config): Changed in place.
        options (Mapping[str, Any]): ``{'model.backbone.depth': 18}`` or
            ``{'model': {'backbone': {'depth': 18}}}``.
        flag (str): Where they are from, for the message.

    Raises:
        UserError: A key leads through a value that holds no keys, past the
            end of a list, or names no setting.
    """
    for key in options:
        _check_key(cfg, key, flag)
    try:
        cfg.merge_from_dict(dict(options))
    except (TypeError, KeyError) as error:
        raise UserError(
            f'{flag}: the config has no place for {dict(options)} '
            f'({" ".join(str(error).split())})'
        ) from None


def _check_key(cfg: Config, key: str, flag: str) -> None:
    node: Any = cfg
    parts = key.split('.')
    for depth, part in enumerate(parts):
        above = '.'.join(parts[:depth])
        if isinstance(node, list | tuple):
            if not part.isdecimal() or int(part) >= len(node):
                raise UserError(
                    f'{flag} {key}: {above} is a list of {len(node)}, '
                    f'expected a number from 0 to {len(node) - 1} after it, '
                    f'got {part!r}'
                )
            node = node[int(part)]
        elif isinstance(node, Mapping | Config):
            if part not in node:
                if not depth:
                    _check_setting(cfg, part, key, flag)
                return  # a new argument: the class that gets it will tell
            node = node[part]
        else:
            raise UserError(
                f'{flag} {key}: {above} is {node!r:.60} in the config, so '
                f'nothing can be set below it; set {above} itself'
            )


def _check_setting(cfg: Config, part: str, key: str, flag: str) -> None:
    """Check a new setting at the top, which nobody else would look at."""
    from mmengine.runner import Runner

    known = {*cfg, *inspect.signature(Runner).parameters, *_MORE_SETTINGS}
    if part not in known and 'runner_type' not in cfg:
        raise UserError(
            f'{flag} {key}: the config has no setting {part!r}'
            f'{did_you_mean(part, known)}'
        )
