# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Training step of the try-on student: as published against ours.

In each step the tutor warps an unpaired garment, generates the person in it,
and warps the garment truly worn. As published, it runs twice in full, at all
scales, and records a graph for gradients that are never used. Here it encodes
the person once, its layers are fused and it records no graph. While a part
of the student is frozen, its gradients are not computed either.

Three sides alternate, the fastest of ``--rounds`` counts: all as published,
with correlation shift by shift; the same with our correlation, so that the
student, losses and optimizer are the same code; and ours. Weights are random,
of VGG19 too; widths are full and images 256 x 192 px. Times are CPU seconds
(seconds on a GPU).

Example:
    OMP_NUM_THREADS=1 python benchmarks/tryon_training.py \
        --out tryon_training.json
"""

import argparse
from unittest import mock

import report
import torch
from tryon_inference import Alternation, draw, peak

from mmfashion_ext.hub import get_model
from mmfashion_ext.tryon import warp_net
from mmfashion_ext.tryon.correlation import correlation_plain
from mmfashion_ext.tryon.frozen import Frozen
from mmfashion_ext.tryon.generator import compose
from mmfashion_ext.tryon.student import ParserFreeTryOn, prepare_teacher
from mmfashion_ext.tryon.tryon_model import Inputs
from mmfashion_ext.tryon.tutor import ParserBasedTryOn, TutorOutput
from mmfashion_ext.utils.cli import run_tool

MODELS = {
    'warp': 'pf-afn_warp_8xb4-200e_viton-256x192',
    'e2e': 'pf-afn_e2e_8xb4-100e_viton-256x192',
}


class PlainTutor(ParserBasedTryOn):
    """Tutor that runs twice in full, under autograd."""

    def teach(self, inputs: Inputs) -> TutorOutput:
        """Teach as :meth:`ParserBasedTryOn.teach` does."""
        condition = self.condition(inputs)
        unpaired = self.warp_net(
            condition, inputs['unpaired_cloth'], inputs['unpaired_cloth_mask']
        )
        cloth, mask = unpaired.warped_cloth, unpaired.warped_mask
        raw = self.generator(self.generator_input(inputs, unpaired, mask))
        image = compose(raw, cloth, mask).try_on
        paired = self.warp_net(
            condition, inputs['cloth'], inputs['cloth_mask']
        )
        return TutorOutput(image.detach(), mask.detach(), paired)


def make_student(args: argparse.Namespace) -> ParserFreeTryOn:
    """Build a student and its tutor, without any file."""
    perceptual = {'checkpoint': None, 'seed': 0}
    student = get_model(
        MODELS[args.stage],
        **{'model.perceptual': None if args.skip_vgg else perceptual},
    )
    return student.to(args.device).train()


def make_tutors(
    student: ParserFreeTryOn, device: str
) -> tuple[Frozen, Frozen]:
    """Build the plain tutor and ours, with the same weights."""
    cfg = {k: v for k, v in student.teacher_cfg.items() if k != 'type'}
    plain = PlainTutor(**cfg).to(device)
    ours = ParserBasedTryOn(**cfg).to(device)
    ours.load_state_dict(plain.state_dict())
    tutors = Frozen(plain), prepare_teacher(ours)
    plain.requires_grad_(True)
    return tutors


def make_batch(args: argparse.Namespace) -> Inputs:
    """Return persons, garments, and maps of noise."""
    size = 256, 192
    shape = (args.batch_size, 1, *size)
    person, cloth, mask = draw(args.batch_size, size, args.device)
    _, other, other_mask = draw(args.batch_size, size, args.device)
    options = {'device': args.device}
    joints = torch.rand(args.batch_size, 18, *size, **options) > 0.99
    return {
        'person': person,
        'cloth': cloth,
        'cloth_mask': mask,
        'unpaired_cloth': other,
        'unpaired_cloth_mask': other_mask,
        'parse': torch.randint(14, shape, **options),
        'densepose': torch.randint(25, shape, **options),
        'pose_map': joints.float() * 2 - 1,
    }


def compare(args: argparse.Namespace) -> dict[str, float]:
    """Measure all sides; see the module."""
    torch.manual_seed(0)
    student = make_student(args)
    plain, ours = make_tutors(student, args.device)
    batch = make_batch(args)
    optimizer = torch.optim.Adam(student.parameters(), lr=0.0)
    frozen = [
        parameter
        for name, parameter in student.named_parameters()
        if not any(part in name for part in ParserFreeTryOn.NEW_PARTS)
    ]

    def step(tutor: Frozen, hold: bool = False) -> float:
        student.teacher = tutor
        for parameter in frozen:  # as PartialStartHook does
            parameter.requires_grad_(not hold)
        loss, _ = student.parse_losses(student.loss(batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    def published() -> float:
        with mock.patch.object(warp_net, 'correlation', correlation_plain):
            return step(plain)

    steps = {
        'as published': published,
        'plain tutor': lambda: step(plain),
        'ours': lambda: step(ours),
    }
    if args.stage == 'warp':
        steps['ours, a part frozen'] = lambda: step(ours, hold=True)
    tutors = {
        'tutor alone, plain': lambda: plain.module.teach(batch),
        'tutor alone, ours': lambda: ours.module.teach(batch),
    }
    seconds = Alternation(args.device, args.rounds)(**steps, **tutors)
    result = {f'{name}, s': value for name, value in seconds.items()}
    for side in list(steps)[:2]:
        for other in list(steps)[2:]:
            ratio = seconds[side] / seconds[other]
            result[f'{other}: times faster than {side}'] = ratio
    ratio = seconds['tutor alone, plain'] / seconds['tutor alone, ours']
    result['tutor alone, times faster'] = ratio
    for name, run in (steps | tutors).items():
        result[f'{name}, MiB'] = peak(run, args.device)
    losses = {name: run() for name, run in steps.items()}
    result['largest difference of a loss, relative'] = (
        max(losses.values()) / min(losses.values()) - 1
    )
    return result


def parse_args() -> argparse.Namespace:
    parser = report.parser(__doc__)
    parser.add_argument('--stage', default='warp', choices=MODELS)
    parser.add_argument('--batch-size', type=int, default=2)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--device', default='cpu', help='cpu or cuda')
    parser.add_argument(
        '--skip-vgg', action='store_true', help='no perceptual losses'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    result = compare(args)
    report.show(
        f'{args.stage} stage, 256 x 192 px, batch of {args.batch_size}, '
        f'{args.device}, '
        f'{args.threads} thread(s), fastest of {args.rounds}',
        result,
        args,
    )


if __name__ == '__main__':
    run_tool(main)
