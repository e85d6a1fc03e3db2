# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Run by test_match_head.py, also under torchrun: the pair loss of a batch.

    python pair_loss_processes.py OUT COUNT [COUNT ...]

Process r of N has the RoIs of a user and a shop image from COUNT[2r] on; one
process has all. Writes the loss, gradients and running statistics.
"""

import os
import sys

import torch
from mmengine.dist import get_dist_info
from torch.nn.parallel import DistributedDataParallel

from mmfashion_ext.match_rcnn import MatchHead

SIZES = {'pose': 6, 'class': 3}


class PairLoss(torch.nn.Module):
    """DistributedDataParallel wants the loss to be the forward pass."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.head = MatchHead('pose+class', 4, (6, 8), 5)
        self.head.init_weights()

    def forward(self, *args):
        return self.head.loss(*args)['loss_match']


def batch(counts, images):
    """Features and identities of some images; users are the even ones."""
    generator = torch.Generator().manual_seed(1)
    feats = {stream: [] for stream in SIZES}
    identities = []
    for image, count in enumerate(counts):
        for stream, size in SIZES.items():
            feat = torch.randn(count, 4, size, size, generator=generator)
            feats[stream].append(feat)
        name = torch.tensor([[image // 2, 1, image % 2 == 0]])
        identities.append(name.repeat(count, 1))
    chosen = {
        stream: torch.cat([parts[i] for i in images])
        for stream, parts in feats.items()
    }
    identities = torch.cat([identities[i] for i in images])
    return chosen, torch.arange(len(identities)), identities


def main(out, *counts):
    counts = [int(count) for count in counts]
    images = range(len(counts))
    model = module = PairLoss().double().train()
    if 'RANK' in os.environ:
        torch.distributed.init_process_group('gloo')
        rank, world_size = get_dist_info()
        images = images[rank * len(counts) // world_size :]
        images = images[: len(counts) // world_size]
        model = DistributedDataParallel(module)
    feats, order, identities = batch(counts, images)
    feats = {stream: feat.double() for stream, feat in feats.items()}
    loss = model(feats, order, identities)
    loss.backward()
    rank, _ = get_dist_info()
    if rank == 0:
        results = {
            'loss': loss.detach(),
            **{n: p.grad for n, p in module.named_parameters()},
            **dict(module.named_buffers()),
        }
        torch.save(results, out)


if __name__ == '__main__':
    main(*sys.argv[1:])
