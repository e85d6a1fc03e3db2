# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The fields of the data sample are those that its docstring lists."""

import re

import pytest
import torch

pytest.importorskip('mmengine')
from mmfashion_ext.tryon import TryOnDataSample


@pytest.mark.parametrize('unpaired', [False, True])
def test_predictions_fill_the_fields_it_lists(
    build_student, inputs, tutor_file, unpaired
):
    size = inputs['person'].shape[2:]
    given = inputs | {'flow': torch.zeros(2, 2, *size)}
    if unpaired:
        given['truth'] = inputs['person']
    samples = [
        TryOnDataSample(metainfo={'ori_shape': (50, 30)}) for _ in range(2)
    ]
    model = build_student(tutor_file).eval()
    with torch.no_grad():
        model(given, samples, mode='predict')
    listed = re.findall(r'``(\w+)`` *\((\d), h, w\)', TryOnDataSample.__doc__)
    channels = {name: int(number) for name, number in listed}
    # these two share the shape of the next one in the list
    channels |= {'person': 3, 'cloth': 3}
    expected = set(channels) - (set() if unpaired else {'gt_try_on'})
    assert set(samples[0].keys()) == expected
    for name in expected:
        assert samples[0].get(name).shape == (channels[name], 50, 30), name
