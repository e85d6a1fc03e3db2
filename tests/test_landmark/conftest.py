# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Fixtures of the landmark tests: default scope and log."""

import logging

import pytest


@pytest.fixture
def scope(own_default_scope):
    """The default scope of mmpose's runners."""
    from mmengine.registry import init_default_scope

    init_default_scope('mmpose')


@pytest.fixture
def log(caplog):
    """The text that MMEngine's logger printed."""
    from mmengine.logging import MMLogger

    logger = MMLogger.get_instance('landmark')
    MMLogger._instance_dict.move_to_end('landmark')
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.INFO)
    yield caplog
    logger.removeHandler(caplog.handler)
