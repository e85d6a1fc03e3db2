# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from pathlib import Path

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.plugins import SYSTEMS
from mmfashion_ext.zoo.example_inputs import example_inputs


@pytest.mark.parametrize('system', SYSTEMS)
def test_each_system_has_the_same_example_everywhere(system, tmp_path):
    first = example_inputs(system, tmp_path / 'a')
    second = example_inputs(system, tmp_path / 'b')
    assert first.count == (2 if system == 'scan' else 1)
    assert first.text == second.text
    for one, other in zip(first.inputs, second.inputs, strict=True):
        if system == 'scan':
            assert len([*Path(one[0]).glob('*.png')]) == 32
        else:
            assert one.dtype == np.uint8
            assert one.ndim == 3
            assert np.array_equal(one, other)
    if len(first.inputs) == 2:
        assert not np.array_equal(*first.inputs)


def test_a_system_without_examples(tmp_path):
    with pytest.raises(UserError, match=r"of the system 'colour'.*match_rcnn"):
        example_inputs('colour', tmp_path)
