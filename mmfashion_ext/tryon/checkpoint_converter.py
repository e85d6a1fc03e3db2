# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert published checkpoints of PF-AFN, two files, to one of ours.

One file has the warp network, one the generator; those of the student and of
the tutor differ in the input channels of their first layers. The published
training also stores its second-order kernels, which are constants.
"""

from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from ..utils.checkpoint import (
    CheckpointError,
    extract_state_dict,
    load_checkpoint_file,
)
from ..utils.weights import compare_weights, describe_problems
from .generator import TryOnGenerator
from .warp_net import AppearanceFlowWarp

StateDict = dict[str, Tensor]

#: Part of our model -> input channels of its first layer -> its owner.
CHANNELS = {
    'warp_net': {3: 'student', 45: 'tutor'},
    'generator': {7: 'student', 8: 'tutor'},
}
#: Part of our model -> published name of its first layer.
FIRST_LAYERS = {
    'warp_net': 'cond_features.encoders.0.0.block.2.weight',
    'generator': 'model.model.0.weight',
}
#: (owner, whether it has a generator) -> the config that fits.
CONFIGS = {
    ('student', True): 'pf-afn_e2e_8xb4-100e_viton-256x192',
    ('student', False): 'pf-afn_warp_8xb4-200e_viton-256x192',
    ('tutor', True): 'pb-afn_e2e_8xb4-100e_viton-256x192',
    ('tutor', False): 'pb-afn_warp_8xb4-100e_viton-256x192',
}
#: Published kernels of second-order differences, which are not used.
UNUSED = 'aflow_net.weight'

#: Part of our names in the warp network -> part of the published ones.
_WARP_NAMES = {
    'cloth_encoder.': 'image_features.encoders.',
    'condition_encoder.': 'cond_features.encoders.',
    'cloth_fpn.': 'image_FPN.',
    'condition_fpn.': 'cond_FPN.',
    'lateral.': 'adaptive.',
    'main_heads.': 'aflow_net.netMain.',
    'refine_heads.': 'aflow_net.netRefine.',
    # published blocks number their layers, ReLU included
    '.bn.': '.block.0.',
    '.conv.': '.block.2.',
    '.bn1.': '.block.0.',
    '.conv1.': '.block.2.',
    '.bn2.': '.block.3.',
    '.conv2.': '.block.5.',
}
_GENERATOR_NAMES = {
    '.conv1.': '.block.0.',
    '.bn1.': '.block.1.',
    '.conv2.': '.block.3.',
    '.bn2.': '.block.4.',
}
#: Each level of the published generator is nested in the finer one.
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
    """Return the name that a weight has in a published file.

    Args:
        part (str): ``'warp_net'`` or ``'generator'``.
        ours (str): Its name in that part of our model.

    Returns:
        str: The published name, without ``module.``.
    """
    if part == 'warp_net':
        return _replace(ours, _WARP_NAMES)
    if ours.startswith('last_conv.'):
        return ours.replace('last_conv', f'{_LEVELS[0]}.6')
    path, level, layer, rest = ours.split('.', 3)
    depth, index = int(level), int(layer)
    if path == 'up':  # follows the contracting path and the deeper level
        depth += 1
        index += 5 if depth == len(_LEVELS) - 1 else 7
    return f'{_LEVELS[depth]}.{index}{_replace(f".{rest}", _GENERATOR_NAMES)}'


def _replace(name: str, table: dict[str, str]) -> str:
    for ours, published in table.items():
        name = name.replace(ours, published)
    return name


@cache
def published_part(part: str, channels: int) -> StateDict:
    """Build our state dict of a published network, on the meta device.

    Args:
        part (str): ``'warp_net'`` or ``'generator'``.
        channels (int): Input channels of its first layer.
    """
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
        file (str | Path): Its name, for messages.

    Returns:
        tuple[str, dict[str, Tensor]]: The owner, ``'student'`` or
        ``'tutor'``, and the weights by their names in our model.

    Raises:
        CheckpointError: Weights are missing, unknown or of the wrong shape,
            or this is the other file.
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
    expected, names = {}, {}
    for ours, weight in published_part(part, channels).items():
        published = published_name(part, ours)
        expected[published], names[published] = weight, f'{part}.{ours}'
        if ours.endswith(_BATCHES):  # PyTorch before 0.4.1 did not write it
            found.setdefault(published, torch.tensor(0))
    problems = compare_weights(expected, found)
    if any(problems.values()):
        known = ' or '.join(
            f'{n} ({owner})' for n, owner in CHANNELS[part].items()
        )
        raise CheckpointError(
            f'{file} is not the {_PARTS[part]} of a published PF-AFN: '
            f'{describe_problems(problems)}. Pass the file that the '
            f'published training wrote, whose first layer has {known} '
            'input channels'
        )
    converted = {ours: found[published] for published, ours in names.items()}
    return CHANNELS[part][channels], converted


def _channels(part: str, weights: StateDict) -> int:
    """Read the input channels of the first layer; the student's if unknown."""
    student, *others = CHANNELS[part]
    first = weights.get(FIRST_LAYERS[part])
    found = first.shape[1] if first is not None and first.ndim > 1 else None
    return found if found in others else student


def convert_files(warp: str | Path, gen: str | Path | None = None) -> dict:
    """Convert the files of a published training to one checkpoint.

    Args:
        warp (str | Path): ``warp_model_final.pth``, or a ``PFAFN_warp_*`` or
            ``PBAFN_warp_*`` of a training.
        gen (str | Path, optional): The generator's. None: for a warp stage,
            which does not have one.

    Returns:
        dict: ``state_dict`` of a :class:`ParserFreeTryOn` (student) or
        :class:`ParserBasedTryOn` (tutor) and, in ``meta``, the name of the
        ``config`` that fits and the ``published`` files.

    Raises:
        FileNotFoundError: A file does not exist.
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
            'the two files belong to different models: '
            + ', '.join(
                f"{file} is the {owners[part]}'s {_PARTS[part]}"
                for part, file in files.items()
            )
            + '. Pass both of PFAFN (student) or both of PBAFN (tutor)'
        )
    meta = {
        'config': CONFIGS[owners['warp_net'], 'generator' in owners],
        'published': {part: Path(file).name for part, file in files.items()},
    }
    return {'meta': meta, 'state_dict': weights}
