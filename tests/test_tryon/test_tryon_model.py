# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Predictions and modes, which tutor and student have in common."""

import pytest
import torch

pytest.importorskip('mmengine')
from mmengine.structures import BaseDataElement

from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon import TryOnDataSample, conditions

H, W = 64, 32


def test_predictions_are_cropped(build_student, inputs, tutor_file):
    model = build_student(tutor_file).eval()
    sizes = [(50, 30), (H, W)]
    samples = [TryOnDataSample(metainfo={'ori_shape': s}) for s in sizes]
    flow = torch.rand(2, 2, H, W)
    with torch.no_grad():
        made = model(inputs | {'flow': flow}, samples, mode='predict')
        composition, result = model(inputs)
    assert made is samples
    for i, ((h, w), sample) in enumerate(zip(sizes, made, strict=True)):
        assert isinstance(sample, BaseDataElement)
        full = {
            'try_on': composition.try_on,
            'warped_cloth': result.warped_cloth,
            'warped_mask': result.warped_mask,
            'person': inputs['person'],
            'cloth': inputs['cloth'],
            'cloth_mask': inputs['cloth_mask'],
            'person_cloth_mask': conditions.person_cloth_mask(inputs['parse']),
            'gt_flow': flow,
        }
        for name, value in full.items():
            assert torch.equal(sample.get(name), value[i, :, :h, :w]), name
        assert sample.flow.shape == (2, h, w)
    torch.testing.assert_close(made[1].flow, result.grid[1])


def test_a_wrong_mode_is_named(build_tutor, inputs):
    with pytest.raises(ValueError, match='got '):
        build_tutor()(inputs, mode='forward')
    with pytest.raises(ValueError, match="'predict' needs data_samples"):
        build_tutor()(inputs, mode='predict')


@pytest.mark.parametrize('name', ['warp_loss', 'try_on_loss'])
def test_training_without_a_loss_names_it(build_tutor, inputs, name):
    with pytest.raises(UserError, match=f'model.{name} is None'):
        build_tutor(**{name: None})(inputs, mode='loss')


def test_a_tutor_without_generator_cannot_teach(build_tutor, inputs):
    tutor = build_tutor(generator=None)
    with pytest.raises(UserError, match='ParserBasedTryOn has no generator'):
        tutor.teach(inputs)
