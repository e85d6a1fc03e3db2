# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Share a model: write it to a folder, or push it to Hugging Face.

What is written is read by the names ``local-dir:path`` and
``hf-hub:org/name``, see :mod:`mmfashion_ext.hub.shared`.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import hub
from ..errors import UserError
from ..hub import catalog
from ..hub.shared import (
    CONFIG_FILE,
    FORMAT,
    HUGGING_FACE,
    LOCAL,
    SECTIONS,
    WEIGHTS_FILE,
    check_options,
)
from ..plugins import require_package
from ..utils.files import atomic_write, file_sha256, make_folder, write_json
from .model_card import model_card

if TYPE_CHECKING:
    from torch import nn

_MISSING = object()


def save_to_dir(
    model: 'str | nn.Module',
    folder: str | Path,
    *,
    base: str | None = None,
    metrics: Mapping[str, float] | None = None,
    license: str | None = None,
    training_data: str | None = None,
    half: bool = True,
    repository: str = '',
) -> Path:
    """Write a model as a shared one: config, weights, model card.

    Args:
        model (str | nn.Module): Name of a model with published weights, or
            what ``get_model`` built, with its weights loaded.
        folder (str | Path): Made if missing; its three files are replaced.
        base (str, optional): Name of the config of this package that the
            model's own inherits and from which it differs in numbers and
            words alone. Defaults to None: its own, which is then of this
            package.
        metrics (Mapping[str, float], optional): What ``tools/test.py --out``
            wrote, for the card. Defaults to None: those of the metafile, for
            a name.
        license (str, optional): Of the weights, an SPDX name. Defaults to
            None: that of the metafile, for a name.
        training_data (str, optional): For the card. Defaults as ``license``.
        half (bool): Store matrices (m, n) and filters (m, n, h, w) as
            float16. Defaults to True.
        repository (str): ``org/name`` for the card's lines to copy.

    Returns:
        Path: The folder.

    Raises:
        UserError: The model differs from its base in more than may be shared,
            or there are no weights, licence or training data.
    """
    from ..utils.tensor_file import write_tensor_file

    name = model if isinstance(model, str) else ''
    if isinstance(model, str):
        model = hub.get_model(model, pretrained=True)
        name = catalog.model_name(name)
    base = base or Path(model.cfg.filename).stem
    if base not in {path.stem for path in catalog.leaf_configs()}:
        raise UserError(
            f'{base!r} is not a config of this package: name the one that the '
            'model inherits by base=NAME'
        )
    options = options_of(model, base)
    described = _describe(name)
    card = {
        'license': license or described.get('license'),
        'training_data': training_data or described.get('training_data'),
    }
    lacking = [key for key, value in card.items() if not value]
    if lacking:
        raise UserError(
            f'{" and ".join(lacking)} of the model must be said before it is '
            f'shared: {", ".join(f"{key}=..." for key in lacking)}'
        )
    folder = Path(folder).expanduser()
    make_folder(folder)
    weights = folder / WEIGHTS_FILE
    meta = {'dataset_meta': _plain(getattr(model, 'dataset_meta', None))}
    write_tensor_file(weights, model.state_dict(), meta, half=half)
    content = {
        'format': FORMAT,
        'model': base,
        'options': options,
        'sha256': file_sha256(weights),
        **card,
    }
    write_json(folder / CONFIG_FILE, content)
    if metrics is None:
        metrics = _published_metrics(described)
    text = model_card(base, content, metrics, repository, weights)
    with atomic_write(folder / 'README.md') as temporary:
        temporary.write_text(text, encoding='utf-8')
    hub.get_model(f'{LOCAL}{folder}', pretrained=True)  # as others will
    return folder


def push_to_hub(
    model: 'str | nn.Module',
    repository: str,
    *,
    private: bool = False,
    token: str | None = None,
    message: str = 'Upload a model of mmfashion_ext',
    **options: Any,
) -> str:
    """Push a model to Hugging Face, with a generated model card.

    Args:
        model (str | nn.Module): See :func:`save_to_dir`.
        repository (str): ``org/name``, made if missing.
        private (bool): Make a private repository. Defaults to False.
        token (str, optional): Defaults to None: the one of ``hf auth login``.
        message (str): Of the commit.
        **options: See :func:`save_to_dir`.

    Returns:
        str: The name by which others get the model: ``hf-hub:org/name``.

    Raises:
        UserError: See :func:`save_to_dir`, or the repository cannot be
            written.
        ImportError: ``huggingface_hub`` is not installed.
    """
    require_package('huggingface_hub', 'push_to_hub')
    import huggingface_hub

    with tempfile.TemporaryDirectory(prefix='push_') as temporary:
        folder = Path(temporary, 'model')
        save_to_dir(model, folder, repository=repository, **options)
        api = huggingface_hub.HfApi(token=token)
        try:
            api.create_repo(repository, private=private, exist_ok=True)
            api.upload_folder(
                repo_id=repository,
                folder_path=str(folder),
                commit_message=message,
            )
        except Exception as error:  # those of any of its HTTP libraries
            reason = ' '.join(str(error).split())[:300]
            raise UserError(
                f'{repository}: cannot be written ({reason}). Log in (hf auth '
                'login) and check the name'
            ) from None
    return f'{HUGGING_FACE}{repository}'


def options_of(model: 'nn.Module', base: str) -> dict[str, Any]:
    """Return how a model's config differs from one of this package.

    Args:
        model (nn.Module): With its config, ``model.cfg``.
        base (str): Name of a config of this package.

    Returns:
        dict[str, Any]: Dotted key -> number, word, or list such as (w, h).

    Raises:
        UserError: It differs in more than may be shared.
    """
    cfg = hub.load_config(base)
    options: dict[str, Any] = {}
    for section in SECTIONS:
        old, new = (_get(config, section) for config in (cfg, model.cfg))
        if old is not _MISSING or new is not _MISSING:
            options |= _difference(old, new, section)
    try:
        check_options(cfg, options, base)
    except UserError as error:
        raise UserError(
            f'the model cannot be shared: it differs from {error}'
        ) from None
    return options


def _describe(name: str) -> dict[str, Any]:
    from .description import describe

    return describe(name) if name else {}


def _published_metrics(described: Mapping[str, Any]) -> dict[str, float]:
    return {
        f'{task}, {dataset}: {metric}': value
        for task, datasets in described.get('metrics', {}).items()
        for dataset, numbers in datasets.items()
        for metric, value in numbers.items()
    }


def _get(config: Any, section: str) -> Any:
    for part in section.split('.'):
        if not hasattr(config, 'get') or config.get(part) is None:
            return _MISSING
        config = config[part]
    return config


def _difference(old: Any, new: Any, key: str) -> dict[str, Any]:
    """Return the leaves that differ; two lists of one length are entered."""
    if hasattr(old, 'keys') and hasattr(new, 'keys'):
        pairs = [
            (f'{key}.{name}', old.get(name, _MISSING), new.get(name, _MISSING))
            for name in {**old, **new}
        ]
    elif _is_list(old) and _is_list(new) and _holds_dicts(old, new):
        if len(old) != len(new):
            raise UserError(f'{key} has another length than in the base')
        pairs = [
            (f'{key}.{index}', *pair)
            for index, pair in enumerate(zip(old, new, strict=True))
        ]
    elif old is _MISSING or new is _MISSING:
        where = 'model' if old is _MISSING else 'base'
        raise UserError(
            f'the model cannot be shared: {key} is in the config of the '
            f'{where} alone; share a model whose config has the same keys'
        )
    else:
        same = old == new and type(old) is type(new)
        value = list(new) if _is_list(new) else new
        return {} if same else {key: value}
    return {
        name: value
        for name, one, other in pairs
        for name, value in _difference(one, other, name).items()
    }


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _holds_dicts(*lists: Any) -> bool:
    return any(hasattr(value, 'keys') for found in lists for value in found)


def _plain(value: Any) -> Any:
    """Return what JSON can hold of a checkpoint's meta."""
    if isinstance(value, dict):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(member) for member in value]
    if hasattr(value, 'tolist'):
        return _plain(value.tolist())
    plain = value is None or isinstance(value, bool | int | float | str)
    return value if plain else None
