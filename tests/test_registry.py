# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Registries find a class by importing the system that exports it."""

import pytest
from mmengine.registry import MODELS as MMENGINE_MODELS

from mmfashion_ext import plugins, registry

pytestmark = pytest.mark.skipif(
    'tryon' not in plugins.installed_systems(), reason='needs mmcv'
)


def test_a_type_with_our_prefix_is_found_from_any_host():
    found = MMENGINE_MODELS.get('mmfashion_ext.AppearanceFlowWarp')
    assert found is registry.MODELS.get('AppearanceFlowWarp')
    assert found.__module__ == 'mmfashion_ext.tryon.warp_net'


def test_an_unknown_type_imports_nothing_and_is_not_found():
    assert registry.MODELS.get('mmfashion_ext.NoSuchThing') is None
    assert registry.MODELS.get('NoSuchThing') is None


def test_a_type_of_another_scope_is_left_to_it(monkeypatch):
    asked = []
    monkeypatch.setattr(registry, 'import_type', asked.append)
    registry.MODELS.get('mmengine.BaseDataPreprocessor')
    assert asked == []
    registry.MODELS.get('mmfashion_ext.X')
    assert asked == ['X']
