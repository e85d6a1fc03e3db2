# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pytest

NAME = 'match-rcnn_r50_fpn_8xb2-1x_deepfashion2'

SMALL = """
_base_ = __import__('mmfashion_ext').config_path({base!r})
model = dict(
    backbone=dict(depth=18, base_channels=8, init_cfg=None),
    neck=dict(in_channels=[8, 16, 32, 64], out_channels=16),
    rpn_head=dict(in_channels=16, feat_channels=16),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=16),
        bbox_head=dict(in_channels=16, fc_out_channels=16),
        mask_roi_extractor=dict(out_channels=16),
        mask_head=dict(in_channels=16, conv_out_channels=8),
        landmark_head=dict(num_convs=1, in_channels=16, conv_channels=8)))
"""


@pytest.fixture
def small(tmp_path):
    """A user's config of a small model that inherits one of ours by name."""
    path = tmp_path / 'my_config.py'
    path.write_text(SMALL.format(base=NAME))
    return str(path)
