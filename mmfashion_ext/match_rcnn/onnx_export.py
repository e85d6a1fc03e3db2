# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Export Match R-CNN to ONNX: three graphs, and what a runtime must know.

``features.onnx`` reads an image and gives feature maps, RPN scores and box
deltas; ``boxes.onnx`` gives category scores and box deltas of proposals;
``items.onnx`` gives masks, landmarks and match features of the detected boxes.
Anchors, box decoding, NMS and mask pasting are done between them, in NumPy, by
:mod:`mmfashion_ext.lite`.
"""

from pathlib import Path
from typing import Any

import torch
from mmdet.models.dense_heads import RPNHead
from mmdet.models.detectors import TwoStageDetector
from mmdet.models.roi_heads.bbox_heads import ConvFCBBoxHead
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from torch import Tensor, nn

from ..errors import UserError
from ..formats.deepfashion2.constants import CATEGORIES
from ..utils.exported import plain, write_model
from ..utils.files import make_folder
from ..utils.onnx_export import export_graph
from .candidate_bbox_head import CandidateSetBBoxHead
from .landmark_head import LandmarkHead
from .match_head import MatchHead
from .onnx_graphs import BoxGraph, FeatureGraph, ItemGraph, extractors_of

#: (h, w) px of the image that is traced.
_EXAMPLE = (128, 192)


def export_onnx(model: nn.Module, folder: str | Path) -> None:
    """Export a model, images of any size, as a folder of graphs.

    Images are (1, 3, h, w); h and w are multiples of the padding's divisor.

    Args:
        model (nn.Module): Detector that ``get_model`` built, on the CPU;
            ``model.cfg`` is its config.
        folder (str | Path): Folder to write, made if missing.

    Raises:
        ImportError: ``onnx`` is not installed.
        UserError: The model has parts that cannot be exported.
    """
    _check(model)
    content = _describe(model)
    folder = Path(folder)
    make_folder(folder)
    num_maps = content['num_maps']
    names = [f'map_{i}' for i in range(num_maps)]
    levels = range(len(content['anchors']))
    features = FeatureGraph(model, num_maps)
    image = torch.rand(1, 3, *_EXAMPLE)
    sides = {
        name: {2: f'h{name}', 3: f'w{name}'} for name in ('image', *names)
    }
    scores = [f'scores_{i}' for i in levels]
    deltas = [f'deltas_{i}' for i in levels]
    export_graph(
        features,
        folder / 'features.onnx',
        {'image': image},
        [*names, *scores, *deltas],
        sides | {x: {0: f'n_{x}'} for x in (*scores, *deltas)},
        'Match R-CNN, from an image to feature maps and RPN outputs',
    )
    with torch.no_grad():
        maps = dict(zip(names, features(image), strict=False))
    inputs = {'boxes': _example_boxes(model), **maps}
    rows = {0: 'boxes'}
    outputs = ['scores', 'labels', 'deltas']
    export_graph(
        BoxGraph(model.roi_head),
        folder / 'boxes.onnx',
        inputs,
        outputs,
        sides | dict.fromkeys(('boxes', *outputs), rows),
        'Match R-CNN, from proposals to category scores and box deltas',
    )
    items = ItemGraph(model.roi_head)
    if items.outputs:
        labels = torch.arange(len(inputs['boxes'])) % len(CATEGORIES)
        export_graph(
            items,
            folder / 'items.onnx',
            {'boxes': inputs['boxes'], 'labels': labels, **maps},
            items.outputs,
            sides | dict.fromkeys(('boxes', 'labels', *items.outputs), rows),
            'Match R-CNN, from boxes to masks, landmarks and match features',
        )
    write_model(folder, 'match_rcnn', {**content, 'items': items.outputs})


def _example_boxes(model: nn.Module) -> Tensor:
    """Return boxes (R, 4) to trace with, some of every level."""
    levels = [2.0**i for i in range(-2, 5)]
    finest = {x.finest_scale for x in extractors_of(model.roi_head).values()}
    sides = torch.tensor([scale * f for scale in levels for f in finest])
    sides = sides.repeat(2)
    return torch.stack((sides * 0, sides * 0, sides, sides), dim=1)


def _describe(model: nn.Module) -> dict[str, Any]:
    """Return what the runtime reads from ``model.json``."""
    roi_head, rpn, prep = (
        model.roi_head,
        model.rpn_head,
        model.data_preprocessor,
    )
    rcnn_cfg, rpn_cfg = model.test_cfg.rcnn, model.test_cfg.rpn
    match_head = getattr(roi_head, 'match_head', None)
    similarity = match_head.similarity() if match_head is not None else None
    return {
        'name': Path(model.cfg.filename or 'model').stem,
        'categories': [category.name for category in CATEGORIES],
        'input': {
            'scale': _scale(model),
            'mean': plain(prep.mean.flatten()),
            'std': plain(prep.std.flatten()),
            'to_rgb': bool(prep._channel_conversion),
            'divisor': int(prep.pad_size_divisor),
            'pad_value': float(prep.pad_value),
        },
        'num_maps': max(
            x.num_inputs for x in extractors_of(roi_head).values()
        ),
        'anchors': plain(rpn.prior_generator.base_anchors),
        'strides': plain(rpn.prior_generator.strides),
        'rpn': {
            **_coder(rpn.bbox_coder),
            'nms_pre': int(rpn_cfg.get('nms_pre', -1)),
            'max_per_img': int(rpn_cfg.max_per_img),
            'iou_threshold': float(rpn_cfg.nms.iou_threshold),
            'min_bbox_size': float(rpn_cfg.get('min_bbox_size', -1)),
        },
        'rcnn': {
            **_coder(roi_head.bbox_head.bbox_coder),
            'score_thr': float(rcnn_cfg.score_thr),
            'max_per_img': int(rcnn_cfg.max_per_img),
            'iou_threshold': float(rcnn_cfg.nms.iou_threshold),
            'mask_thr': float(rcnn_cfg.get('mask_thr_binary', 0.5)),
        },
        'match_similarity': similarity
        and {
            'weight': plain(similarity.weight),
            'bias': plain(similarity.bias),
        },
    }


def _coder(coder: DeltaXYWHBBoxCoder) -> dict[str, list[float]]:
    """Return the means and standard deviations (4,) of box deltas."""
    return {'means': plain(coder.means), 'stds': plain(coder.stds)}


def _scale(model: nn.Module) -> list[int]:
    """Return the size that images are resized to fit into, (2,) px."""
    pipeline = model.cfg.test_dataloader.dataset.pipeline
    known = ('LoadImageFromFile', 'LoadClothes', 'LoadAnnotations')
    steps = [
        (transform['type'].rpartition('.')[2], transform)
        for transform in pipeline
    ]
    steps = [(name, step) for name, step in steps if name not in known]
    names = [name for name, _ in steps]
    if names not in (
        ['ResizeClothes', 'PackClothes'],
        ['Resize', 'PackDetInputs'],
    ):
        raise UserError(
            'exporting to ONNX needs a test pipeline of ResizeClothes and '
            f'PackClothes, got {", ".join(names)}'
        )
    resize = steps[0][1]
    plain_resize = {'type', 'scale', 'keep_ratio'} >= {*resize}
    if not plain_resize or not resize.get('keep_ratio'):
        raise UserError(
            'exporting to ONNX needs a resize by scale and keep_ratio=True, '
            f'got {dict(resize)}'
        )
    return list(resize['scale'])


def _check(model: nn.Module) -> None:
    """Refuse parts that the graphs or the runtime do not have."""
    problems = []
    if not isinstance(model, TwoStageDetector):
        raise UserError(
            'exporting to ONNX needs a two-stage detector such as Match '
            f'R-CNN, got {type(model).__name__}'
        )
    roi_head, rpn = model.roi_head, model.rpn_head
    if type(rpn) is not RPNHead or not rpn.use_sigmoid_cls:
        problems.append(f'an RPN {type(rpn).__name__}')
    box_head = roi_head.bbox_head
    plain_head = isinstance(box_head, ConvFCBBoxHead | CandidateSetBBoxHead)
    if not plain_head or box_head.custom_cls_channels:
        problems.append(f'a box head {type(box_head).__name__}')
    coders: tuple[Any, ...] = (
        rpn.bbox_coder,
        getattr(box_head, 'bbox_coder', None),
    )
    for coder in coders:
        if type(coder) is not DeltaXYWHBBoxCoder or coder.add_ctr_clamp:
            problems.append(f'a box coder {type(coder).__name__}')
    if roi_head.with_mask and not isinstance(roi_head.mask_head, FCNMaskHead):
        problems.append(f'a mask head {type(roi_head.mask_head).__name__}')
    kinds = {'landmark': LandmarkHead, 'match': MatchHead}
    for name, head in getattr(roi_head, 'streams', {}).items():
        if type(head) is not kinds.get(name):
            problems.append(f'a head {name} ({type(head).__name__})')
    for name, extractor in extractors_of(roi_head).items():
        if type(extractor) is not SingleRoIExtractor or any(
            type(layer).__name__ != 'RoIAlign' or layer.pool_mode != 'avg'
            for layer in extractor.roi_layers
        ):
            problems.append(f'RoI features {name} not of RoIAlign')
    for stage in ('rpn', 'rcnn'):
        nms = dict(model.test_cfg[stage].nms)
        if nms.pop('type', 'nms') != 'nms' or {*nms} != {'iou_threshold'}:
            problems.append(f'test_cfg.{stage}.nms = {nms}')
    if problems:
        raise UserError(
            f'cannot be exported to ONNX: {"; ".join(problems)}. Use the '
            'parts of the configs of this package'
        )
