# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The stages of the student: what it sees, learns and starts from."""

import copy
import functools
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip('mmengine')
from mmengine.config import Config
from mmengine.logging import MessageHub

from mmfashion_ext.errors import UserError
from mmfashion_ext.hub import config_path
from mmfashion_ext.tryon import SwitchLossHook, conditions, student
from mmfashion_ext.utils.checkpoint import CheckpointError


def test_teaching_is_two_plain_try_ons(
    build_student, inputs, tutor_file, read_tutor
):
    """One encoding of the person and fused layers equal two passes."""
    model = build_student(tutor_file)
    model.init_weights()
    taught = model.teacher.module.teach(inputs)
    teacher = read_tutor()
    swapped = inputs | {
        'cloth': inputs['unpaired_cloth'],
        'cloth_mask': inputs['unpaired_cloth_mask'],
    }
    with torch.no_grad():
        composition, unpaired = teacher.try_on(swapped)
        _, paired = teacher.try_on(inputs)
    close = functools.partial(torch.testing.assert_close, atol=1e-4, rtol=0)
    close(taught.image, composition.try_on)
    close(taught.unpaired_mask, unpaired.warped_mask)
    close(taught.paired.warped_cloth, paired.warped_cloth)
    for field in ('grids', 'condition_features'):
        ours, theirs = (getattr(x, field) for x in (taught.paired, paired))
        for one, other in zip(ours, theirs, strict=True):
            close(one, other)
    assert not taught.image.requires_grad


def test_the_student_never_sees_the_photograph_in_training(
    build_student, inputs, tutor_file
):
    model = build_student(tutor_file).train()
    model.init_weights()
    seen = []
    encode = model.warp_net.encode_condition
    model.warp_net.encode_condition = lambda x: seen.append(x) or encode(x)
    model(inputs, mode='loss')
    image = model.teacher.module.teach(inputs).image
    assert len(seen) == 1
    assert torch.equal(seen[0], image)
    model.eval()(inputs)
    assert torch.equal(seen[1], inputs['person'])


def test_losses_of_the_students_stages(
    build_student, inputs, tutor_file, reached
):
    warp = {'loss_tv', 'loss_cloth', 'loss_mask', 'loss_second_order'}
    distilled = {'loss_distill_feature', 'loss_distill_flow', 'distill_share'}
    model = build_student(tutor_file, end_to_end=False).train()
    model.init_weights()
    assert set(model(inputs, mode='loss')) == warp | distilled
    plain = build_student(
        tutor_file, end_to_end=False, distillation=None
    ).train()
    plain.init_weights()
    assert set(plain(inputs, mode='loss')) == warp
    whole = build_student(tutor_file).train()
    whole.init_weights()
    losses = whole(inputs, mode='loss')
    assert set(losses) == warp | distilled | {
        *('loss_try_on', 'loss_rendered', 'loss_mask_completeness'),
        'loss_skin',
    }
    names = reached(whole, losses)
    assert all(name.startswith(('warp_net', 'generator')) for name in names)
    assert {name.split('.')[0] for name in names} == {
        *('warp_net', 'generator')
    }


def test_a_quarter_of_warp_and_distillation(build_student, inputs, tutor_file):
    losses = []
    for weight in (1.0, 0.25):
        model = build_student(
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
def test_skin_terms_switch(build_student, inputs, tutor_file, epoch, factor):
    """Epochs count from 1: the 50th is number 49 here."""
    model = build_student(tutor_file).eval()
    model.init_weights()
    cfg = Config.fromfile(
        config_path('pf-afn_e2e_8xb4-100e_viton-256x192')
    ).custom_hooks[0]
    assert cfg.pop('type') == 'mmfashion_ext.SwitchLossHook'
    runner = SimpleNamespace(model=model, epoch=epoch)
    SwitchLossHook(**cfg).before_train_epoch(runner)
    loss = model(inputs, mode='loss')['loss_skin']
    taught = model.teacher.module.teach(inputs)
    worn = conditions.person_cloth_mask(inputs['parse'])
    skin = taught.unpaired_mask * (1 - worn)
    seen = inputs | {'person': taught.image}
    composition, _ = model.try_on(seen)
    gap = (composition.rendered - inputs['person']).abs() * skin
    torch.testing.assert_close(loss, factor * gap.mean())


def test_losses_depend_on_the_inputs_alone(
    build_student, inputs, tutor_file, monkeypatch
):
    """Not on an epoch, nor on what was computed before."""
    model = build_student(tutor_file).eval()
    model.init_weights()
    masks = []

    def count(parse, classes):
        masks.append(conditions.person_cloth_mask(parse, classes))
        return masks[-1]

    monkeypatch.setattr(student, 'person_cloth_mask', count)
    first = model(inputs, mode='loss')
    assert len(masks) == 1, 'the worn mask is computed once'
    hub = MessageHub.get_current_instance()
    hub.update_info('epoch', 99)
    try:
        second = model(inputs, mode='loss')
    finally:
        hub.pop_info('epoch')
    assert list(first) == list(second)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_teacher_is_no_part_of_the_student(build_student, tutor_file):
    model = build_student(tutor_file)
    before = set(model.state_dict())
    model.init_weights()
    assert set(model.state_dict()) == before
    assert not any('teacher' in name for name in before)
    model.train()
    assert not model.teacher.module.training
    # a test, or a user, needs none
    other = build_student('nowhere.pth')
    other.load_state_dict(model.state_dict())


def test_student_starts_from_the_tutor(build_student, tutor_file):
    model = build_student(tutor_file, start_from_teacher=True)
    fresh = copy.deepcopy(model.warp_net.state_dict())
    model.init_weights()
    weights = torch.load(tutor_file)['state_dict']
    weights = {k.removeprefix('warp_net.'): v for k, v in weights.items()}
    kinds = {True: set(), False: set()}
    for name, value in model.warp_net.state_dict().items():
        new = 'condition_' in name or 'refine' in name
        source = fresh if new else weights
        assert torch.equal(value, source[name]), name
        kinds[new].add(name)
    assert all(kinds.values())
    assert any('main' in name for name in kinds[False])
    # without that argument nothing is copied
    plain = build_student(tutor_file)
    plain.init_weights()
    assert all(
        torch.equal(value, fresh[name])
        for name, value in plain.warp_net.state_dict().items()
    )


def test_a_missing_or_wrong_tutor_is_an_error(build_student, tmp_path):
    for missing in (tmp_path / 'none.pth', ''):
        with pytest.raises(UserError, match='teacher_checkpoint'):
            build_student(missing).init_weights()
    torch.save({'state_dict': {'a': torch.zeros(1)}}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='another model'):
        build_student(tmp_path / 'a.pth').init_weights()


def test_a_student_without_tutor_is_not_trained(
    build_student, inputs, tutor_file
):
    student = build_student(tutor_file)  # init_weights builds the tutor
    with pytest.raises(
        UserError, match=r'model\.teacher and model.teacher_ch'
    ):
        student(inputs, mode='loss')
