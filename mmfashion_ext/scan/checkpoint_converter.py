# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The published checkpoints of SCAN, three files, to one of ours.

The files come from PyTorch 0.2: the CNN's names carry the prefix of
``DataParallel``, batch normalisation has no ``num_batches_tracked``, and the
attention's one layer stands under three names. Newer files are read as well.
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
from .backbone import TorchvisionResNet
from .frame_cnn import FrameCNN
from .matcher import SCANMatcher

StateDict = dict[str, Tensor]

#: File -> beginning of its names -> beginning of ours.
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
#: ImageNet's classes, in the file but never run.
UNUSED = ('base.fc.weight', 'base.fc.bias')

_BATCHES = '.num_batches_tracked'


@cache
def published_model() -> StateDict:
    """Our names and shapes of the published model, on no device."""
    with torch.device('meta'):
        parts = nn.ModuleDict(
            {
                'frame_cnn': FrameCNN({'type': TorchvisionResNet}),
                'matcher': SCANMatcher(),
            }
        )
    return parts.state_dict()


def published_names(kind: str, ours: str) -> list[str]:
    """The names in a published file that one of our names has.

    Args:
        kind (str): The file, a key of ``NAMES``.
        ours (str): Name in our model.

    Returns:
        list[str]: None if the weight is in another file, three in the
        attention's.
    """
    fitting = [home for home in NAMES[kind].values() if ours.startswith(home)]
    home = max(fitting, key=len, default=None)
    return [
        theirs + ours.removeprefix(home)
        for theirs, place in NAMES[kind].items()
        if place == home
    ]


def convert(kind: str, weights: StateDict, file: str | Path) -> StateDict:
    """Rename the weights of one file and check that it is complete.

    Args:
        kind (str): ``'cnn'``, ``'att'`` or ``'cls'``.
        weights (dict[str, Tensor]): As in the file, without ``module.``.
        file (str | Path): Its name, for the message.

    Returns:
        dict[str, Tensor]: Under our names.

    Raises:
        CheckpointError: Weights are missing, unknown or of the wrong shape,
            or the attention's copies of one weight differ.
    """
    found = {k: value for k, value in weights.items() if k not in UNUSED}
    wanted, converted = {}, {}
    different = []
    for ours, expected in published_model().items():
        for theirs in published_names(kind, ours):
            wanted[theirs] = expected
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
        **compare_weights(wanted, found),
        'unlike the same weight under its first name': different,
    }
    if any(problems.values()):
        raise CheckpointError(
            f'{file} is not the {kind} file of a published SCAN: '
            f'{describe_problems(problems)}. Take the file that the '
            'published training wrote (ResNet-50 with flow, 128 features)'
        )
    return converted


def convert_files(cnn: str | Path, att: str | Path, cls: str | Path) -> dict:
    """Make one checkpoint of a published training's three files.

    The table of OIM is not among them: it starts at zero if training goes on,
    and evaluation does not need it.

    Args:
        cnn (str | Path): ``cnn_checkpoint.pth.tar`` or
            ``cnnmodel_best.pth.tar``.
        att (str | Path): The attention's.
        cls (str | Path): The classifier's.

    Returns:
        dict: ``state_dict`` of a ``SCANRecognizer`` and, in ``meta``, the
        ``published`` epoch and best top-1 (0-1) of each file.

    Raises:
        FileNotFoundError: No such file.
        CheckpointError: A file cannot be read or does not fit.
    """
    weights: StateDict = {}
    published = {}
    for kind, file in {'cnn': cnn, 'att': att, 'cls': cls}.items():
        content = load_checkpoint_file(file)
        weights |= convert(kind, extract_state_dict(content, file), file)
        published[kind] = {
            name: _plain(content[name])
            for name in ('epoch', 'best_top1')
            if name in content
        }
    return {'meta': {'published': published}, 'state_dict': weights}


def _plain(value: object) -> object:
    """A number that torch.load reads anywhere, not numpy's."""
    return value.item() if hasattr(value, 'item') else value
