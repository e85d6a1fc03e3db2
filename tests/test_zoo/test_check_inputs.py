# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from pathlib import Path

import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.plugins import SYSTEMS
from mmfashion_ext.zoo.check_inputs import check_inputs


@pytest.mark.parametrize('system', SYSTEMS)
def test_as_many_as_asked_for(system, tmp_path):
    inputs = check_inputs(system, tmp_path / 'a', 2)
    counts = [len(side) for side in inputs]
    assert counts == {'scan': [1, 2], 'tryon': [2] * 3}.get(system, [2])
    paths = [Path(path) for side in inputs for path in side]
    assert all(p.is_dir() if system == 'scan' else p.is_file() for p in paths)
    if system == 'tryon':
        stems = [[Path(p).stem[:6] for p in side] for side in inputs]
        assert stems == [
            *(['000001', '000002'], ['000002', '000001']),
            ['000002', '000001'],
        ]


def test_none(tmp_path):
    with pytest.raises(UserError, match='must be positive, got 0'):
        check_inputs('tryon', tmp_path, 0)
