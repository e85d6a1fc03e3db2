# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Pretrained networks of metrics: LPIPS, and checks of files and packages."""

import re
from pathlib import Path
from typing import Literal

from torch import nn

from ..errors import UserError
from ..utils.checkpoint import (
    CheckpointError,
    extract_state_dict,
    load_checkpoint_file,
)

#: ImageNet weights of LPIPS's networks, as torchvision publishes them.
_LPIPS_URLS = {
    'alex': 'https://download.pytorch.org/models/alexnet-owt-7be5be79.pth',
    'vgg': 'https://download.pytorch.org/models/vgg16-397923af.pth',
    'squeeze': 'https://download.pytorch.org/models/'
    'squeezenet1_1-b8a52dc0.pth',
}


def build_lpips(
    checkpoint: str, net: Literal['alex', 'vgg', 'squeeze'] = 'alex'
) -> nn.Module:
    """Build LPIPS, which compares images (N, 3, h, w), RGB in [-1, 1].

    Its linear layers come with torchmetrics, the network below them is
    torchvision's.

    Args:
        checkpoint (str): File with torchvision's ImageNet weights of ``net``.
        net (str): ``'alex'``, ``'vgg'`` (VGG16) or ``'squeeze'``.

    Raises:
        UserError: The file is missing, another ``net``, or torchmetrics is
            not installed.
        CheckpointError: The file has other weights.
    """
    require_torchmetrics('LPIPS')
    from torchmetrics.functional.image.lpips import _NoTrainLpips

    if net not in _LPIPS_URLS:
        raise UserError(
            f'net of LPIPS must be among {", ".join(_LPIPS_URLS)}, got {net}'
        )
    path = require_file('LPIPS', checkpoint, _LPIPS_URLS[net])
    lpips = _NoTrainLpips(net=net, pnet_rand=True)  # rand: no download
    weights = extract_state_dict(load_checkpoint_file(path), path)
    # slice2.3.weight, or squeezenet's slices.1.3.squeeze.weight
    source_names = {
        name: re.sub(r'^slices?\.?\d+', 'features', name)
        for name in lpips.net.state_dict()
    }
    try:
        lpips.net.load_state_dict(
            {name: weights[source] for name, source in source_names.items()}
        )
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(
            f'{checkpoint}: not the weights of {net} for LPIPS ({error}). '
            f'Get {_LPIPS_URLS[net]}'
        ) from None
    return lpips


def require_torchmetrics(metric: str) -> None:
    """Check that torchmetrics is installed.

    Args:
        metric (str): Name of the metric that needs it.

    Raises:
        UserError: torchmetrics is not installed.
    """
    try:
        import torchmetrics  # noqa: F401
    except ImportError as error:
        raise UserError(
            f'{metric} needs torchmetrics, which is not installed ({error}). '
            "Run: pip install 'mmfashion_ext[tryon]', or remove the metric "
            'from the evaluator'
        ) from None


def require_file(metric: str, path: str, url: str) -> Path:
    """Return the path of a metric's weights.

    Args:
        metric (str): Name of the metric, for the message.
        path (str): The file; ``~`` is expanded.
        url (str): Where to download it.

    Raises:
        UserError: The file does not exist.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise UserError(
            f'{metric}: the weights {path!r} do not exist, and nothing is '
            'downloaded automatically. Run: '
            f'curl -L --create-dirs -o {path} {url}'
        )
    return file
