# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Run by test_match_head.py in two processes: the pair loss of batches.

    python pair_loss_processes.py OUT STORE RANK WORLD_SIZE

Process r of N has its N-th part of each batch; one process has all. Writes
the loss, the gradients and the running statistics of each batch. STORE is a
file through which the processes find each other.
"""

import sys

import torch
from mmengine.dist import get_dist_info
from torch.nn.parallel import DistributedDataParallel

# not from the package, which would import all of mmdet
from mmfashion_ext.match_rcnn.match_head import MatchHead

#: RoIs of user, shop, user, shop; the last two are the second process's.
BATCHES = {
    'ragged': (3, 4, 2, 5),
    'one process has none': (3, 4, 0, 0),
    'one side each': (0, 3, 2, 0),
    'none at all': (0, 0, 0, 0),
    'one RoI': (1, 0, 0, 0),
}
SIZES = {'pose': 6, 'class': 3}


class PairLoss(torch.nn.Module):
    """DistributedDataParallel wants the loss to be the forward pass."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.head = MatchHead('pose+class', 4, (6, 8), 5)
        self.head.init_weights()

    def forward(self, *args):
        return self.head.loss_by_feat(*args)['loss_match']


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


def results(counts):
    """Of one batch, as rank 0 has them."""
    rank, world_size = get_dist_info()
    share = len(counts) // world_size
    model = module = PairLoss().double().train()
    if world_size > 1:
        model = DistributedDataParallel(module)
    images = range(rank * share, (rank + 1) * share)
    feats, order, identities = batch(counts, images)
    feats = {stream: feat.double() for stream, feat in feats.items()}
    loss = model(feats, order, identities)
    loss.backward()
    return {
        'loss': loss.detach(),
        **{name: p.grad for name, p in module.named_parameters()},
        **dict(module.named_buffers()),
    }


def main(out, store=None, rank=0, world_size=1):
    if store:
        torch.distributed.init_process_group(
            *('gloo', f'file://{store}'),
            rank=int(rank),
            world_size=int(world_size),
        )
    found = {case: results(counts) for case, counts in BATCHES.items()}
    if get_dist_info()[0] == 0:
        torch.save(found, out)


if __name__ == '__main__':
    main(*sys.argv[1:])
