# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Clips become normalised batches."""

import pytest
import torch

from mmfashion_ext.errors import UserError
from mmfashion_ext.scan.data_preprocessor import ClipDataPreprocessor


def test_clips_become_a_normalised_batch():
    preprocessor = ClipDataPreprocessor()
    clips = [torch.full((3, 3, 4, 2), v, dtype=torch.uint8) for v in (0, 255)]
    for inputs in (clips, torch.stack(clips)):
        data = {'inputs': dict(img=inputs, flow=inputs), 'data_samples': 'x'}
        found = preprocessor(data)
        assert found['data_samples'] == 'x'
        img, flow = found['inputs']['img'], found['inputs']['flow']
        assert img.shape == (2, 3, 3, 4, 2)
        assert (img == flow).all()
        for value, clip in zip((0.0, 1.0), img, strict=True):
            expected = [(value - 0.485) / 0.229, (value - 0.456) / 0.224,
                        (value - 0.406) / 0.225]  # fmt: skip
            assert clip[1, :, 2, 1].tolist() == pytest.approx(expected)


@pytest.mark.fault(16)
def test_tensors_of_the_caller_stay_as_they_are():
    """Floats that are stacked already are not copied by a cast."""
    clips = torch.rand(2, 3, 3, 4, 2) * 255
    before = clips.clone()
    found = ClipDataPreprocessor()(dict(inputs=dict(img=clips, flow=clips)))
    assert torch.equal(clips, before)
    assert torch.equal(found['inputs']['img'], found['inputs']['flow'])


def test_clips_of_different_sizes_are_refused():
    clips = [torch.zeros(3, 3, h, 2, dtype=torch.uint8) for h in (4, 5)]
    with pytest.raises(UserError, match=r'one size .*got \[\(3, 3, 4, 2\)'):
        ClipDataPreprocessor()(dict(inputs=dict(img=clips)))


def test_custom_mean_and_std():
    preprocessor = ClipDataPreprocessor(mean=(0, 0.5, 1), std=(1, 2, 4))
    clip = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    (found,) = preprocessor(dict(inputs=dict(img=[clip])))['inputs']['img']
    assert found[0, :, 0, 0].tolist() == pytest.approx([1.0, 0.25, 0.0])
    assert not preprocessor.state_dict()  # checkpoints stay as published
