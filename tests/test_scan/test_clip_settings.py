# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import inspect

import pytest

from mmfashion_ext.scan.clip_settings import ClipSettings
from mmfashion_ext.scan.dataset import VideoReIDDataset


def test_defaults_are_those_of_the_dataset():
    # else a video is cut into other clips than the test's
    found = ClipSettings.of({})
    defaults = inspect.signature(VideoReIDDataset).parameters
    for name in ('clip_length', 'stride', 'last'):
        assert getattr(found, name) == defaults[name].default, name
    assert found.flow == 'farneback'
    assert found.crop_size == (128, 64)


@pytest.mark.parametrize('flow', [True, False])
def test_what_a_config_says(flow):
    found = ClipSettings.of(
        {
            'clip_length': 4,
            'stride': 2,
            'last': 'include',
            'flow': flow,
            'metainfo': {'flow_method': 'dis', 'frame_size': [64, 32]},
        }
    )
    expected = ClipSettings(4, 2, 'include', 'dis' if flow else None, (64, 32))
    assert found == expected
