# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The published checkpoints of PF-AFN, two files, to one of ours.

One file is of the warp network, one of the generator; those of the student
and of the tutor differ in the channels that the first layers read. The code
that trained them stores its second-order kernels too, which are constants.
"""

from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from ..utils.checkpoint import (
    CheckpointError,
    compare_weights,
    describe_problems,
    extract_state_dict,
    load_checkpoint_file,
)
from .generator import TryOnGenerator
from .warp_net import AppearanceFlowWarp

StateDict = dict[str, Tensor]

#: Part of our model -> channels that its first layer reads -> whose it is.
CHANNELS = {
    'warp_net': {3: 'student', 45: 'tutor'},
    'generator': {7: 'student', 8: 'tutor'},
}
#: Part of our model -> the layer that tells.
FIRST_LAYERS = {
    'warp_net': 'cond_features.encoders.0.0.block.2.weight',
    'generator': 'model.model.0.weight',
}
#: Whose, and with a generator or not -> the config that fits.
CONFIGS = {
    ('student', True): 'pf-afn_e2e_8xb4-100e_viton-256x192',
    ('student', False): 'pf-afn_warp_8xb4-200e_viton-256x192',
    ('tutor', True): 'pb-afn_e2e_8xb4-100e_viton-256x192',
    ('tutor', False): 'pb-afn_warp_8xb4-100e_viton-256x192',
}
#: The kernels of second-order differences.
UNUSED = 'aflow_net.weight'

#: Piece of our names in the warp network -> piece of the published ones.
_WARP_PIECES = {
    'cloth_encoder.': 'image_features.encoders.',
    'condition_encoder.': 'cond_features.encoders.',
    'cloth_fpn.': 'image_FPN.',
    'condition_fpn.': 'cond_FPN.',
    'lateral.': 'adaptive.',
    'main_heads.': 'aflow_net.netMain.',
    'refine_heads.': 'aflow_net.netRefine.',
    # layers of a published block are counted, ReLU included
    '.bn.': '.block.0.',
    '.conv.': '.block.2.',
    '.bn1.': '.block.0.',
    '.conv1.': '.block.2.',
    '.bn2.': '.block.3.',
    '.conv2.': '.block.5.',
}
_GENERATOR_PIECES = {
    '.conv1.': '.block.0.',
    '.bn1.': '.block.1.',
    '.conv2.': '.block.3.',
    '.bn2.': '.block.4.',
}
#: Each level of the published generator lies inside the one above it.
_LEVELS = (
    'model.model',
    'model.model.4.model',
    'model.model.4.model.5.model',
    'model.model.4.model.5.model.5.model',
    'model.model.4.model.5.model.5.model.5.model',
)
_PARTS = {'warp_net': 'warp network', 'generator': 'generator'}
_BATCHES = '.num_batches_tracked'


def published_name(part: str, ours: str) -> str:
    """The name in a published file that one of our names has.

    Args:
        part (str): ``'warp_net'`` or ``'generator'``.
        ours (str): Name in that part of our model.

    Returns:
        str: Without ``module.``.
    """
    if part == 'warp_net':
        return _replace(ours, _WARP_PIECES)
    if ours.startswith('last_conv.'):
        return ours.replace('last_conv', f'{_LEVELS[0]}.6')
    way, level, layer, rest = ours.split('.', 3)
    depth, place = int(level), int(layer)
    if way == 'up':  # comes after the way down and the deeper level
        depth += 1
        place += 5 if depth == len(_LEVELS) - 1 else 7
    return f'{_LEVELS[depth]}.{place}{_replace(f".{rest}", _GENERATOR_PIECES)}'


def _replace(name: str, pieces: dict[str, str]) -> str:
    for ours, theirs in pieces.items():
        name = name.replace(ours, theirs)
    return name


@cache
def published_part(part: str, channels: int) -> StateDict:
    """Our names and shapes of a published network, on no device."""
    with torch.device('meta'):
        network: nn.Module = (
            AppearanceFlowWarp(condition_channels=channels)
            if part == 'warp_net'
            else TryOnGenerator(in_channels=channels)
        )
    return network.state_dict()


def convert(
    part: str, weights: StateDict, file: str | Path
) -> tuple[str, StateDict]:
    """Rename the weights of one file and check that it is complete.

    Args:
        part (str): ``'warp_net'`` or ``'generator'``.
        weights (dict[str, Tensor]): As in the file, without ``module.``.
        file (str | Path): Its name, for the message.

    Returns:
        tuple[str, dict[str, Tensor]]: Whose they are, ``'student'`` or
        ``'tutor'``, and the weights under the names of our model.

    Raises:
        CheckpointError: Weights are missing, unknown or of the wrong shape,
            or those of the other file.
    """
    for other, first in FIRST_LAYERS.items():
        if other != part and first in weights:
            raise CheckpointError(
                f'{file} is the {_PARTS[other]} of a PF-AFN, expected its '
                f'{_PARTS[part]}: the files are swapped, or one was given '
                'twice'
            )
    channels = _channels(part, weights)
    found = {k: value for k, value in weights.items() if k != UNUSED}
    wanted, names = {}, {}
    for ours, expected in published_part(part, channels).items():
        theirs = published_name(part, ours)
        wanted[theirs], names[theirs] = expected, f'{part}.{ours}'
        if ours.endswith(_BATCHES):  # not in files older than PyTorch 0.4.1
            found.setdefault(theirs, torch.tensor(0))
    problems = compare_weights(wanted, found)
    if any(problems.values()):
        known = ' or '.join(
            f'{n} ({who})' for n, who in CHANNELS[part].items()
        )
        raise CheckpointError(
            f'{file} is not the {_PARTS[part]} of a published PF-AFN: '
            f'{describe_problems(problems)}. Take the file that the '
            f'published training wrote, whose first layer reads {known} '
            'channels'
        )
    converted = {ours: found[theirs] for theirs, ours in names.items()}
    return CHANNELS[part][channels], converted


def _channels(part: str, weights: StateDict) -> int:
    """Channels that the first layer reads; the student's if unheard of."""
    student, *others = CHANNELS[part]
    first = weights.get(FIRST_LAYERS[part])
    found = first.shape[1] if first is not None and first.ndim > 1 else None
    return found if found in others else student


def convert_files(warp: str | Path, gen: str | Path | None = None) -> dict:
    """Make one checkpoint of a published training's files.

    Args:
        warp (str | Path): ``warp_model_final.pth``, or a ``PFAFN_warp_*`` or
            ``PBAFN_warp_*`` of a training.
        gen (str | Path, optional): The generator's. None: for the stage that
            has none yet.

    Returns:
        dict: ``state_dict`` of a :class:`ParserFreeTryOn` (student) or
        :class:`ParserBasedTryOn` (tutor) and, in ``meta``, the name of the
        ``config`` that fits and the ``published`` files.

    Raises:
        FileNotFoundError: No such file.
        CheckpointError: A file cannot be read or does not fit, or one is the
            student's and one the tutor's.
    """
    files = {'warp_net': warp} | ({'generator': gen} if gen else {})
    weights: StateDict = {}
    owners = {}
    for part, file in files.items():
        content = extract_state_dict(load_checkpoint_file(file), file)
        owners[part], converted = convert(part, content, file)
        weights |= converted
    if len(set(owners.values())) > 1:
        raise CheckpointError(
            'the two files are not of one model: '
            + ', '.join(
                f"{file} is the {owners[part]}'s {_PARTS[part]}"
                for part, file in files.items()
            )
            + '. Take both of PFAFN (student) or both of PBAFN (tutor)'
        )
    meta = {
        'config': CONFIGS[owners['warp_net'], 'generator' in owners],
        'published': {part: Path(file).name for part, file in files.items()},
    }
    return {'meta': meta, 'state_dict': weights}
