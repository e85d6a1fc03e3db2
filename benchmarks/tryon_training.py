# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""A training step of the student's warp stage, as published against ours.

In each step the tutor warps an unpaired garment, paints the person in it, and
warps the garment truly worn. As published, it runs twice in full, at all
scales, and records what its own gradients would need, though nobody asks for
them. Here it looks at the person once and records nothing. The student,
losses and optimizer are the same code on both sides. Weights are random, of
VGG19 too; widths are full and pictures 256 x 192 px. The sides take turns,
the fastest of ``--rounds`` counts. Times are CPU seconds (seconds on a GPU).

Example:
    OMP_NUM_THREADS=1 python benchmarks/tryon_training.py \
        --out tryon_training.json
"""

import argparse
from collections.abc import Callable

import report
import torch
from tryon_inference import Turns, draw, peak

from mmfashion_ext.common.cli import run_tool
from mmfashion_ext.common.frozen import Frozen
from mmfashion_ext.hub import get_model
from mmfashion_ext.tryon.generator import compose
from mmfashion_ext.tryon.student import ParserFreeTryOn, prepare_teacher
from mmfashion_ext.tryon.tryon_model import Inputs
from mmfashion_ext.tryon.tutor import ParserBasedTryOn, Tutoring

MODEL = 'pf-afn_warp_8xb4-200e_viton-256x192'


class PlainTutor(ParserBasedTryOn):
    """A tutor that runs twice in full, under autograd."""

    def tutor(self, inputs: Inputs) -> Tutoring:
        """As :meth:`ParserBasedTryOn.tutor`."""
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
        return Tutoring(image.detach(), mask.detach(), paired)


def make_student(args: argparse.Namespace) -> ParserFreeTryOn:
    """A student and its tutor, without any file."""
    perceptual = {'checkpoint': None, 'seed': 0}
    student = get_model(
        MODEL,
        **{'model.perceptual': None if args.skip_vgg else perceptual},
    )
    return student.to(args.device).train()


def make_tutors(
    student: ParserFreeTryOn, device: str
) -> tuple[Frozen, Frozen]:
    """The plain one and ours, with the same weights."""
    cfg = {k: v for k, v in student.teacher_cfg.items() if k != 'type'}
    plain = PlainTutor(**cfg).to(device)
    ours = ParserBasedTryOn(**cfg).to(device)
    ours.load_state_dict(plain.state_dict())
    tutors = Frozen(plain), prepare_teacher(ours)
    plain.requires_grad_(True)
    return tutors


def make_batch(args: argparse.Namespace) -> Inputs:
    """Persons and garments, and maps of noise."""
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
    """Run both; see the module."""
    torch.manual_seed(0)
    student = make_student(args)
    tutors = dict(
        zip(('plain', 'ours'), make_tutors(student, args.device), strict=True)
    )
    batch = make_batch(args)
    optimizer = torch.optim.Adam(student.parameters(), lr=0.0)
    losses = {}

    def step(side: str) -> Callable[[], None]:
        def run() -> None:
            student.teacher = tutors[side]
            loss, _ = student.parse_losses(student.loss(batch))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[side] = float(loss.detach())

        return run

    steps = {side: step(side) for side in tutors}
    seconds = Turns(args.device, args.rounds)(
        **steps,
        plain_tutor=lambda: tutors['plain'].module.tutor(batch),
        our_tutor=lambda: tutors['ours'].module.tutor(batch),
    )
    memory = {side: peak(steps[side], args.device) for side in tutors}
    return {
        'step, plain, s': seconds['plain'],
        'step, ours, s': seconds['ours'],
        'step, times faster': seconds['plain'] / seconds['ours'],
        'tutor alone, plain, s': seconds['plain_tutor'],
        'tutor alone, ours, s': seconds['our_tutor'],
        'tutor alone, times faster': seconds['plain_tutor']
        / seconds['our_tutor'],
        'memory of a step, plain, MiB': memory['plain'],
        'memory of a step, ours, MiB': memory['ours'],
        'loss, plain': losses['plain'],
        'loss, ours': losses['ours'],
    }


def parse_args() -> argparse.Namespace:
    parser = report.parser(__doc__)
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
        f'256 x 192 px, batch of {args.batch_size}, {args.device}, '
        f'{args.threads} thread(s), fastest of {args.rounds}',
        result,
        args,
    )


if __name__ == '__main__':
    run_tool(main)
