# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import torch

from mmfashion_ext.tryon.worker_generator import WorkerGenerator


def test_draws_on_until_the_seed_changes():
    torch.manual_seed(3)
    generator = WorkerGenerator()
    first = [generator().integers(1000) for _ in range(4)]
    assert len(set(first)) > 1
    torch.manual_seed(4)
    other = generator().integers(1000)
    torch.manual_seed(3)
    assert [generator().integers(1000) for _ in range(4)] == first
    assert other != first[0]
