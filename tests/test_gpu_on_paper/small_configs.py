# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Every config of the zoo at narrow width, on a few small images.

Models keep their layers and data their pipelines; channels are divided, sizes
of inputs reduced, and files that would be downloaded or trained first are
left out or drawn at random.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from mmfashion_ext import hub

#: Input of landmark models (w, h) px, and of the other systems (h, w) px.
LANDMARK_INPUT = (64, 96)
CLIP_SIZE = (64, 32)
TRYON_SIZE = (64, 48)
#: (long edge, short edge) px
DETECTION_SCALE = (96, 96)


@dataclass
class Data:
    """Roots of small datasets.

    Attributes:
        deepfashion2 (Path): With ``annotations/``, and ``groups.json`` in the
            categories of the photographs.
        fld (Path): With ``annotations/``.
        video_reid (Path): Converted, of four persons.
        viton (Path): Training and test pairs of people.
        photos (Path): Pairs made of photographs.
    """

    deepfashion2: Path | None = None
    fld: Path | None = None
    video_reid: Path | None = None
    viton: Path | None = None
    photos: Path | None = None


def nodes(value):
    """Every dict in a config."""
    if isinstance(value, dict):
        yield value
    children = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list | tuple):
        for child in children:
            yield from nodes(child)


def system_of(name):
    """Folder of a config: the system it belongs to."""
    path = Path(hub.config_path(name))
    return path.relative_to(hub.root() / 'configs').parts[0]


def divided(value, by):
    """Channels (a number, or several) divided, at least 8."""
    if isinstance(value, int):
        return max(8, value // by)
    return [divided(part, by) for part in value]


def narrow_match_rcnn(cfg):
    """A quarter of the channels."""
    model, by = cfg.model, 4
    if model.backbone.type == 'mmfashion_ext.TimmBackbone':
        return
    if model.backbone.get('depth') == 18:  # narrow already
        return
    if model.backbone.type == 'ResNet':
        model.backbone.update(base_channels=16, stem_channels=16)
    elif model.backbone.type == 'SwinTransformer':
        model.backbone.embed_dims = 24
    else:
        model.backbone.arch = dict(
            depths=[1, 1, 2, 1], channels=[24, 48, 96, 192]
        )
    heads = [model.neck, model.rpn_head, *nodes(model.roi_head)]
    for node in heads:
        for key in (
            *('in_channels', 'out_channels', 'feat_channels'),
            *('conv_channels', 'conv_out_channels', 'fc_out_channels'),
        ):
            if node.get(key):
                node[key] = divided(node[key], by)
    if model.roi_head.get('match_head'):
        model.roi_head.match_head.update(
            in_channels=64, conv_channels=(64, 64, 64, 256), out_channels=64
        )


def narrow_landmark(cfg):
    """A quarter of the channels, inputs of 64 x 96 px."""
    model, by = cfg.model, 4
    backbone, head = model.backbone, model.head
    if backbone.type == 'mmpose.ResNet' and backbone.depth == 50:
        backbone.update(base_channels=16, stem_channels=16)
    elif backbone.type == 'mmpose.HRNet':
        for stage in backbone.extra.values():
            stage.num_channels = divided(stage.num_channels, by)
    elif backbone.type == 'mmpose.CSPNeXt':
        backbone.widen_factor /= by
    elif backbone.type == 'mmpretrain.VisionTransformer':
        backbone.arch.update(
            embed_dims=96, num_heads=4, feedforward_channels=192
        )
    else:
        by = 1
    head.in_channels = divided(head.in_channels, by)
    w, h = LANDMARK_INPUT
    for node in nodes(cfg._cfg_dict):
        if 'input_size' in node:
            node['input_size'] = LANDMARK_INPUT
        if 'heatmap_size' in node:
            node['heatmap_size'] = (w // 4, h // 4)
        if 'in_featuremap_size' in node:
            node['in_featuremap_size'] = (w // 32, h // 32)
        if 'img_size' in node:
            node['img_size'] = (h, w)


def narrow_scan(cfg):
    """A quarter of ResNet-50's channels."""
    if cfg.model.frame_cnn.backbone.type == 'mmpretrain.ResNet':
        cfg.model.frame_cnn.backbone.update(base_channels=16, stem_channels=16)
        cfg.model.frame_cnn.raw_channels = 512
        cfg.model.matcher.raw_channels = 512


def narrow_tryon(cfg):
    """The widths of the small configs."""
    for node in nodes(cfg.model):
        if node.get('type') == 'mmfashion_ext.AppearanceFlowWarp':
            node.update(
                widths=(8, 16, 32, 32, 32),
                channels=32,
                head_channels=(32, 16, 8),
            )
        elif node.get('type') == 'mmfashion_ext.TryOnGenerator':
            node['widths'] = (8, 16, 32, 48, 48)


NARROW = {
    'match_rcnn': narrow_match_rcnn,
    'landmark': narrow_landmark,
    'scan': narrow_scan,
    'tryon': narrow_tryon,
}


def without_files(cfg):
    """Nothing is downloaded, and nothing was trained before."""
    cfg.load_from = None
    cfg.pop('load_from_partial', None)
    for node in nodes(cfg.model):
        if (node.get('init_cfg') or {}).get('type') == 'Pretrained':
            node['init_cfg'] = None
    if cfg.model.get('perceptual'):
        cfg.model.perceptual.update(checkpoint=None, seed=0)


def random_teacher(cfg, folder):
    """Write the tutor of a student with random weights."""
    path = Path(folder) / 'teacher.pth'
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        teacher = MODELS.build(cfg.model.teacher)
    torch.save({'state_dict': teacher.state_dict()}, path)
    cfg.model.teacher_checkpoint = str(path)


def use_data(cfg, data):
    """Let all datasets and metrics read the small data."""
    for node in nodes(cfg._cfg_dict):
        kind = str(node.get('type', '')).rpartition('.')[2]
        if kind in ('DeepFashion2Dataset', 'DeepFashion2LandmarkDataset'):
            split = 'validation' if node.get('test_mode') else 'train'
            node.update(
                data_root=f'{data.deepfashion2}/',
                ann_file=f'annotations/{split}.json',
                data_prefix=dict(img=f'{split}/image/'),
            )
            node.pop('indices', None)
            node.pop('categories', None)
        elif kind == 'CandidateSetDataset':
            split = 'validation' if node.get('test_mode') else 'train'
            node.update(
                data_root=f'{data.deepfashion2}/',
                ann_file=f'groups_{split}.json',
                data_prefix=dict(img=f'{split}/image/'),
            )
        elif kind == 'FLDDataset':
            split = 'val' if node.get('test_mode') else 'train'
            name = f'annotations/fld_{node["subset"]}_{split}.json'
            node.update(data_root=f'{data.fld}/', ann_file=name)
        elif kind == 'VideoReIDDataset':
            node.update(data_root=f'{data.video_reid}/', last='include')
        elif kind == 'TryOnDataset':
            node.update(data_root=f'{data.viton}/', layout='viton')
        elif kind == 'TryOnPhotoPairs':
            node.update(data_root=f'{data.photos}/', size=TRYON_SIZE)
        elif kind == 'ResizeTryOn':
            node['size'] = TRYON_SIZE
        elif kind == 'ResizeClip':
            node['size'] = CLIP_SIZE
        elif kind == 'ResizeClothes':
            node['scale'] = DETECTION_SCALE
        elif kind == 'RandomResize':
            node['scale'] = [(80, 64), DETECTION_SCALE]
        elif kind == 'CCPMetric':
            node['ann_file'] = f'{data.deepfashion2}/groups_validation.json'
        elif kind.endswith('Metric') and 'ann_file' in node:
            path = f'{data.deepfashion2}/annotations/validation.json'
            node['ann_file'] = path


def small_config(name, data, folder):
    """Return a config that trains two steps and validates, in seconds.

    Args:
        name (str): Stem of a config.
        data (Data): What it reads.
        folder (Path): Where the run writes to.
    """
    cfg = Config.fromfile(hub.config_path(name))
    system = system_of(name)
    without_files(cfg)
    NARROW[system](cfg)
    use_data(cfg, data)
    folder.mkdir(parents=True, exist_ok=True)
    if cfg.model.get('teacher'):
        random_teacher(cfg, folder)
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].update(
            batch_size=4 if system == 'scan' else 2,
            num_workers=0,
            persistent_workers=False,
        )
    if cfg.train_cfg.get('type') == 'IterBasedTrainLoop':
        cfg.train_cfg.update(max_iters=2, val_interval=2)
    else:
        cfg.train_cfg.update(max_epochs=1, val_interval=1)
    cfg.default_hooks.checkpoint.update(interval=1)
    cfg.default_hooks.logger.interval = 1
    cfg.log_level = 'ERROR'
    cfg.launcher = 'none'
    cfg.work_dir = str(folder)
    cfg.experiment_name = re.sub(r'\W', '_', '_'.join(folder.parts[-3:]))
    return cfg


def adapt_annotations(root):
    """Make one garment of DeepFashion2's items, and files of groups.

    A few images would not hold a pair of a user and a shop otherwise. The
    files of groups have the categories of the photographs.
    """
    for split in ('train', 'validation'):
        path = root / 'annotations' / f'{split}.json'
        content = json.loads(path.read_text())
        for number, image in enumerate(content['images']):
            image['pair_id'] = 1
            image['source'] = ('user', 'shop')[number % 2]
        for item in content['annotations']:
            item['style'] = item['pair_id'] = 1
        path.write_text(json.dumps(content))
        content['categories'] = [
            {'id': 1, 'name': 'dress'},
            {'id': 2, 'name': 'skirt'},
        ]
        for number, item in enumerate(content['annotations']):
            item['category_id'] = number % 2 + 1
        (root / f'groups_{split}.json').write_text(json.dumps(content))
