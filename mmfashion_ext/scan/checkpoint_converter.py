# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Convert the three published checkpoint files of SCAN to one of ours.

The files come from PyTorch 0.2: the names of the CNN have the prefix of
``DataParallel``, batch normalisation has no ``num_batches_tracked``, and the
only layer of the attention is stored under three names. Newer files are
supported as well.
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
from .backbone import TorchvisionResNet
from .frame_cnn import FrameCNN
from .matcher import SCANMatcher

StateDict = dict[str, Tensor]

#: Published file -> prefix of its names -> prefix of ours.
NAMES = {
    'cnn': {
        'base.': 'frame_cnn.backbone.',
        'conv0.': 'frame_cnn.backbone.conv1.flow.',
        'feat.': 'frame_cnn.feat.',
        'feat_bn.': 'frame_cnn.feat_bn.',
    },
    'att': {
        'feat_fc.': 'matcher.feat_fc.',
        'selfpooling_model.featQ.': 'matcher.feat_fc.',
        'crosspooling_model.featK.': 'matcher.feat_fc.',
    },
    'cls': {
        'classifierBN.': 'matcher.classifier.norm.',
        'classifierlinear.': 'matcher.classifier.linear.',
    },
}
#: ImageNet's classifier, stored in the file but never run.
UNUSED = ('base.fc.weight', 'base.fc.bias')

_BATCHES = '.num_batches_tracked'


@cache
def published_model() -> StateDict:
    """Return our names and shapes of the published model, as meta tensors."""
    with torch.device('meta'):
        parts = nn.ModuleDict(
            {
                'frame_cnn': FrameCNN({'type': TorchvisionResNet}),
                'matcher': SCANMatcher(),
            }
        )
    return parts.state_dict()


def published_names(part: str, ours: str) -> list[str]:
    """Return the names in a published file for one of our names.

    Args:
        part (str): The file: ``'cnn'``, ``'att'`` or ``'cls'``.
        ours (str): Name in our model.

    Returns:
        list[str]: Empty if the weight is in another file; three names in the
        file of the attention.
    """
    prefixes = NAMES[part]
    matching = [our for our in prefixes.values() if ours.startswith(our)]
    longest = max(matching, key=len, default=None)
    return [
        theirs + ours.removeprefix(our)
        for theirs, our in prefixes.items()
        if our == longest
    ]


def convert(part: str, weights: StateDict, file: str | Path) -> StateDict:
    """Rename the weights of one file and check that it is complete.

    Args:
        part (str): ``'cnn'``, ``'att'`` or ``'cls'``.
        weights (dict[str, Tensor]): As in the file, without ``module.``.
        file (str | Path): Its name, for the message.

    Returns:
        dict[str, Tensor]: Under our names.

    Raises:
        CheckpointError: Weights are missing, unknown or of the wrong shape,
            or the attention's copies of one weight differ.
    """
    found = {k: value for k, value in weights.items() if k not in UNUSED}
    expected_shapes: StateDict = {}
    converted: StateDict = {}
    different = []
    for ours, expected in published_model().items():
        for theirs in published_names(part, ours):
            expected_shapes[theirs] = expected
            if ours.endswith(_BATCHES):
                found.setdefault(theirs, torch.tensor(0))
            value = found.get(theirs)
            if (
                value is not None
                and value.shape == expected.shape
                and not torch.equal(converted.setdefault(ours, value), value)
            ):
                different.append(theirs)
    problems = {
        **compare_weights(expected_shapes, found),
        'unlike the same weight under its first name': different,
    }
    if any(problems.values()):
        raise CheckpointError(
            f'{file} is not the {part} file of a published SCAN: '
            f'{describe_problems(problems)}. Use the file that the '
            'published training wrote (ResNet-50 with flow, 128 features)'
        )
    return converted


def convert_files(cnn: str | Path, att: str | Path, cls: str | Path) -> dict:
    """Merge the three files of a published training into one checkpoint.

    They do not contain the OIM table: it starts at zero if training is
    continued, and evaluation does not need it.

    Args:
        cnn (str | Path): File of the CNN, ``cnn_checkpoint.pth.tar`` or
            ``cnnmodel_best.pth.tar``.
        att (str | Path): File of the attention.
        cls (str | Path): File of the pair classifier.

    Returns:
        dict: ``state_dict`` of a ``SCANRecognizer`` and, in ``meta``, the
        ``published`` epoch and best top-1 (0-1) of each file.

    Raises:
        FileNotFoundError: No such file.
        CheckpointError: A file cannot be read or does not fit.
    """
    weights: StateDict = {}
    published = {}
    for part, file in {'cnn': cnn, 'att': att, 'cls': cls}.items():
        content = load_checkpoint_file(file)
        weights |= convert(part, extract_state_dict(content, file), file)
        published[part] = {
            name: _plain(content[name])
            for name in ('epoch', 'best_top1')
            if name in content
        }
    return {'meta': {'published': published}, 'state_dict': weights}


def _plain(value: object) -> object:
    """Return a plain number for NumPy's or a tensor; None for the rest."""
    if hasattr(value, 'item'):
        try:
            value = value.item()
        except (ValueError, RuntimeError):  # of more than one number
            return None
    return value if isinstance(value, int | float | str) else None
