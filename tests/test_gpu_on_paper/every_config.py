# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Every config of the zoo on the GPU on paper, at narrow width.

A step or two of training and a validation of each: all optional heads and
losses. Minutes of CPU time, so ``make test`` does not run it:

    make gpu-paper        # or pytest tests/test_gpu_on_paper/every_config.py
"""

import pytest
from mmengine.config import Config

from mmfashion_ext import hub
from mmfashion_ext.registry import MODELS
from mmfashion_ext.runner import build_runner

from .small_configs import nodes

NAMES = sorted(path.stem for path in hub.leaf_configs())


@pytest.mark.parametrize('name', NAMES)
def test_trains_and_validates(name, small, gpu):
    runner = build_runner(small(name))
    runner.train()
    assert {p.device for p in runner.model.parameters()} == {gpu}


def test_every_model_and_loss_is_in_a_config():
    """So what is registered has run, each optional head and loss."""
    used = set()
    for name in NAMES:
        cfg = Config.fromfile(
            hub.config_path(name), import_custom_modules=False
        )
        types = [str(node.get('type', '')) for node in nodes(cfg._cfg_dict)]
        used |= {kind.rpartition('.')[2] for kind in types}
    registered = {
        name
        for name, kind in MODELS.module_dict.items()
        if kind.__module__.startswith('mmfashion_ext.')
    }
    assert registered - used == set()
