# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Export SCAN to ONNX: two graphs, and what a runtime must know.

``clips.onnx`` reads clips and gives embeddings and attention keys of their
frames; ``pairs.onnx`` compares clips by them. Optical flow, the cutting of
clips and the distances of tracklets are computed between them, without
PyTorch, by :mod:`mmfashion_ext.lite`.
"""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import UserError
from ..utils.exported import plain, write_model
from ..utils.files import make_folder
from ..utils.onnx_export import OPSET, export_graph
from .clip_settings import ClipSettings
from .onnx_graphs import ClipGraph, PairGraph
from .recognizer import SCANRecognizer

#: Steps of a test pipeline that the runtime does.
_PIPELINE = ('LoadClip', 'ResizeClip', 'PackClip')
PAIR_INPUTS = (
    *('query_embeddings', 'query_keys'),
    *('gallery_embeddings', 'gallery_keys'),
)


def export_onnx(model: nn.Module, folder: str | Path) -> None:
    """Export a model, any number of clips and frames, as a folder.

    Clips are (B, T, 3, h, w) of the size of the config.

    Args:
        model (nn.Module): Model that ``get_model`` built, on the CPU;
            ``model.cfg`` is its config.
        folder (str | Path): Folder to write, made if missing.

    Raises:
        ImportError: ``onnx`` is not installed.
        UserError: The model or its test pipeline cannot be exported.
    """
    content = _describe(model)
    folder = Path(folder)
    make_folder(folder)
    h, w = content['input']['size']
    kinds = ['img', 'flow'] if content['flow'] else ['img']
    axes = {0: 'clips', 1: 'frames'}
    features = ('embeddings', 'keys')
    export_graph(
        ClipGraph(model),
        folder / 'clips.onnx',
        {kind: torch.rand(2, 3, 3, h, w) for kind in kinds},
        features,
        dict.fromkeys((*kinds, *features), axes),
        'SCAN, from normalised clips to embeddings and keys of their frames',
    )
    channels = model.matcher.channels
    sides = {'query': (2, 3), 'gallery': (4, 5)}
    pairs = {
        name: torch.rand(*sides[name.partition('_')[0]], channels)
        for name in PAIR_INPUTS
    }
    named = {}
    for name in pairs:
        side = name.partition('_')[0]
        named[name] = {0: side, 1: f'frames_{side}'}
    export_graph(
        PairGraph(model.matcher),
        folder / 'pairs.onnx',
        pairs,
        ['distances'],
        {**named, 'distances': {0: 'query', 1: 'gallery'}},
        'SCAN, from features of clips to the probability that two clips show '
        'different people',
    )
    write_model(folder, 'scan', content)


def _describe(model: nn.Module) -> dict[str, Any]:
    """Return what the runtime reads from ``model.json``."""
    if not isinstance(model, SCANRecognizer):
        raise UserError(
            f'exporting to ONNX needs a SCAN model, got {type(model).__name__}'
        )
    dataset = model.cfg.test_dataloader.dataset
    steps = {
        step['type'].rpartition('.')[2]: step for step in dataset.pipeline
    }
    if tuple(steps) != _PIPELINE:
        raise UserError(
            'exporting to ONNX needs a test pipeline of '
            f'{", ".join(_PIPELINE)}, got {", ".join(steps)}'
        )
    trained = ClipSettings.of(dataset)
    prep = model.data_preprocessor
    return {
        'name': Path(model.cfg.filename or 'model').stem,
        'opset': OPSET,
        'input': {
            'size': list(steps['ResizeClip'].get('size', (256, 128))),
            'mean': plain(prep.mean.flatten()),
            'std': plain(prep.std.flatten()),
        },
        'flow': trained.flow if model.frame_cnn.flow else None,
        'clip_length': int(trained.clip_length),
        'stride': int(trained.stride),
        'last': trained.last,
        'crop_size': list(trained.crop_size),
    }
