# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Export top-down landmark models (heat maps, UDP) to ONNX: two graphs.

``features.onnx`` reads crops of garments and gives features; ``maps.onnx``
gives the heat maps of features, of a category-aware head those of the
garment's category. Crops, the mirrored pass, the guess of a category and the
decoding of heat maps are done in NumPy, by :mod:`mmfashion_ext.lite`.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmpose.codecs import UDPHeatmap
from mmpose.models.heads import HeatmapHead
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import DATASETS
from torch import Tensor, nn

from ..errors import UserError
from ..formats.deepfashion2.constants import CLASS_NAMES, NUM_LANDMARKS
from ..utils.exported import plain, write_model
from ..utils.files import make_folder
from ..utils.host_scope import host_scope
from ..utils.onnx_export import export_graph
from .aggregation import flip_rows
from .head import CategoryHeatmapHead, LabelledFeatures

#: Names of the steps of a test pipeline.
_PIPELINE = ('LoadImage', 'GetBBoxCenterScale', 'TopdownAffine')


class FeatureGraph(nn.Module):
    """Graph from crops to the features that the head reads.

    Args:
        model (TopdownPoseEstimator): The model.
    """

    def __init__(self, model: TopdownPoseEstimator) -> None:
        super().__init__()
        self.model = model

    def forward(self, crops: Tensor) -> Tensor:
        """Compute features (B, C, h', w') of crops (B, 3, h, w)."""
        return self.model.extract_feat(crops)[-1]


class MapGraph(nn.Module):
    """Graph from features to heat maps.

    Args:
        head (HeatmapHead): Plain, or a ``CategoryHeatmapHead``.
    """

    def __init__(self, head: HeatmapHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, feats: Tensor, labels: Tensor | None = None) -> Tensor:
        """Compute heat maps.

        Args:
            feats (Tensor): (B, C, h', w').
            labels (Tensor, optional): (B,) int64, 0..12.

        Returns:
            Tensor: (B, K, H, W); K is 39 with labels, the landmarks of the
            category first.
        """
        if labels is None:
            return self.head((feats,))
        return self.head(LabelledFeatures((feats,), labels))


def export_onnx(model: nn.Module, folder: str | Path) -> None:
    """Export a model, any number of crops, as a folder of graphs.

    Crops are (B, 3, h, w) of the size of the config.

    Args:
        model (nn.Module): Model that ``get_model`` built, on the CPU;
            ``model.cfg`` is its config.
        folder (str | Path): Folder to write, made if missing.

    Raises:
        ImportError: ``onnx`` is not installed.
        UserError: The model has parts that cannot be exported.
    """
    padding = _check(model)
    content = _describe(model, padding)
    folder = Path(folder)
    make_folder(folder)
    w, h = content['input']['size']
    crops = torch.rand(2, 3, h, w)
    batch = {0: 'batch'}
    features = FeatureGraph(model)
    export_graph(
        features,
        folder / 'features.onnx',
        {'crops': crops},
        ['feats'],
        {'crops': batch, 'feats': batch},
        'Landmarks of clothes, from crops to features',
    )
    with torch.no_grad():
        inputs = {'feats': features(crops)}
    if content['labelled']:
        inputs['labels'] = torch.tensor([0, 12])
    export_graph(
        MapGraph(model.head),
        folder / 'maps.onnx',
        inputs,
        ['maps'],
        dict.fromkeys((*inputs, 'maps'), batch),
        'Landmarks of clothes, from features to heat maps',
    )
    write_model(folder, 'landmark', content)


def _describe(model: nn.Module, padding: float) -> dict[str, Any]:
    """Return what the runtime reads from ``model.json``."""
    prep, codec = model.data_preprocessor, model.head.decoder
    with host_scope('mmpose'):
        dataset = {**model.cfg.test_dataloader.dataset, 'lazy_init': True}
        meta = DATASETS.build(dataset).metainfo
    names = list(meta['keypoint_id2name'].values())
    has_categories = len(names) == NUM_LANDMARKS
    labelled = isinstance(model.head, CategoryHeatmapHead)
    partners = np.asarray(meta['flip_indices'])
    trained = meta.get('categories', CLASS_NAMES)
    return {
        'name': Path(model.cfg.filename or 'model').stem,
        'names': names,
        'has_categories': has_categories,
        'category_ids': [CLASS_NAMES.index(name) + 1 for name in trained],
        'labelled': labelled,
        'input': {
            'size': plain(codec.input_size),
            'padding': padding,
            'mean': plain(prep.mean.flatten()),
            'std': plain(prep.std.flatten()),
            'to_rgb': bool(prep._channel_conversion),
            'divisor': 1,
            'pad_value': 0.0,
        },
        'blur_kernel_size': int(codec.blur_kernel_size),
        'flip_test': bool(model.test_cfg.get('flip_test', False)),
        'shift_heatmap': bool(model.test_cfg.get('shift_heatmap', False)),
        'partners': plain(flip_rows(partners) if labelled else partners),
    }


def _check(model: nn.Module) -> float:
    """Refuse what the runtime does not do; return the padding of boxes."""
    if not isinstance(model, TopdownPoseEstimator):
        raise UserError(
            'exporting to ONNX needs a top-down landmark model, got '
            f'{type(model).__name__}'
        )
    head, problems = model.head, []
    codec: Any = getattr(head, 'decoder', None)
    if type(head) not in (HeatmapHead, CategoryHeatmapHead):
        problems.append(f'a head {type(head).__name__}')
    elif type(codec) is not UDPHeatmap or codec.heatmap_type != 'gaussian':
        problems.append(f'a codec {type(codec).__name__}')
    if model.test_cfg.get('flip_mode', 'heatmap') != 'heatmap':
        problems.append(f'flip_mode {model.test_cfg.flip_mode}')
    if model.test_cfg.get('output_keypoint_indices') is not None:
        problems.append('output_keypoint_indices')
    steps = model.cfg.test_dataloader.dataset.pipeline
    names = tuple(step['type'].rpartition('.')[2] for step in steps)
    if names[:-1] != _PIPELINE or not names[-1].startswith('Pack'):
        problems.append(f'a test pipeline of {", ".join(names)}')
    elif not steps[2].get('use_udp'):
        problems.append('TopdownAffine without use_udp=True')
    if problems:
        raise UserError(
            f'cannot be exported to ONNX: {"; ".join(problems)}; heat map '
            'models with UDP can (td-hm-udp_*, td-hm-udp-aggregated_*)'
        )
    return float(steps[1].get('padding', 1.25))
