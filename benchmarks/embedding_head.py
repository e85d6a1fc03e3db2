# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
r"""Embedding head against match network, on the same pairs and RoI features.

The detector stays as it is, so the RoI features of each image are computed
once. Both heads then learn from the same batches of pairs, for the same number
of steps, from several seeds, and are tested by the consumer-to-shop protocol
with detected and with true boxes. A third row is the embedding whose best k
are ordered anew by the match network.

Example (synthetic clothes in photographed cloth, as the config's head says):
    python benchmarks/embedding_head.py --data data/synthetic_deepfashion2 \
        --train 800 --val 500 --steps 300 --seeds 0 1 2 --out embedding.json
"""

import argparse
import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import report
import torch
from mmdet.structures import DetDataSample
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, DefaultScope
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn

from mmfashion_ext.hub import get_model, model_name, published_weights
from mmfashion_ext.match_rcnn import EmbeddingHead, MatchHead, RetrievalMetric
from mmfashion_ext.match_rcnn.match_roi_sampling import sample_match_rois
from mmfashion_ext.match_rcnn.roi_stream_head import RoIFeatures
from mmfashion_ext.match_rcnn.sampler import find_pairs
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import write_json

TOPS = ('top-1', 'top-5', 'top-10', 'top-20')
#: Rows of the table -> arguments of RetrievalMetric.
ROWS = {
    'match network': {'field': 'match'},
    'embedding': {'field': 'embedding'},
    'embedding, re-ranked': {
        'field': 'embedding',
        'rerank_field': 'match',
        'rerank_k': 20,
    },
}


@dataclass
class TrainingImage:
    """RoIs of an image that overlap an identified garment.

    Attributes:
        feats (Tensor): (R, C, 7, 7).
        identities (Tensor): (R, 3) int64: pair id, style, 1 for a user's.
    """

    feats: Tensor
    identities: Tensor


@dataclass
class TestImage:
    """Items of an image: detected ones, or the annotated ones.

    Attributes:
        sample (dict): ``img_id``, ``source``.
        items (dict[str, Tensor]): ``bboxes`` (n, 4) xyxy px, ``scores`` (n,),
            ``labels`` (n,).
        feats (Tensor): (n, C, 7, 7).
    """

    sample: dict[str, Any]
    items: dict[str, Tensor]
    feats: Tensor


def build_dataset(root: Path, split: str, num: int, size: int) -> Any:
    """Return the first ``num`` images of a split, resized."""
    pipeline = [
        dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
        dict(type='mmfashion_ext.LoadClothes'),
        dict(
            type='mmfashion_ext.ResizeClothes',
            scale=(size, size),
            keep_ratio=True,
        ),
        dict(type='mmfashion_ext.PackClothes'),
    ]
    with DefaultScope.overwrite_default_scope('mmdet'):
        return DATASETS.build(
            dict(
                type='mmfashion_ext.DeepFashion2Dataset',
                data_root=f'{root}/',
                ann_file=f'annotations/{split}.json',
                data_prefix=dict(img=f'{split}/image/'),
                pipeline=pipeline,
                indices=num,
                filter_cfg=None,
            )
        )


class Reader:
    """Read the RoI features of images, once."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model.eval()

    @torch.no_grad()
    def maps(
        self, data: dict
    ) -> tuple[RoIFeatures, tuple[Tensor, ...], DetDataSample]:
        """Return RoI features, feature maps and the sample of an image."""
        batch = self.model.data_preprocessor(pseudo_collate([data]))
        x = self.model.extract_feat(batch['inputs'])
        feats = RoIFeatures(x, self.model.roi_head.roi_extractors)
        return feats, x, batch['data_samples'][0]

    @torch.no_grad()
    def training(self, data: dict) -> TrainingImage:
        """Return RoIs that the RPN proposes on garments with a style."""
        feats, x, sample = self.maps(data)
        (proposed,) = self.model.rpn_head.predict(x, [sample], rescale=False)
        rois = sample_match_rois(
            [proposed.bboxes],
            [sample.gt_instances],
            [sample],
            iou_thr=0.7,
            num=8,
            with_landmarks=False,
            fill=False,
        )
        found = feats.read('class', rois.boxes)
        return TrainingImage(found[rois.index], rois.identities)

    @torch.no_grad()
    def testing(self, data: dict) -> dict[str, TestImage]:
        """Return the items of an image, ``detected`` and ``true``."""
        feats, x, sample = self.maps(data)
        meta = {'img_id': sample.img_id, 'source': sample.source}
        scale = sample.gt_instances.bboxes.new_tensor(
            [*sample.scale_factor] * 2
        )
        truth = sample.gt_instances
        proposals = self.model.rpn_head.predict(x, [sample], rescale=False)
        (found,) = self.model.roi_head.predict(
            x, proposals, [sample], rescale=False
        )
        result = {}
        for name, boxes, scores, labels in (
            ('detected', found.bboxes, found.scores, found.labels),
            (
                'true',
                truth.bboxes,
                torch.ones(len(truth.bboxes)),
                truth.labels,
            ),
        ):
            kept = scores >= 0.05
            items = {
                'bboxes': boxes[kept] / scale,
                'scores': scores[kept],
                'labels': labels[kept],
            }
            result[name] = TestImage(
                meta, items, feats.read('class', [boxes[kept]])
            )
        return result


def make_heads(channels: int, garments: int, seed: int) -> dict[str, Any]:
    """Return both heads with the same convolutions."""
    torch.manual_seed(seed)
    size = dict(
        in_channels=channels,
        conv_channels=(64, 64, 64, 256),
        out_channels=64,
    )
    heads = {
        'match': MatchHead(**size),
        'embedding': EmbeddingHead(
            **size, num_identities=garments, field='embedding'
        ),
    }
    for head in heads.values():
        head.init_weights()
    # the same start of what both have
    shared = {
        k: v
        for k, v in heads['match'].state_dict().items()
        if k.startswith(('trunks', 'fc.'))
    }
    heads['embedding'].load_state_dict(shared, strict=False)
    return heads


def train(
    heads: dict[str, Any],
    images: dict[int, TrainingImage],
    pairs: dict[int, list[int]],
    args: argparse.Namespace,
    seed: int,
) -> dict[str, float]:
    """Train both heads on the same batches; return CPU seconds of each."""
    rng = np.random.default_rng(seed)
    users = sorted(pairs)
    optimizers = {
        name: torch.optim.AdamW(head.parameters(), args.lr, weight_decay=0.01)
        for name, head in heads.items()
    }
    seconds: dict[str, float] = defaultdict(float)
    for step in track(range(args.steps), f'training, seed {seed}'):
        chosen = rng.choice(users, min(args.pairs, len(users)), replace=False)
        batch = []
        for user in chosen.tolist():
            batch += [images[user], images[int(rng.choice(pairs[user]))]]
        feats = torch.cat([image.feats for image in batch])
        identities = torch.cat([image.identities for image in batch])
        index = torch.arange(len(feats))
        warm = min((step + 1) / 20, 1)
        rate = warm * 0.5 * (1 + math.cos(math.pi * step / args.steps))
        for name, head in heads.items():
            start = time.process_time()
            losses = head.train().loss_by_feat(
                {'class': feats}, index, identities
            )
            optimizers[name].param_groups[0]['lr'] = args.lr * rate
            optimizers[name].zero_grad()
            sum(v for k, v in losses.items() if 'loss' in k).backward()
            optimizers[name].step()
            seconds[name] += time.process_time() - start
    return dict(seconds)


@torch.no_grad()
def test(
    heads: dict[str, Any], images: Sequence[TestImage], ann_file: str
) -> dict[str, dict[str, float]]:
    """Return row -> metrics of the consumer-to-shop protocol."""
    samples = []
    for image in images:
        vectors, similarities = {}, {}
        for name, head in heads.items():
            found = head.eval()({'class': image.feats})
            vectors[f'{name}_features'] = found
            pair = head.similarity()
            similarities[f'{name}_similarity'] = {
                'weight': pair.weight,
                'bias': pair.bias,
            }
        samples.append(
            {
                **image.sample,
                **similarities,
                'pred_instances': {**image.items, **vectors},
            }
        )
    results = {}
    for row, options in ROWS.items():
        metric = RetrievalMetric(ann_file, **options)
        metric.process({}, samples)
        found = metric.compute_metrics(metric.results)
        results[row] = {k.rpartition('/')[2]: v for k, v in found.items()}
    return results


def restrict(ann_file: Path, ids: set[int], out: Path) -> str:
    """Write the annotations of some images alone."""
    import json

    content = json.loads(ann_file.read_text())
    content['images'] = [i for i in content['images'] if i['id'] in ids]
    content['annotations'] = [
        a for a in content['annotations'] if a['image_id'] in ids
    ]
    write_json(out, content)
    return str(out)


def show(results: list[dict], title: str) -> None:
    """Print mean and range over the seeds of each row."""
    table = Table('boxes', 'ranked by', *TOPS, title=title)
    for boxes in ('detected', 'true'):
        for row in ROWS:
            cells = []
            for top in TOPS:
                values = [result[boxes][row][top] for result in results]
                cells.append(
                    f'{np.mean(values):.3f} '
                    f'({min(values):.3f}-{max(values):.3f})'
                )
            table.add_row(boxes, row, *cells)
    Console(width=120).print(table)


def run(args: argparse.Namespace) -> None:
    """Read the features, then train and test from each seed."""
    name = args.detector or model_name('match-rcnn:balanced')
    model = get_model(name, args.weights or published_weights(name))
    reader = Reader(model)
    datasets = {
        split: build_dataset(args.data, split, num, args.size)
        for split, num in (('train', args.train), ('validation', args.val))
    }
    torch.manual_seed(0)
    train_set, val_set = datasets['train'], datasets['validation']
    pairs = find_pairs(train_set)
    needed = sorted({*pairs, *(shop for v in pairs.values() for shop in v)})
    images = {
        index: reader.training(train_set[index])
        for index in track(needed, 'features of the training images')
    }
    tests: dict[str, list[TestImage]] = defaultdict(list)
    for index in track(range(len(val_set)), 'features of the test images'):
        for boxes, image in reader.testing(val_set[index]).items():
            tests[boxes].append(image)
    ids = {image.sample['img_id'] for image in tests['true']}
    garments = len(
        torch.cat([i.identities[:, :2] for i in images.values()]).unique(dim=0)
    )
    channels = next(iter(images.values())).feats.shape[1]
    args.work.mkdir(parents=True, exist_ok=True)
    ann_file = restrict(
        args.data / 'annotations' / 'validation.json',
        ids,
        args.work / 'validation.json',
    )
    results = []
    for seed in args.seeds:
        heads = make_heads(channels, garments, seed)
        seconds = train(heads, images, pairs, args, seed)
        results.append(
            {
                'seed': seed,
                'seconds': seconds,
                **{
                    boxes: test(heads, found, ann_file)
                    for boxes, found in tests.items()
                },
            }
        )
        print(results[-1], flush=True)
    first = results[0]['true']['embedding']
    show(
        results,
        f'{len(images)} training images, {len(pairs)} pairs, {args.steps} '
        f'steps, {len(results)} seeds; {len(val_set)} test images, '
        f'{first["query_num"]:.0f} queries: mean (lowest-highest)',
    )
    if args.out:
        settings = {k: str(v) for k, v in vars(args).items() if k != 'out'}
        write_json(args.out, {'results': results, **settings})


def main() -> None:
    parser = report.parser(__doc__)
    parser.add_argument(
        '--data',
        type=Path,
        required=True,
        help='synthetic DeepFashion2, with annotations/',
    )
    parser.add_argument('--detector', help='default: the published one')
    parser.add_argument('--weights', help='of the detector')
    parser.add_argument('--size', type=int, default=256, help='px')
    parser.add_argument('--train', type=int, default=800, help='images')
    parser.add_argument('--val', type=int, default=500, help='images')
    parser.add_argument('--steps', type=int, default=300)
    parser.add_argument('--pairs', type=int, default=8, help='of a step')
    parser.add_argument('--lr', type=float, default=0.001)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument(
        '--work', type=Path, default=Path('work_dirs/embedding_head')
    )
    run(parser.parse_args())


if __name__ == '__main__':
    run_tool(main)
