# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Networks of the image encoders: built by name from timm or mmpretrain."""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..errors import UserError, one_line
from ..plugins import is_installed, require_package
from ..utils.checkpoint import (
    CheckpointError,
    extract_state_dict,
    load_checkpoint_file,
    load_strictly,
)
from ..utils.weights import Partial

LIBRARIES = ('timm', 'mmpretrain')
#: Beginnings of weights that only classification or text search needs.
_NOT_NEEDED = ('head', 'classifier', 'fc.', 'last_linear', 'text')


@dataclass(frozen=True, eq=False)
class EncoderNetwork:
    """A network, and how its input is prepared.

    Attributes:
        name (str): ``timm:NAME`` or ``mmpretrain:NAME``.
        model (nn.Module): With its weights.
        features (Callable): (B, 3, side, side) normalised to (B, D).
        side (int): Of the square input, px.
        mean (tuple[float, ...]): Of RGB 0-255.
        std (tuple[float, ...]): Of RGB 0-255.
    """

    name: str
    model: nn.Module
    features: Callable[[Tensor], Tensor]
    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def find_library(name: str) -> tuple[str, str]:
    """Return the library and the name in it of an encoder.

    Args:
        name (str): ``timm:NAME``, ``mmpretrain:NAME`` or ``NAME``.

    Raises:
        UserError: There is none of this name; names similar ones.
        ImportError: Its library is not installed.
    """
    prefix, separator, rest = name.partition(':')
    if separator and (prefix not in LIBRARIES or ':' in rest or '/' in rest):
        raise UserError(
            f'encoder {name!r}: expected timm:NAME, mmpretrain:NAME or NAME; '
            'models of other hubs are not fetched'
        )
    if separator:
        require_package(prefix, f'the encoder {name}')
        wanted, libraries = rest, [prefix]
    else:
        wanted = name
        libraries = [found for found in LIBRARIES if is_installed(found)]
    known: list[str] = []
    for library in libraries:
        names = _list_names(library)
        if wanted in names:
            return library, wanted
        known += names
    close = difflib.get_close_matches(wanted, known, 3)
    hint = f'; similar: {", ".join(close)}' if close else ''
    raise UserError(
        f'encoder {name!r}: no such model in {" or ".join(libraries)}{hint}; '
        'timm.list_models() and mmpretrain.list_models() list all names'
    )


def build_network(name: str, weights: str | Path | None) -> EncoderNetwork:
    """Build an encoder's network and load its weights.

    Args:
        name (str): See :func:`find_library`.
        weights (str | Path, optional): Checkpoint file, read as data.

    Returns:
        EncoderNetwork: Its features are (B, D).

    Raises:
        UserError: There is no such model, or no weights are given.
        CheckpointError: The weights are those of another model.
    """
    library, wanted = find_library(name)
    if weights is None:
        raise UserError(
            f'encoder {name}: needs its weights (--encoder-weights FILE): '
            'nothing is downloaded, and random weights find nothing. '
            + _where(library, wanted)
        )
    build = _build_timm if library == 'timm' else _build_mmpretrain
    return build(wanted, weights)


def _where(library: str, name: str) -> str:
    if library == 'timm':
        return (
            f'Files of timm are at https://huggingface.co/models?other=timm '
            f'(search for {name}; model.safetensors)'
        )
    return f'mmpretrain.get_model({name!r}) names their URL in its metafile'


def _list_names(library: str) -> list[str]:
    if library == 'timm':
        import timm

        return timm.list_models()
    return _mmpretrain().list_models()


def _mmpretrain() -> Any:
    """Import mmpretrain, which registers its models."""
    import mmpretrain
    import mmpretrain.models

    return mmpretrain


def _build_timm(name: str, weights: str | Path) -> EncoderNetwork:
    import timm
    from timm.data import resolve_model_data_config

    def create(**options: Any) -> nn.Module:
        return timm.create_model(name, pretrained=False, **options)

    model = create(num_classes=0)
    source = extract_state_dict(load_checkpoint_file(weights), weights)
    own = model.state_dict()
    if not own.keys() <= source.keys():
        # other names in timm's order: packages of converted weights
        full = create().state_dict()
        if [value.shape for value in source.values()] != [
            value.shape for value in full.values()
        ]:
            raise _misfit(weights, f'timm:{name}', own, source)
        source = dict(zip(full, source.values(), strict=True))
    load_strictly(
        *(model, {key: source[key] for key in own}, weights, f'timm:{name}')
    )
    cfg = resolve_model_data_config(model)
    return EncoderNetwork(
        f'timm:{name}',
        model,
        model,
        int(cfg['input_size'][-1]),
        tuple(255 * value for value in cfg['mean']),
        tuple(255 * value for value in cfg['std']),
    )


def _misfit(
    path: str | Path, name: str, own: Iterable[str], source: dict[str, Tensor]
) -> CheckpointError:
    missing = [key for key in own if key not in source]
    return CheckpointError(
        f'{path}: weights of another model than {name}: it lacks '
        f'{len(missing)} entries, {missing[0]!r} the first, and has '
        f'{len(source)}, {next(iter(source))!r} the first. Pass the '
        'checkpoint of that model, of the whole network'
    )


def _build_mmpretrain(name: str, weights: str | Path) -> EncoderNetwork:
    try:
        model = _mmpretrain().get_model(name, pretrained=False)
    except Exception as error:  # of its parts, such as a tokenizer's download
        raise UserError(
            f'encoder mmpretrain:{name} cannot be built here '
            f'({one_line(error)}); choose another one'
        ) from error
    source = extract_state_dict(load_checkpoint_file(weights), weights)
    spare = sorted(
        {key for key in model.state_dict() if _is_head(key)}
        | {key for key in source if _is_head(key)}
    )
    new = [key for key in spare if key in model.state_dict()]
    load_strictly(
        *(model, source, weights, f'mmpretrain:{name}'),
        Partial(tuple(new), tuple(spare)),
    )
    config = model._config
    normalise = config.get('data_preprocessor') or {}
    return EncoderNetwork(
        f'mmpretrain:{name}',
        model,
        _mmpretrain_features(model, name),
        _input_side(config),
        # to_rgb says that images are BGR; the numbers are RGB's
        tuple(normalise.get('mean') or (0.0, 0.0, 0.0)),
        tuple(normalise.get('std') or (1.0, 1.0, 1.0)),
    )


def _is_head(key: str) -> bool:
    """Whether a weight is none of the image's features."""
    return key.startswith(_NOT_NEEDED)


def _mmpretrain_features(
    model: nn.Module, name: str
) -> Callable[[Tensor], Tensor]:
    """Return what maps images (B, 3, h, w) to (B, D)."""
    image_features = getattr(model, 'extract_image_feat', None)
    if image_features is not None:  # CLIP
        return image_features
    extract = getattr(model, 'extract_feat', None)
    if extract is None:
        raise UserError(
            f'encoder mmpretrain:{name}: a {type(model).__name__} has no '
            'features of images; use a classifier or CLIP'
        )

    def features(images: Tensor) -> Tensor:
        found = extract(images)
        last = found[-1] if isinstance(found, tuple | list) else found
        if isinstance(last, tuple | list):  # patches and class token
            last = last[-1]
        return last.mean((2, 3)) if last.dim() == 4 else last

    return features


def _input_side(config: Any) -> int:
    """Return the side in px of a test pipeline's images; 224 if unknown."""
    loader = config.get('test_dataloader') or {}
    pipeline = (loader.get('dataset') or {}).get('pipeline') or []
    for step in reversed(pipeline):
        size = step.get('crop_size', step.get('scale'))
        if size is not None:
            return int(min(size) if isinstance(size, tuple | list) else size)
    return 224
