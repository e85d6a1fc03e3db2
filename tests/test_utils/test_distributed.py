# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Rows of all processes in one tensor, with their gradients."""

import torch
from torch import distributed

from mmfashion_ext.utils.distributed import gather_rows

SCRIPT = """
import sys
import torch
from torch import distributed
from mmfashion_ext.utils.distributed import gather_rows

store, rank, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
distributed.init_process_group(
    'gloo', init_method=f'file://{store}', rank=rank, world_size=size
)
counts = [3, 0]  # a process may have no rows at all
rows = torch.arange(2.0 * counts[rank]).reshape(-1, 2) + 10 * rank
rows.requires_grad_()
gathered = gather_rows(rows)
assert gathered.tolist() == [[0, 1], [2, 3], [4, 5]], gathered
weights = torch.tensor([[1.0, 2], [3, 4], [5, 6]])
(gathered * weights * (rank + 1)).sum().backward()
# the gradients of the losses of both processes are added up
expected = 3 * weights if rank == 0 else torch.zeros(0, 2)
assert torch.equal(rows.grad, expected), rows.grad
numbers = gather_rows(torch.tensor([rank]))
assert numbers.tolist() == [0, 1]
distributed.destroy_process_group()
"""


def test_one_process_keeps_its_rows():
    assert not distributed.is_initialized()
    rows = torch.ones(2, 3, requires_grad=True)
    assert gather_rows(rows) is rows


def test_rows_and_gradients_of_two_processes(run_ranks, tmp_path):
    script = tmp_path / 'gather.py'
    script.write_text(SCRIPT)
    run_ranks(script)
