# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Mistakes planted on purpose are found on the GPU on paper.

Each passes every test on a CPU. Without it the same call passes on this
device, which each case shows first.
"""

import inspect
import textwrap

import pytest
import torch
from torch import nn

from mmfashion_ext.landmark.head import CategoryAware
from mmfashion_ext.match_rcnn import landmark_head
from mmfashion_ext.retrieval import pair_similarity
from mmfashion_ext.retrieval.pair_similarity import PairSimilarity
from mmfashion_ext.runner import build_runner
from mmfashion_ext.scan import OIMLoss
from mmfashion_ext.tryon import FidelityMetric, flow

from .paper_gpu import NAME, DeviceError


def plant(patch, owner, name, right, wrong):
    """Replace a piece of a function's text by a mistake."""
    function = getattr(owner, name)
    source = textwrap.dedent(inspect.getsource(function))
    assert right in source, 'the code has changed: plant another mistake'
    scope = {}
    code = compile(source.replace(right, wrong), f'planted in {name}', 'exec')
    exec(code, inspect.unwrap(function).__globals__, scope)
    patch.setattr(owner, name, scope[name])


def decode():
    rois = torch.tensor([[0.0, 0, 8, 8]], device=NAME)
    landmark_head.decode_landmarks(torch.rand(1, 2, 4, 4).to(NAME), rois)


def search():
    similarity = PairSimilarity(torch.rand(4) - 1, 0.0)
    queries, gallery = torch.rand(2, 4).to(NAME), torch.rand(9, 4)
    found = similarity.search(queries, gallery, 3)
    similarity.rank(queries, gallery, found.indices, 3)


class Mean(nn.Module):
    def forward(self, images):
        return images.float().mean(dim=(2, 3))


def measure():
    metric = FidelityMetric(features=Mean())
    image = torch.rand(3, 4, 4).to(NAME)
    metric.process(None, [{'person': image, 'try_on': image}])


def warp():
    flow.offset_to_grid(torch.rand(1, 2, 4, 4).to(NAME))


MISTAKES = {
    'a tensor made on the CPU in a head': (
        decode,
        (landmark_head, 'decode_landmarks', ', device=logits.device', ''),
        DeviceError,
    ),
    'a tensor made on the CPU in a warp': (
        warp,
        (flow, 'offset_to_grid', ", 'device': offset.device", ''),
        DeviceError,
    ),
    'an index on the wrong side': (
        search,
        (pair_similarity, 'exact_scores', '.to(gallery.device)', ''),
        DeviceError,
    ),
    'a missing .cpu()': (
        measure,
        (FidelityMetric, 'process', '.float().cpu()', '.float()'),
        TypeError,
    ),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_is_caught(case, gpu, monkeypatch):
    run, mistake, error = MISTAKES[case]
    run()
    plant(monkeypatch, *mistake)
    with pytest.raises(error, match=r'CPU|\.cpu\(\)'):
        run()


def test_a_buffer_that_stays_behind(gpu):
    """A tensor as a plain attribute does not move with its module."""
    features = nn.functional.normalize(torch.rand(2, 4)).to(gpu)
    features.requires_grad_()
    labels = torch.tensor([0, 1], device=gpu)
    loss = OIMLoss(channels=4, num_classes=3)
    loss.to(gpu)(features, labels)[0].backward()
    table = loss._buffers.pop('table')
    loss.table = table.cpu()
    with pytest.raises(DeviceError):
        loss(features, labels)


def test_is_caught_in_a_run(gpu, small, monkeypatch):
    """In the middle of a validation, where no unit test would look."""
    plant(
        monkeypatch,
        CategoryAware,
        'predict',
        'rows.to(labels.device)[labels]',
        'rows[labels]',
    )
    name = 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96'
    runner = build_runner(small(name))
    with pytest.raises(DeviceError, match='on the CPU with indices'):
        runner.val()
