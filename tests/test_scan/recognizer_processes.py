# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A step of training, run by test_recognizer.py in one or two processes.

    python recognizer_processes.py OUT STORE RANK WORLD_SIZE

Process r of N has its N-th part of eight clips; one process has all. Writes
what each process has after the backward pass, in the order of the ranks.
STORE is a file through which the processes find each other.
"""

import sys

import torch
from mmengine.dist import all_gather_object
from mmengine.model import MMDistributedDataParallel

from mmfashion_ext.scan.backbone import TorchvisionResNet
from mmfashion_ext.scan.frame_cnn import FrameCNN
from mmfashion_ext.scan.losses import OIMLoss, PairLoss
from mmfashion_ext.scan.matcher import SCANMatcher
from mmfashion_ext.scan.recognizer import SCANRecognizer
from mmfashion_ext.scan.structures import ClipDataSample

LABELS = [0, 0, 1, 1, 2, 2, 0, 0]


def recognizer():
    torch.manual_seed(0)
    backbone = dict(type=TorchvisionResNet, depth=10, base_channels=2)
    model = SCANRecognizer(
        dict(type=FrameCNN, backbone=backbone, raw_channels=16, channels=4),
        dict(type=SCANMatcher, raw_channels=16, channels=4),
        dict(type=OIMLoss, num_classes=3, channels=4),
        dict(type=PairLoss),
    )
    model.init_weights()
    torch.nn.init.normal_(model.matcher.classifier.linear.weight)
    model.oim_loss.table.normal_()
    return model.double().train()


def main(out, store=None, rank=0, world_size=1):
    rank, world_size = int(rank), int(world_size)
    if store:
        torch.distributed.init_process_group(
            'gloo', f'file://{store}', rank=rank, world_size=world_size
        )
    module = model = recognizer()
    module.frame_cnn.eval()
    if world_size > 1:
        model = MMDistributedDataParallel(module, broadcast_buffers=False)
    size = len(LABELS) // world_size
    part = slice(rank * size, (rank + 1) * size)
    clips = torch.randn(2, len(LABELS), 3, 3, 16, 8).double()
    samples = [ClipDataSample(metainfo={'label': n}) for n in LABELS[part]]
    inputs = dict(img=clips[0, part], flow=clips[1, part])
    losses = model(inputs, samples, mode='loss')
    sum(losses[name] for name in ('loss_oim', 'loss_pair')).backward()
    found = {
        'loss_pair': losses['loss_pair'].detach(),
        'pair_acc': losses['pair_acc'],
        **{name: p.grad for name, p in module.named_parameters()},
        **dict(module.named_buffers()),
    }
    all_found = all_gather_object(found)
    if rank == 0:
        torch.save(all_found, out)


if __name__ == '__main__':
    main(*sys.argv[1:])
