# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Default models of the commands: the published one of the task."""

from pathlib import Path
from typing import NamedTuple

from ..errors import UserError
from ..utils.sources import is_url


class Need(NamedTuple):
    """What the model of a command must be.

    Attributes:
        system (str): Its system, a key of ``plugins.SYSTEMS``.
        tasks (tuple[str, ...]): Its tasks, as metafiles call them.
        what (str): What messages call it.
        alias (str): Alias of the model that is preferred.
    """

    system: str
    tasks: tuple[str, ...]
    what: str
    alias: str


#: Command -> its model.
NEEDS: dict[str, Need] = {
    'predict': Need(
        'match_rcnn',
        ('Object Detection', 'Instance Segmentation'),
        'clothes detection',
        'match-rcnn:balanced',
    ),
    'landmarks': Need(
        'landmark',
        ('Landmark Localisation',),
        'landmarks',
        'landmark:balanced',
    ),
    'reid': Need(
        'scan',
        ('Video Person Re-identification',),
        'video person re-identification',
        'scan:balanced',
    ),
    'try-on': Need(
        'tryon', ('Virtual Try-on',), 'virtual try-on', 'tryon:balanced'
    ),
    'gallery': Need(
        'match_rcnn',
        ('Consumer-to-Shop Retrieval',),
        'consumer-to-shop retrieval',
        'retrieval:balanced',
    ),
}

#: System -> the command that runs its models.
COMMANDS = {
    'match_rcnn': 'predict',
    'landmark': 'landmarks',
    'scan': 'reid',
    'tryon': 'try-on',
}


def published_models(command: str) -> list[str]:
    """Return the models of a command that have published weights.

    Args:
        command (str): A key of ``NEEDS``.

    Returns:
        list[str]: Names, the preferred one first, then in the order of the
        metafile.
    """
    from ..hub import metafile_entries
    from ..hub.catalog import system_of

    need = NEEDS[command]
    found = [
        entry
        for entry in metafile_entries()
        if entry.get('Weights')
        and system_of(entry) == need.system
        and {*need.tasks} <= {*entry['Metadata']['Tasks']}
    ]
    found.sort(
        key=lambda entry: need.alias not in (entry.get('Aliases') or ())
    )
    return [entry['Name'] for entry in found]


def choose_model(
    command: str,
    model: str | None,
    weights: str | None,
    option: str = '--model',
) -> str:
    """Return the model to use, once it is sure that there are weights.

    Args:
        command (str): A key of ``NEEDS``.
        model (str, optional): What was named. None: the published one.
        weights (str, optional): What was named. None: the published ones.
        option (str): The option that names the model, for messages.

    Raises:
        UserError: There is no such model, none of the task's models or not
            this one has published weights, or the file does not exist.
    """
    named = option.replace('model', 'weights')
    if weights is not None and not _exists(weights):
        raise UserError(
            f'{named} {weights}: no such file; expected a checkpoint, a file '
            'or URL'
        )
    if model is None:
        return _published_model(command, weights, option)
    if weights is None:
        check_published(model, named)
    return model


def choose_encoder(
    model: str | None, weights: str | None, encoder: str | None
) -> str | None:
    """Return the image encoder of a new gallery, None for a match network.

    Args:
        model (str, optional): What was named.
        weights (str, optional): What was named.
        encoder (str, optional): What was named.

    Returns:
        str, optional: What was named; where nothing was and no retrieval
        model is published, the published encoder.
    """
    if encoder or model or weights or published_models('gallery'):
        return encoder
    from ..hub.encoders import default_encoder

    return default_encoder()


def check_published(model: str, option: str = '--weights') -> None:
    """Check that a model's weights are published.

    Args:
        model (str): Name of a model, or path of a config file.
        option (str): The option that names others, for the message.

    Raises:
        UserError: There is no such model, or its weights are not published.
    """
    if not has_weights(model):
        raise UserError(
            f'no weights are published for {model}: train it '
            f'(mmfashion train {model}) and pass its checkpoint, {option} '
            'FILE; mmfashion models --published lists the models with weights'
        )


def _exists(weights: str) -> bool:
    return is_url(weights) or Path(weights).expanduser().is_file()


def has_weights(model: str) -> bool:
    """Return whether a model's weights are published.

    Raises:
        UserError: There is no such model.
    """
    from ..hub import config_path, metafile_entries

    stem = Path(config_path(model)).stem
    return any(
        entry['Name'] == stem and entry.get('Weights')
        for entry in metafile_entries()
    )


def _published_model(command: str, weights: str | None, option: str) -> str:
    """Return the published model of a command."""
    found = published_models(command)
    if found:
        return found[0]
    need = NEEDS[command]
    listed = f'mmfashion models --task "{need.tasks[0]}" lists them'
    if weights is not None:
        raise UserError(
            f'{weights}: say with {option} NAME of which model these weights '
            f'are; {listed}'
        )
    raise UserError(
        f'no model of {need.what} has published weights yet: train one '
        f'(mmfashion train NAME) and pass {option} NAME and its checkpoint '
        f'({option.replace("model", "weights")} FILE); {listed}'
    )
