# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The model of an index: by name or alias, with its fingerprint."""

from mmfashion_ext.scan.video_search.model import video_model


def test_an_alias_is_the_same_model(model):
    other = video_model('scan:balanced', device='cpu')
    assert other.fingerprint == model.fingerprint
    assert other.origin == model.origin
    assert other.infer.crop_size == model.infer.crop_size
