# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Which model made the features of an index, and how to find it again."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError
from ..formats.rules import show
from ..utils.files import file_sha256
from .catalog import config_path, published_weights, root
from .selection import list_models
from .shared import is_shared


class ModelOrigin(NamedTuple):
    """A model with its weights, as an index remembers it.

    Attributes:
        checkpoint (Path): The file of the weights.
        fingerprint (str): Changes with the config's name and the weights.
        origin (dict[str, str]): ``config``, a model's name or a config's
            file, and ``checkpoint``, a file.
    """

    checkpoint: Path
    fingerprint: str
    origin: dict[str, str]


def model_origin(model: str, weights: str | Path | None = None) -> ModelOrigin:
    """Return what an index remembers of a model.

    Args:
        model (str): Name of a model, or path of a config.
        weights (str | Path, optional): Checkpoint file or URL. Defaults to
            None: the published ones.

    Raises:
        UserError: There is no such model, or no published weights.
        CheckpointError: See ``utils.checkpoint``.
    """
    from ..utils.checkpoint import local_checkpoint  # imports torch

    file = local_checkpoint(weights or published_weights(model))
    config = Path(config_path(model)).absolute()
    zoo = config.is_relative_to(root() / 'configs')
    name = config.stem if zoo else str(config)
    return ModelOrigin(
        file,
        f'{config.stem}:{file_sha256(file)[:16]}',
        {
            'config': model if is_shared(model) else name,
            'checkpoint': str(file.absolute()),
        },
    )


def origin_model(
    origin: Mapping[str, object],
    path: str | Path,
    config: str | None = None,
    weights: str | Path | None = None,
) -> tuple[str, str | Path]:
    """Return config and weights to search an index with.

    An index may come from anywhere. So of what it names only a model of the
    zoo is used, since other configs are Python that would be run, and only a
    file on this machine, since a URL would be fetched.

    Args:
        origin (Mapping[str, object]): See :class:`ModelOrigin`.
        path (str | Path): File of the index, for messages.
        config (str, optional): What a user chose instead.
        weights (str | Path, optional): What a user chose instead.

    Returns:
        tuple[str, str | Path]: Name or file of the config, and weights.

    Raises:
        UserError: The index names something else.
    """
    if config is None:
        named = origin.get('config')
        config = _zoo_name(named)
        if config is None:
            raise UserError(
                f'{path}: was built with the config {show(named)}, which is '
                'not one of mmfashion_ext.list_models(), so it is not run; '
                'if you trust it, name it with --model'
            )
    if weights is None:
        weights = origin_file(origin, path, 'checkpoint', '--weights')
    return config, weights


def origin_file(
    origin: Mapping[str, object], path: str | Path, key: str, option: str
) -> str:
    """Return a file that an index names, which must be on this machine.

    Args:
        origin (Mapping[str, object]): What the index remembers.
        path (str | Path): File of the index, for messages.
        key (str): Key of the file.
        option (str): The option that names another file, for messages.

    Raises:
        UserError: It is not a file here.
    """
    named = origin.get(key)
    if not isinstance(named, str) or not Path(named).is_file():
        raise UserError(
            f'{path}: was built with the checkpoint {show(named)}, which is '
            'not a file here (URLs of an index are not fetched); name it '
            f'with {option}'
        )
    return named


def _zoo_name(named: object) -> str | None:
    """Return the name of a model of the zoo; None if it is not one."""
    if not isinstance(named, str):
        return None
    if named in list_models():
        return named
    stem = Path(named).stem
    if stem not in list_models() or not named.endswith('.py'):
        return None
    # older indexes hold the path of the zoo's config file
    same = Path(named).absolute() == Path(config_path(stem)).absolute()
    return stem if same else None
