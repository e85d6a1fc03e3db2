# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Cost of the landmark stream in training, relative to mmdet's Mask R-CNN.

Both models come from one config: ours, and the same with mmdet's
``StandardRoIHead``. Their training steps alternate on the same batches in one
process, so that other load on the machine affects both equally.

Example:
    python benchmarks/landmark_overhead.py \
        match-rcnn_r50_fpn_8xb2-1x_deepfashion2 --size 1333 800 --batch 2
"""

import argparse
import logging
import statistics
import time
from copy import deepcopy
from pathlib import Path

import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import InstanceData
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import nn

from mmfashion_ext.formats.deepfashion2.constants import CATEGORIES
from mmfashion_ext.hub import config_path
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json

OURS, PLAIN = 'Match R-CNN', "mmdet's Mask R-CNN"


def build_models(name: str, device: str) -> dict[str, nn.Module]:
    """Build our model and the plain one, both with random weights."""
    config = Config.fromfile(config_path(name)).model
    config.backbone.init_cfg = None
    plain = deepcopy(config)
    plain.roi_head.type = 'StandardRoIHead'
    del plain.roi_head['landmark_head']
    with DefaultScope.overwrite_default_scope('mmdet'):
        models = {OURS: MODELS.build(config), PLAIN: MODELS.build(plain)}
    logging.disable(logging.INFO)  # a line for each parameter
    for model in models.values():
        model.init_weights()
        model.to(device).train()
    return models


def make_batch(
    size: tuple[int, int], num: int, items: int, device: str
) -> tuple[torch.Tensor, list[DetDataSample]]:
    """Return noise images (w, h) px with items at random places."""
    width, height = size
    extent = torch.tensor([width, height])
    samples = []
    for _ in range(num):
        corner = torch.rand(items, 2) * 0.4 * extent
        boxes = torch.cat(
            [corner, corner + (0.3 + torch.rand(items, 2) * 0.3) * extent],
            dim=1,
        )
        labels = torch.randint(len(CATEGORIES), (items,))
        visible = torch.zeros(items, 294, dtype=torch.long)
        masks = torch.zeros(items, height, width, dtype=torch.uint8)
        for i, label in enumerate(labels):
            visible[i, CATEGORIES[label].slice] = 2
            x1, y1, x2, y2 = boxes[i].int()
            masks[i, y1:y2, x1:x2] = 1
        share = torch.rand(items, 294, 2)
        sides = (boxes[:, 2:] - boxes[:, :2])[:, None]
        shapes = ('img_shape', 'pad_shape', 'batch_input_shape')
        sample = DetDataSample(metainfo=dict.fromkeys(shapes, (height, width)))
        sample.gt_instances = InstanceData(
            bboxes=boxes,
            labels=labels,
            masks=BitmapMasks(masks.numpy(), height, width),
            keypoints=boxes[:, None, :2] + share * sides,
            keypoints_visible=visible,
        )
        sample.ignored_instances = InstanceData(
            bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long)
        )
        samples.append(sample.to(device))
    return torch.randn(num, 3, height, width, device=device), samples


def step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: tuple[torch.Tensor, list[DetDataSample]],
    amp: bool,
) -> float:
    """Run one training step; return its seconds."""
    images, samples = batch
    cuda = images.is_cuda
    if cuda:
        torch.cuda.synchronize()
    start = time.perf_counter()
    with torch.autocast(images.device.type, enabled=amp):
        total, _ = model.parse_losses(model.loss(images, deepcopy(samples)))
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
    if cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(args: argparse.Namespace) -> dict[str, float]:
    """Measure both, alternating; see the module."""
    torch.manual_seed(0)
    models = build_models(args.config, args.device)
    optimizers = {
        name: torch.optim.SGD(model.parameters(), lr=1e-4)
        for name, model in models.items()
    }
    seconds = {name: [] for name in models}
    memory = dict.fromkeys(models, 0.0)
    for i in track(range(args.warmup + args.steps), 'steps of both'):
        batch = make_batch(args.size, args.batch, args.items, args.device)
        for name, model in models.items():
            if args.device.startswith('cuda'):
                torch.cuda.reset_peak_memory_stats()
            taken = step(model, optimizers[name], batch, args.amp)
            if args.device.startswith('cuda'):
                peak = torch.cuda.max_memory_allocated() / 2**30
                memory[name] = max(memory[name], peak)
            if i >= args.warmup:
                seconds[name].append(taken)
    ratios = [a / b for a, b in zip(*seconds.values(), strict=True)]
    result = {
        f'{name}, s a step': statistics.median(taken)
        for name, taken in seconds.items()
    }
    result['ratio, median of pairs'] = statistics.median(ratios)
    result['ratio, lowest'], result['ratio, highest'] = (
        min(ratios),
        max(ratios),
    )
    if args.device.startswith('cuda'):
        result |= {f'{k}, GiB at most': v for k, v in memory.items()}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='name of a model or a config file')
    parser.add_argument(
        '--size', type=int, nargs=2, default=(1333, 800), metavar=('W', 'H')
    )
    parser.add_argument('--batch', type=int, default=2)
    parser.add_argument('--items', type=int, default=2, help='per image')
    parser.add_argument('--steps', type=int, default=10)
    parser.add_argument('--warmup', type=int, default=2)
    parser.add_argument('--amp', action='store_true')
    parser.add_argument(
        '--device', default='cuda' if torch.cuda.is_available() else 'cpu'
    )
    parser.add_argument('--out', type=Path, help='also write a JSON file')
    args = parser.parse_args()
    result = measure(args)
    table = Table('', 'value', title=f'{args.config}, {args.device}')
    for name, value in result.items():
        table.add_row(name, f'{value:.3f}')
    Console().print(table)
    if args.out:
        write_json(args.out, result)


if __name__ == '__main__':
    run_tool(main)
