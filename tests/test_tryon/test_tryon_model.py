# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The four stages: what is learnt, what is taught, what is kept."""

import copy
import functools

import pytest
import torch

pytest.importorskip('mmengine')
from mmengine.logging import MessageHub
from mmengine.structures import BaseDataElement

from mmfashion_ext.errors import UserError
from mmfashion_ext.registry import MODELS
from mmfashion_ext.tryon import TryOnDataSample, conditions
from mmfashion_ext.tryon.generator import compose
from mmfashion_ext.utils.checkpoint import CheckpointError

H, W = 64, 32
WARP = {
    'type': 'mmfashion_ext.AppearanceFlowWarp',
    'widths': (4, 4, 6, 6, 6),
    'channels': 6,
    'head_channels': (6, 4, 4),
}
GENERATOR = {
    'type': 'mmfashion_ext.TryOnGenerator',
    'widths': (4, 4, 6, 6, 6),
}
LOSSES = {'warp_loss': {'type': 'mmfashion_ext.WarpLoss'}}
END_TO_END = {'try_on_loss': {'type': 'mmfashion_ext.TryOnLoss'}}
TUTOR = {
    'type': 'mmfashion_ext.ParserBasedTryOn',
    'warp_net': {**WARP, 'condition_channels': 45},
    'generator': {**GENERATOR, 'in_channels': 8},
}


def build(cfg):
    torch.manual_seed(0)
    return MODELS.build(cfg)


def tutor(**kwargs):
    return build({**TUTOR, **LOSSES, **END_TO_END, **kwargs})


@pytest.fixture(scope='module')
def tutor_file(tmp_path_factory):
    path = tmp_path_factory.mktemp('tutor') / 'tutor.pth'
    torch.manual_seed(1)
    torch.save({'state_dict': MODELS.build(TUTOR).state_dict()}, path)
    return path


def student(checkpoint, end_to_end=True, **kwargs):
    cfg = {
        'type': 'mmfashion_ext.ParserFreeTryOn',
        'warp_net': {**WARP, 'condition_channels': 3},
        'teacher': TUTOR,
        'teacher_checkpoint': str(checkpoint),
        'distillation': {'type': 'mmfashion_ext.AdjustableDistillation'},
        **LOSSES,
    }
    if end_to_end:
        cfg.update(
            END_TO_END,
            generator={**GENERATOR, 'in_channels': 7},
            skin_loss={'type': 'mmfashion_ext.SkinLoss'},
            warp_weight=0.25,
        )
    return build({**cfg, **kwargs})


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(2)

    def draw(channels):
        return torch.rand(2, channels, H, W, generator=generator)

    mask = (draw(1) > 0.3).float()
    other = (draw(1) > 0.3).float()
    return {
        'person': draw(3) * 2 - 1,
        'cloth': (draw(3) * 2 - 1) * mask,
        'cloth_mask': mask,
        'unpaired_cloth': (draw(3) * 2 - 1) * other,
        'unpaired_cloth_mask': other,
        'parse': (draw(1) * 14).long(),
        'densepose': (draw(1) * 25).long(),
        'pose_map': (draw(18) > 0.9).float() * 2 - 1,
    }


def gradients(model, losses):
    """Names of the parameters that a sum of losses reaches."""
    model.zero_grad()
    loss, _ = model.parse_losses(losses)
    loss.backward()
    named = model.named_parameters()
    return {n for n, p in named if p.grad is not None and p.grad.any()}


def test_warp_stage_of_the_tutor(inputs):
    model = tutor(generator=None, try_on_loss=None).train()
    losses = model(inputs, mode='loss')
    assert set(losses) == {
        *('loss_tv', 'loss_cloth', 'loss_mask', 'loss_second_order')
    }
    assert any('condition' in name for name in gradients(model, losses))
    composition, result = model.eval()(inputs)
    assert composition is None
    assert result.warped_cloth.shape == (2, 3, H, W)


def test_end_to_end_stage_weighs_the_warp(inputs):
    """0.5 W + G, and G reaches the warp network."""
    model = tutor(warp_weight=0.5).eval()
    whole = tutor(warp_weight=1.0).eval()
    half, full = (m(inputs, mode='loss') for m in (model, whole))
    for name in ('loss_tv', 'loss_cloth', 'loss_mask', 'loss_second_order'):
        torch.testing.assert_close(2 * half[name], full[name])
    for name in ('loss_try_on', 'loss_rendered', 'loss_mask_completeness'):
        torch.testing.assert_close(half[name], full[name])
    reached = gradients(model, {'loss': half['loss_try_on']})
    assert any(name.startswith('warp_net') for name in reached)


def test_the_tutor_reads_eight_channels(inputs):
    """Preserved region, warped cloth and mask, the arms that are bare."""
    model = tutor().eval()
    _, result = model(inputs)
    arms_under = torch.full((2, 1, H, W), 0.25)
    made = model.generator_input(inputs, result, arms_under)
    parse, densepose = inputs['parse'], inputs['densepose']
    expected = [
        conditions.preserved_region(inputs['person'], parse, densepose),
        result.warped_cloth,
        result.warped_mask,
        conditions.dense_arm_mask(densepose) * 0.75,
    ]
    assert torch.equal(made, torch.cat(expected, dim=1))
    assert made.shape[1] == 8


def test_paired_training_knows_where_the_garment_is(inputs):
    """m includes the mask of the garment truly worn, in training alone."""
    model = tutor().eval()
    worn = conditions.person_cloth_mask(inputs['parse'])
    raws = []
    handle = model.generator.register_forward_hook(
        lambda module, args, output: raws.append(output)
    )
    losses = model(inputs, mode='loss')
    _, result = model(inputs)
    handle.remove()
    warped = result.warped_cloth, result.warped_mask
    inside = compose(raws[0], *warped, worn)
    expected = (1 - inside.mask).abs().mean()
    torch.testing.assert_close(losses['loss_mask_completeness'], expected)
    assert torch.equal(compose(raws[0], *warped).mask * worn, inside.mask)


def test_tutoring_is_two_plain_try_ons(inputs, tutor_file):
    """A look at the person and fused layers give what two passes give."""
    model = student(tutor_file)
    model.init_weights()
    tutoring = model.teacher.module.tutor(inputs)
    teacher = MODELS.build(TUTOR).eval()
    teacher.load_state_dict(torch.load(tutor_file)['state_dict'])
    swapped = inputs | {
        'cloth': inputs['unpaired_cloth'],
        'cloth_mask': inputs['unpaired_cloth_mask'],
    }
    with torch.no_grad():
        composition, unpaired = teacher.try_on(swapped)
        _, paired = teacher.try_on(inputs)
    close = functools.partial(torch.testing.assert_close, atol=1e-4, rtol=0)
    close(tutoring.image, composition.try_on)
    close(tutoring.unpaired_mask, unpaired.warped_mask)
    close(tutoring.paired.warped_cloth, paired.warped_cloth)
    for field in ('grids', 'condition_features'):
        ours, theirs = (getattr(x, field) for x in (tutoring.paired, paired))
        for one, other in zip(ours, theirs, strict=True):
            close(one, other)
    assert not tutoring.image.requires_grad


def test_the_student_never_sees_the_photograph_in_training(inputs, tutor_file):
    model = student(tutor_file).train()
    model.init_weights()
    seen = []
    encode = model.warp_net.encode_condition
    model.warp_net.encode_condition = lambda x: seen.append(x) or encode(x)
    model(inputs, mode='loss')
    image = model.teacher.module.tutor(inputs).image
    assert len(seen) == 1
    assert torch.equal(seen[0], image)
    model.eval()(inputs)
    assert torch.equal(seen[1], inputs['person'])


def test_losses_of_the_students_stages(inputs, tutor_file):
    warp = {'loss_tv', 'loss_cloth', 'loss_mask', 'loss_second_order'}
    distilled = {'loss_distill_feature', 'loss_distill_flow', 'distill_share'}
    model = student(tutor_file, end_to_end=False).train()
    model.init_weights()
    assert set(model(inputs, mode='loss')) == warp | distilled
    plain = student(tutor_file, end_to_end=False, distillation=None).train()
    plain.init_weights()
    assert set(plain(inputs, mode='loss')) == warp
    whole = student(tutor_file).train()
    whole.init_weights()
    losses = whole(inputs, mode='loss')
    assert set(losses) == warp | distilled | {
        *('loss_try_on', 'loss_rendered', 'loss_mask_completeness'),
        'loss_skin',
    }
    reached = gradients(whole, losses)
    assert all(name.startswith(('warp_net', 'generator')) for name in reached)
    assert {name.split('.')[0] for name in reached} == {
        *('warp_net', 'generator')
    }


def test_a_quarter_of_warp_and_distillation(inputs, tutor_file):
    losses = []
    for weight in (1.0, 0.25):
        model = student(
            tutor_file,
            warp_weight=weight,
            distillation={
                'type': 'mmfashion_ext.AdjustableDistillation',
                'selection': 'fixed',
            },
        ).eval()
        model.init_weights()
        losses.append(model(inputs, mode='loss'))
    one, quarter = losses
    for name in ('loss_cloth', 'loss_distill_feature', 'loss_distill_flow'):
        torch.testing.assert_close(quarter[name] * 4, one[name])
    assert quarter['distill_share'] == one['distill_share'] == 1
    torch.testing.assert_close(quarter['loss_skin'], one['loss_skin'])


@pytest.mark.parametrize(('epoch', 'factor'), [(48, 30), (49, 60)])
def test_skin_terms_switch(inputs, tutor_file, epoch, factor):
    """Epochs count from 1: the 50th is number 49 here."""
    model = student(tutor_file).eval()
    model.init_weights()
    hub = MessageHub.get_current_instance()
    hub.update_info('epoch', epoch)
    try:
        loss = model(inputs, mode='loss')['loss_skin']
    finally:
        hub.pop_info('epoch')
    tutoring = model.teacher.module.tutor(inputs)
    worn = conditions.person_cloth_mask(inputs['parse'])
    skin = tutoring.unpaired_mask * (1 - worn)
    seen = inputs | {'person': tutoring.image}
    composition, _ = model.try_on(seen)
    gap = (composition.rendered - inputs['person']).abs() * skin
    torch.testing.assert_close(loss, factor * gap.mean())


def test_teacher_is_no_part_of_the_student(tutor_file):
    model = student(tutor_file)
    before = set(model.state_dict())
    model.init_weights()
    assert set(model.state_dict()) == before
    assert not any('teacher' in name for name in before)
    model.train()
    assert not model.teacher.module.training
    # a test, or a user, needs none
    other = student('nowhere.pth')
    other.load_state_dict(model.state_dict())


def test_student_starts_from_the_tutor(tutor_file):
    model = student(tutor_file, start_from_teacher=True)
    fresh = copy.deepcopy(model.warp_net.state_dict())
    model.init_weights()
    weights = torch.load(tutor_file)['state_dict']
    taught = {k.removeprefix('warp_net.'): v for k, v in weights.items()}
    kinds = {True: set(), False: set()}
    for name, value in model.warp_net.state_dict().items():
        new = 'condition_' in name or 'refine' in name
        source = fresh if new else taught
        assert torch.equal(value, source[name]), name
        kinds[new].add(name)
    assert all(kinds.values())
    assert any('main' in name for name in kinds[False])
    # without the wish nothing is copied
    plain = student(tutor_file)
    plain.init_weights()
    assert all(
        torch.equal(value, fresh[name])
        for name, value in plain.warp_net.state_dict().items()
    )


def test_a_missing_or_wrong_tutor_is_an_error(tmp_path):
    for missing in (tmp_path / 'none.pth', ''):
        with pytest.raises(UserError, match='teacher_checkpoint'):
            student(missing).init_weights()
    torch.save({'state_dict': {'a': torch.zeros(1)}}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='another model'):
        student(tmp_path / 'a.pth').init_weights()


def test_predictions_are_cropped(inputs, tutor_file):
    model = student(tutor_file).eval()
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


def test_a_wrong_mode_is_named(inputs):
    with pytest.raises(ValueError, match='got '):
        tutor()(inputs, mode='forward')
